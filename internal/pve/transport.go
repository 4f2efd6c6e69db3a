package pve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	headerTimeout    = 35 * time.Second // the server itself gives up after 30 s, with 596
	callTimeout      = 2 * time.Minute
	idleTimeout      = 4 * time.Second // the server closes after 5 s (pve-http-server AnyEvent.pm)
)

// transport reads over connections that are kept and writes over new ones. A kept connection can break in the moment
// in which it is used again: a read is then repeated, a write would fail without anybody knowing whether it was done.
type transport struct{ reads, writes *http.Transport }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return t.reads.RoundTrip(r)
	}
	return t.writes.RoundTrip(r)
}

// CloseIdleConnections is called by that of http.Client.
func (t transport) CloseIdleConnections() { t.reads.CloseIdleConnections() }

// newTransport speaks HTTP/1.1 only: the server knows nothing else, and the text of older servers' errors is in the
// reason phrase, which HTTP/2 has not.
func newTransport(c Config) (transport, error) {
	pins, err := parseFingerprints(c.Fingerprint)
	if err != nil {
		return transport{}, err
	}
	var authorities *x509.CertPool
	if len(c.Authorities) > 0 {
		authorities = x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(c.Authorities) {
			return transport{}, fmt.Errorf("no certificate found in the %d bytes of authorities", len(c.Authorities))
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	reads := &http.Transport{
		DialTLSContext:        dialer{tlsConfig(pins, authorities)}.dial,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   8,
		Protocols:             protocols,
	}
	writes := reads.Clone()
	writes.DisableKeepAlives = true
	return transport{reads, writes}, nil
}

type dialer struct{ config *tls.Config }

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := d.config.Clone() // which shares the cache of sessions
	if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
		_ = plain.Close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return &keptConn{Conn: conn, certificateEnds: conn.ConnectionState().PeerCertificates[0].NotAfter}, nil
}
