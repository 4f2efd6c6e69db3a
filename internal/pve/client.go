package pve

import (
	"errors"
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
	Started  time.Time
	Duration time.Duration
	Err      error
	// ServerTime is the server's clock at the answer, to the second, and CertificateEnds the end of the certificate that it
	// showed; both are zero without an answer.
	ServerTime, CertificateEnds time.Time
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

// New checks the configuration. It sends nothing.
func New(c Config) (*Client, error) {
	if len(c.Endpoints) == 0 {
		return nil, errors.New("no endpoint given; expected https://HOST:8006")
	}
	if c.MaxConcurrent <= 0 {
		c.MaxConcurrent = 8
	}
	client := &Client{onCall: c.OnCall, now: time.Now, slots: make(chan struct{}, c.MaxConcurrent)}
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
	if err := client.identify(c); err != nil {
		return nil, err
	}
	return client, nil
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
