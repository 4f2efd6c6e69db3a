package pve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// CertificateError says that a server showed another certificate than the pinned one, or, if Want is zero, one that
// no known authority signed.
type CertificateError struct {
	Endpoint string
	Want     Fingerprint // what is pinned, the first of several; zero if nothing is
	Got      Fingerprint // what the server shows
	Err      error       // why the certificate was not accepted, if nothing is pinned
}

// Error is one sentence with the fingerprints.
func (e *CertificateError) Error() string {
	if e.Want == (Fingerprint{}) {
		return fmt.Sprintf("certificate of %s is not trusted (%v); its SHA-256 fingerprint is %s",
			e.Endpoint, e.Err, FormatFingerprint(e.Got))
	}
	return fmt.Sprintf("certificate of %s has changed: expected SHA-256 fingerprint %s, got %s",
		e.Endpoint, FormatFingerprint(e.Want), FormatFingerprint(e.Got))
}

// Unwrap returns the error of the verification.
func (e *CertificateError) Unwrap() error { return e.Err }

// tlsConfig verifies by the pinned leafs alone, or the usual way against authorities (nil: those of the system).
// Pins are checked by VerifyConnection, which runs for resumed sessions too.
func tlsConfig(pins []Fingerprint, authorities *x509.CertPool) *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            authorities,
		ClientSessionCache: tls.NewLRUClientSessionCache(32),
	}
	if len(pins) > 0 {
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error { return checkPins(pins, s) }
	}
	return c
}

func checkPins(pins []Fingerprint, s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("server shows no certificate")
	}
	if got := fingerprintOf(s.PeerCertificates[0]); !slices.Contains(pins, got) {
		return &CertificateError{Endpoint: s.ServerName, Want: pins[0], Got: got}
	}
	return nil
}

// explainTLS turns a failed verification into a *CertificateError that names the endpoint.
func explainTLS(endpoint string, err error) error {
	var pinned *CertificateError
	if errors.As(err, &pinned) {
		return &CertificateError{Endpoint: endpoint, Want: pinned.Want, Got: pinned.Got}
	}
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		return &CertificateError{Endpoint: endpoint, Got: fingerprintOf(unverified.UnverifiedCertificates[0]), Err: unverified.Err}
	}
	return err
}

// Certificate is what a server shows before anyone decided to trust it.
type Certificate struct {
	Fingerprint Fingerprint
	Subject     string
	Issuer      string
	Names       []string // host names and addresses it is made for
	NotBefore   time.Time
	NotAfter    time.Time
}

// FetchCertificate asks an address (https://HOST:8006) for its certificate without trusting it and without sending
// anything else, so that a person can compare the fingerprint.
func FetchCertificate(ctx context.Context, endpoint string) (Certificate, error) {
	address, err := parseEndpoint(endpoint)
	if err != nil {
		return Certificate{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+handshakeTimeout)
	defer cancel()
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: dialTimeout},
		Config:    &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}
	conn, err := dialer.DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return Certificate{}, fmt.Errorf("fetch certificate of %s: %w", endpoint, err)
	}
	defer func() { _ = conn.Close() }() // nothing was written
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	return describe(leaf), nil
}

func describe(leaf *x509.Certificate) Certificate {
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return Certificate{
		Fingerprint: fingerprintOf(leaf),
		Subject:     leaf.Subject.String(),
		Issuer:      leaf.Issuer.String(),
		Names:       names,
		NotBefore:   leaf.NotBefore.UTC(),
		NotAfter:    leaf.NotAfter.UTC(),
	}
}
