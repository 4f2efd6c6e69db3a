package app

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// behindProxies makes requests that come through a trusted proxy look as if the browser had sent them itself: RemoteAddr
// is the browser's address, and the scheme of the URL is https if the browser spoke TLS with the proxy. What anybody else
// says about such things is ignored.
func behindProxies(next http.Handler, trusted []netip.Prefix) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && isTrusted(peer.Addr(), trusted) {
			r = asTheBrowser(r, peer.Addr(), trusted)
		}
		next.ServeHTTP(w, r)
	})
}

func asTheBrowser(r *http.Request, peer netip.Addr, trusted []netip.Prefix) *http.Request {
	told := *r
	address := *r.URL
	if protos := r.Header.Values("X-Forwarded-Proto"); len(protos) > 0 && strings.EqualFold(lastOf(protos[len(protos)-1]), "https") {
		address.Scheme = "https"
	}
	told.URL = &address
	told.RemoteAddr = net.JoinHostPort(clientOf(r.Header.Values("X-Forwarded-For"), peer, trusted).String(), "0")
	return &told
}

// clientOf is the last address of the chain that is not of a trusted proxy: those before it can be anybody's invention.
func clientOf(forwarded []string, peer netip.Addr, trusted []netip.Prefix) netip.Addr {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	client := peer
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return client
		}
		client = hop.Unmap().WithZone("")
		if !isTrusted(client, trusted) {
			return client
		}
	}
	return client
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	address = address.Unmap().WithZone("")
	for _, prefix := range trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

func lastOf(list string) string {
	parts := strings.Split(list, ",")
	return strings.TrimSpace(parts[len(parts)-1])
}
