package fleet

import (
	"context"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// Certificate is what a server shows before anything is trusted.
type Certificate struct {
	Fingerprint     string // SHA-256, AB:CD:...
	Subject, Issuer string
	Names           []string // host names and addresses that it is made for
	NotBefore, Ends time.Time
}

// Look asks an address (https://HOST:8006) for its certificate, so that a person can compare it. Nothing is trusted and
// nothing else is sent. Returns Invalid or Unavailable with the sentence that a person needs.
func Look(ctx context.Context, address string) (Certificate, error) {
	probe := berth.Cluster{Name: "probe", Endpoints: []string{address}}
	if err := probe.Validate(); err != nil {
		return Certificate{}, err
	}
	c, err := pve.FetchCertificate(ctx, address)
	if err != nil {
		return Certificate{}, &berth.Error{Code: berth.Unavailable, Message: address + ": " + plainProblem(err), Err: err}
	}
	return Certificate{Fingerprint: pve.FormatFingerprint(c.Fingerprint), Subject: c.Subject, Issuer: c.Issuer, Names: c.Names, NotBefore: c.NotBefore, Ends: c.NotAfter}, nil
}

// Examination is what a connection turns out to be able to do.
type Examination struct {
	Version    string
	Containers int           // that the token may see
	ClockSkew  time.Duration // how far the server's clock is ahead
	Rights     berth.Rights
	Storages   []berth.Storage
	Findings   []berth.Finding
	Blind      bool // the token may see nothing at all: most likely only it or only its user was granted something
}

// Examine asks a cluster what Berth needs to know before it is connected, with the token USER@REALM!ID=SECRET. Problems
// are Invalid or Unavailable with the sentence that a person needs. The cluster's clock is compared with now.
func Examine(ctx context.Context, now func() time.Time, c berth.Cluster, token string) (Examination, error) {
	c, parsed, err := prepared(c, token)
	if err != nil {
		return Examination{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	heard := contact{now: now}
	client, err := pve.New(pve.Config{Endpoints: c.Endpoints, Token: parsed.Name() + "=" + parsed.Secret, Fingerprint: c.Fingerprint, OnCall: heard.heard})
	if err != nil {
		return Examination{}, &berth.Error{Code: berth.Invalid, Message: sentence(err.Error())}
	}
	defer client.Close()
	x, err := examine(ctx, client, c)
	x.ClockSkew = heard.connection.ClockSkew
	return x, err
}

func examine(ctx context.Context, client *pve.Client, c berth.Cluster) (x Examination, err error) {
	version, err := client.Version(ctx)
	if err != nil {
		return x, testError(c, err)
	}
	rights, err := client.Permissions(ctx)
	if err != nil {
		return x, testError(c, err)
	}
	resources, err := client.Resources(ctx)
	if err != nil {
		return x, testError(c, err)
	}
	x.Version, x.Rights, x.Containers = version.Version, berth.Rights(rights), len(resources.Containers)
	x.Storages = storagesOf(c.Name, &resources)
	x.Findings = berth.Diagnose(c, x.Rights, x.Storages)
	x.Blind = len(rights) == 0
	return x, nil
}

// prepared checks what a person gave of a connection.
func prepared(c berth.Cluster, token string) (berth.Cluster, pve.Token, error) {
	parsed, err := pve.ParseToken(token)
	if err != nil {
		return c, parsed, invalidField("token", err)
	}
	c.TokenID = parsed.Name()
	if c.Fingerprint, err = normalFingerprints(c.Fingerprint); err != nil {
		return c, parsed, invalidField("fingerprint", err)
	}
	return c, parsed, c.Validate()
}

// Change is what is to be different about a connected cluster; what is empty stays.
type Change struct {
	Endpoints   []string
	Fingerprint string // one or several, separated by commas
	Token       string // USER@REALM!ID=SECRET
}

// word is the change in the history.
func (c Change) word() string {
	switch {
	case c.Token != "":
		return "cluster.token"
	case c.Fingerprint != "":
		return "cluster.pin"
	}
	return "cluster.endpoints"
}

// ChangeConnection tries the changed connection, and only then stores it. A running Berth takes it up by itself. Nothing is
// changed when it does not work.
func ChangeConnection(ctx context.Context, s *store.Store, actor berth.Actor, name string, change Change) (berth.Cluster, error) {
	c, err := s.ClusterByName(ctx, name)
	if err != nil {
		return c, err
	}
	secret, err := s.ClusterSecret(ctx, c.ID)
	if err != nil {
		return c, err
	}
	token, newSecret := c.TokenID+"="+secret, ""
	if change.Token != "" {
		token = change.Token
	}
	if len(change.Endpoints) > 0 {
		c.Endpoints = change.Endpoints
	}
	if change.Fingerprint != "" {
		c.Fingerprint = change.Fingerprint
	}
	c, parsed, err := prepared(c, token)
	if err != nil {
		return c, err
	}
	if parsed.Secret != secret {
		newSecret = parsed.Secret
	}
	for _, endpoint := range c.Endpoints { // each of them must work: fail-over to a broken one would be noticed too late
		one := c
		one.Endpoints = []string{endpoint}
		if _, err := Test(ctx, one, parsed.Secret); err != nil {
			return c, err
		}
	}
	return s.ChangeCluster(ctx, actor, c, newSecret, change.word())
}

// Pinned tells whether a fingerprint is one of those pinned for the cluster.
func Pinned(c berth.Cluster, fingerprint string) bool {
	return slices.Contains(splitFingerprints(c.Fingerprint), fingerprint)
}
