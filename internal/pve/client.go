package pve

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Config says how to reach a cluster and who calls.
type Config struct {
	// Endpoints are addresses of nodes of one cluster, https://HOST:8006. Any node serves any call; they are tried
	// in this order.
	Endpoints []string
	// Token is USER@REALM!ID=SECRET. Either Token or Login must be given.
	Token string
	Login *Login
	// Fingerprint pins the SHA-256 of the certificate that an endpoint shows, see [ParseFingerprint]. Each node has a
	// certificate of its own: with several endpoints list several, separated by commas or spaces; Nodes tells them.
	// Empty: the certificate must be signed by one of Authorities.
	Fingerprint string
	// Authorities are certificates in PEM form, such as /etc/pve/pve-root-ca.pem. Empty: those of the system.
	Authorities []byte
	// MaxConcurrent bounds the calls under way at once; 0 means 8. A node has three workers for each of its two daemons.
	MaxConcurrent int
	// OnCall, if set, is told of every request that was sent, after its end.
	OnCall func(Call)
}

// Call is one finished request, for metrics.
type Call struct {
	Method   string
	Pattern  string // path with {names} in place of values, so that there are few of them
	Endpoint string // host and port
	Status   int    // 0 if there was no answer
	Duration time.Duration
	Err      error
}

// Client calls the API of one cluster. It is safe for concurrent use and holds nothing but idle connections.
type Client struct {
	endpoints []*endpoint
	token     Token    // if there is no session
	session   *session // of a Login
	http      *http.Client
	slots     chan struct{}
	onCall    func(Call)
	now       func() time.Time
}

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	headerTimeout    = 35 * time.Second // the server itself gives up after 30 s, with 596
	callTimeout      = 2 * time.Minute
	idleTimeout      = 4 * time.Second // the server closes after 5 s (pve-http-server AnyEvent.pm)
)

// New checks the configuration. It sends nothing.
func New(c Config) (*Client, error) {
	if len(c.Endpoints) == 0 {
		return nil, errors.New("no endpoint given; expected https://HOST:8006")
	}
	client := &Client{onCall: c.OnCall, now: time.Now, slots: make(chan struct{}, c.MaxConcurrent)}
	if c.MaxConcurrent <= 0 {
		client.slots = make(chan struct{}, 8)
	}
	for _, s := range c.Endpoints {
		u, err := parseEndpoint(s)
		if err != nil {
			return nil, err
		}
		client.endpoints = append(client.endpoints, &endpoint{url: u})
	}
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	client.http = &http.Client{Transport: transport, CheckRedirect: stayHere}
	return client, client.identify(c)
}

func (c *Client) identify(config Config) (err error) {
	if config.Login == nil {
		c.token, err = ParseToken(config.Token)
		return err
	}
	if config.Token != "" {
		return errors.New("both an API token and a login are given; one of them is enough")
	}
	c.session, err = newSession(*config.Login)
	return err
}

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// stayHere keeps net/http from following redirects, which would carry credentials to another place.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newTransport speaks HTTP/1.1 only: the server knows nothing else, and the text of older servers' errors is in the
// reason phrase, which HTTP/2 has not.
func newTransport(c Config) (*http.Transport, error) {
	pins, err := parseFingerprints(c.Fingerprint)
	if err != nil {
		return nil, err
	}
	var authorities *x509.CertPool
	if len(c.Authorities) > 0 {
		authorities = x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(c.Authorities) {
			return nil, fmt.Errorf("no certificate found in the %d bytes of authorities", len(c.Authorities))
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:       tlsConfig(pins, authorities),
		TLSHandshakeTimeout:   handshakeTimeout,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   8,
		Protocols:             protocols,
	}, nil
}
