package pvesim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// RenewCertificate gives the API port another certificate, as after a renewal; open connections break.
func (s *Sim) RenewCertificate() error {
	cert, err := newCertificate(s.opt.Cluster, s.now())
	if err != nil {
		return err
	}
	s.Stop()
	s.mu.Lock()
	s.cert = cert
	s.mu.Unlock()
	return s.Start("")
}

// certificateLife is how long certificates of nodes that PVE signs itself are valid: two years at most.
const certificateLife = 730 * 24 * time.Hour

// newCertificate makes the self-signed leaf of the API port. It lives as long as the Sim, over Stop and Start.
func newCertificate(cluster string, issued time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate key: %w", err)
	}
	leaf := x509.Certificate{
		SerialNumber: big.NewInt(issued.UnixNano()),
		Subject:      pkix.Name{CommonName: "pve1." + cluster + ".local", OrganizationalUnit: []string{"PVE Cluster Node"}},
		NotBefore:    issued,
		NotAfter:     issued.Add(certificateLife),
		DNSNames:     []string{"localhost", "pve1", "pve1." + cluster + ".local"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &leaf, &leaf, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("parse certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, nil
}

// fingerprint is the SHA-256 of data as upper-case hex pairs with ":".
func fingerprint(data []byte) string {
	sum := sha256.Sum256(data)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	pairs := make([]string, 0, len(sum))
	for i := 0; i < len(text); i += 2 {
		pairs = append(pairs, text[i:i+2])
	}
	return strings.Join(pairs, ":")
}

// hash mixes the seed and some words into a number: the source of everything that looks random in the world.
func hash(seed uint64, words ...string) uint64 {
	h := sha256.New()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	h.Write(b[:])
	for _, w := range words {
		h.Write([]byte(w))
		h.Write([]byte{0})
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// uuid is a random-looking UUID that depends only on the seed and the words.
func uuid(seed uint64, words ...string) string {
	a, b := hash(seed, append(words, "a")...), hash(seed, append(words, "b")...)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}
