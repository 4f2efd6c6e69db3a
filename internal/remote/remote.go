// Package remote runs commands on nodes over SSH, for what the API of Proxmox VE cannot do. Every node must show the key that
// was pinned for it.
package remote

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	dialTimeout = 10 * time.Second
	mostOutput  = 1 << 20 // bytes of a command's output that are kept
)

// NewKey makes a key pair: the private key as PEM, the public one as a line of authorized_keys.
func NewKey(comment string) (private, public string, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return "", "", fmt.Errorf("write a key: %w", err)
	}
	line, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", "", fmt.Errorf("write a key: %w", err)
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))) + " " + comment, nil
}

// errSeen ends a connection that was only made to see the host's key.
var errSeen = errors.New("seen")

// HostKey asks an address (host:port) for its key, as a line of authorized_keys and as a fingerprint (SHA256:...). Nothing is
// trusted and nobody is logged in.
func HostKey(ctx context.Context, address string) (line, fingerprint string, err error) {
	var shown ssh.PublicKey
	config := &ssh.ClientConfig{User: "berth", Timeout: dialTimeout, HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
		shown = key
		return errSeen
	}}
	client, err := dial(ctx, address, config)
	if err == nil {
		_ = client.Close() // it does not get so far
	}
	if shown == nil {
		return "", "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(shown))), ssh.FingerprintSHA256(shown), nil
}

// Target is a node and how to log in there.
type Target struct {
	Address, Login string
	PrivateKey     string // PEM
	HostKey        string // line of authorized_keys that the node must show
}

// HostKeyError tells that a node shows another key than the pinned one.
type HostKeyError struct{ Address, Want, Got string }

// Error is one sentence with the fingerprints.
func (e *HostKeyError) Error() string {
	return fmt.Sprintf("%s shows the host key %s, pinned is %s", e.Address, e.Got, e.Want)
}

// ExitError is a command that ran and failed.
type ExitError struct {
	Status int
	Output string
}

// Error has the last line of what the command printed.
func (e *ExitError) Error() string {
	lines := strings.Split(strings.TrimSpace(e.Output), "\n")
	return fmt.Sprintf("the command ended with status %d: %s", e.Status, lines[len(lines)-1])
}

// Run runs a command for a shell of the node, and gives what it prints, on both outputs. A command that fails is an
// *ExitError, another host key a *HostKeyError. When ctx ends, the connection does.
func Run(ctx context.Context, t Target, command string) (output string, err error) {
	signer, err := ssh.ParsePrivateKey([]byte(t.PrivateKey))
	if err != nil {
		return "", fmt.Errorf("read the private key: %w", err)
	}
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(t.HostKey))
	if err != nil {
		return "", fmt.Errorf("read the pinned key of %s: %w", t.Address, err)
	}
	client, err := dial(ctx, t.Address, &ssh.ClientConfig{User: t.Login, Timeout: dialTimeout, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyAlgorithms: []string{pinned.Type()}, HostKeyCallback: pin(t.Address, pinned)})
	if err != nil {
		return "", err
	}
	defer func() { _ = client.Close() }() // nothing is left to be lost
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	return run(ctx, client, command)
}

func run(ctx context.Context, client *ssh.Client, command string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", fmt.Errorf("open a session: %w", err)
	}
	out := &limited{}
	session.Stdout, session.Stderr = out, out
	err = session.Run(command)
	if ctx.Err() != nil {
		return out.String(), context.Cause(ctx)
	}
	if exit, failed := errors.AsType[*ssh.ExitError](err); failed {
		return out.String(), &ExitError{Status: exit.ExitStatus(), Output: out.String()}
	}
	return out.String(), err
}

func pin(address string, pinned ssh.PublicKey) ssh.HostKeyCallback {
	return func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if bytes.Equal(key.Marshal(), pinned.Marshal()) {
			return nil
		}
		return &HostKeyError{Address: address, Want: ssh.FingerprintSHA256(pinned), Got: ssh.FingerprintSHA256(key)}
	}
}

func dial(ctx context.Context, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	sshConn, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, sshConn.Close())
	}
	return ssh.NewClient(sshConn, channels, requests), nil
}

// limited keeps the first mostOutput bytes; both outputs of a command are written to it at once.
type limited struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write never fails: what is too much is dropped.
func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := mostOutput - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// String is what was kept.
func (l *limited) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
