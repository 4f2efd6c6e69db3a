package pve

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Fingerprint is the SHA-256 of a certificate in DER form.
type Fingerprint = [sha256.Size]byte

// ParseFingerprint reads a SHA-256 fingerprint as "sha256:HEX", as "AB:CD:..." or as plain hexadecimal digits, in any case.
func ParseFingerprint(s string) (Fingerprint, error) {
	digits := strings.ToLower(strings.TrimSpace(s))
	digits = strings.TrimPrefix(digits, "sha256:")
	digits = strings.ReplaceAll(digits, ":", "")
	raw, err := hex.DecodeString(digits)
	switch {
	case digits == "":
		return Fingerprint{}, errors.New("certificate fingerprint is empty")
	case err != nil:
		return Fingerprint{}, fmt.Errorf("certificate fingerprint %.120q holds something other than hexadecimal digits", s)
	case len(raw) == 20:
		return Fingerprint{}, errors.New("certificate fingerprint is a SHA-1 (20 bytes); the SHA-256 (32 bytes) is needed")
	case len(raw) != sha256.Size:
		return Fingerprint{}, fmt.Errorf("certificate fingerprint has %d bytes; a SHA-256 has 32", len(raw))
	}
	return Fingerprint(raw), nil
}

// parseFingerprints reads fingerprints that are separated by commas or white space.
func parseFingerprints(list string) ([]Fingerprint, error) {
	var all []Fingerprint
	for _, s := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
		f, err := ParseFingerprint(s)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// FormatFingerprint writes a fingerprint as Proxmox shows it: pairs of upper-case hexadecimal digits, joined by colons.
func FormatFingerprint(f Fingerprint) string {
	pairs := make([]string, len(f))
	for i, b := range f {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}

func fingerprintOf(c *x509.Certificate) Fingerprint { return sha256.Sum256(c.Raw) }
