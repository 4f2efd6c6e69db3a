package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"berth"
)

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::/64")}
	for name, test := range map[string]struct {
		peer, forwarded, proto string
		wantAddr, wantScheme   string
	}{
		"somebody":                  {"192.0.2.1:999", "203.0.113.9", "https", "192.0.2.1:999", ""},
		"a proxy":                   {"10.0.0.5:999", "203.0.113.9", "https", "203.0.113.9:0", "https"},
		"a proxy without TLS":       {"10.0.0.5:999", "203.0.113.9", "http", "203.0.113.9:0", ""},
		"a proxy that tells little": {"10.0.0.5:999", "", "", "10.0.0.5:0", ""},
		"an invented hop":           {"10.0.0.5:999", "1.2.3.4, 203.0.113.9", "https", "203.0.113.9:0", "https"},
		"two proxies":               {"10.0.0.5:999", "203.0.113.9, 10.0.0.6", "https", "203.0.113.9:0", "https"},
		"nonsense":                  {"10.0.0.5:999", "203.0.113.9, <script>", "https", "10.0.0.5:0", "https"},
		"an invented scheme":        {"10.0.0.5:999", "203.0.113.9", "https, http", "203.0.113.9:0", ""},
		"IPv6":                      {"[fd00::1]:999", "2001:db8::1", "https", "[2001:db8::1]:0", "https"},
	} {
		var addr, scheme string
		handler := behindProxies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { addr, scheme = r.RemoteAddr, r.URL.Scheme }), trusted)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.peer
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		r.Header.Set("X-Forwarded-Proto", test.proto)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if addr != test.wantAddr || scheme != test.wantScheme {
			t.Errorf("%s: %s %q, want %s %q", name, addr, scheme, test.wantAddr, test.wantScheme)
		}
	}
}

// writeCertificate writes a new certificate with the serial number and its key.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(serial) * time.Minute) // however coarse the clock of the file system is
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func serialOf(t *testing.T, c *tls.Certificate) int64 {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert.SerialNumber.Int64()
}

func TestACertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	c, err := loadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	want := func(what string, serial int64) {
		t.Helper()
		now = now.Add(certificateCheck)
		if got := serialOf(t, c.current(now)); got != serial {
			t.Errorf("%s: certificate %d, want %d", what, got, serial)
		}
	}
	want("at first", 1)
	writeCertificate(t, dir, 2)
	want("after a renewal", 2)
	if err := os.WriteFile(certFile, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("while it is broken", 2)
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	want("while it is gone", 2)
	writeCertificate(t, dir, 3)
	want("after it was mended", 3)
}

func TestBadCertificatesAreSaidAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	for _, files := range [][2]string{{certFile, ""}, {"", keyFile}, {certFile, filepath.Join(dir, "none")}, {keyFile, certFile}} {
		if _, err := loadCertificate(files[0], files[1], slog.New(slog.DiscardHandler)); berth.CodeOf(err) != berth.Invalid {
			t.Errorf("%v gives %v, want Invalid", files, err)
		}
	}
}
