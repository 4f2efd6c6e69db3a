package app

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"berth"
)

// certificate is that of the web interface. It is read again when its files have changed, as after a renewal.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	now     *tls.Certificate
	read    [2]time.Time // when the files changed that now is from
	checked time.Time
	failing bool
}

const certificateCheck = time.Second // between two looks at the files, at least

// loadCertificate reads the files. What is wrong with them comes back as Invalid.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, berth.Errorf(berth.Invalid, "TLS takes both a certificate and its key: give --tls-cert and --tls-key.")
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, &berth.Error{Code: berth.Invalid, Message: "The certificate " + certFile + " with the key " + keyFile + " cannot be used: " + err.Error() + ".", Err: err}
	}
	return c, nil
}

// config is for a server.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()), nil }}
}

// current gives the certificate, read again if its files have changed. While they cannot be used the one before stays.
func (c *certificate) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.checked) < certificateCheck {
		return c.now
	}
	c.checked = now
	if changed, err := c.changes(); err == nil && changed == c.read {
		return c.now
	}
	err := c.load()
	switch {
	case err == nil:
		c.log.Info("the certificate was read again", "file", c.certFile)
	case !c.failing:
		c.log.Error("the new certificate cannot be used; the one before stays", "file", c.certFile, "error", err)
	}
	c.failing = err != nil
	return c.now
}

func (c *certificate) load() error {
	changed, err := c.changes()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.now, c.read = &pair, changed
	return nil
}

func (c *certificate) changes() (at [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return at, err
		}
		at[i] = info.ModTime()
	}
	return at, nil
}
