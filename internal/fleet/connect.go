package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

const connectTimeout = 15 * time.Second

// Connect checks that the cluster can be reached, shows the certificate that is pinned and accepts the token
// (USER@REALM!ID=SECRET), and only then stores the connection, with the token's secret sealed. What is wrong is said in
// one sentence, and nothing is stored then.
func Connect(ctx context.Context, s *store.Store, actor berth.Actor, c berth.Cluster, token string) (berth.Cluster, error) {
	c, parsed, err := prepared(c, token)
	if err != nil {
		return berth.Cluster{}, err
	}
	if _, err := Test(ctx, c, parsed.Secret); err != nil {
		return berth.Cluster{}, err
	}
	return s.AddCluster(ctx, actor, c, parsed.Secret)
}

// normalFingerprints writes the fingerprints of a text, one or several separated by commas because every node has a
// certificate of its own, as Proxmox VE shows them.
func normalFingerprints(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var normal []string
	for _, part := range splitFingerprints(text) {
		fingerprint, err := pve.ParseFingerprint(part)
		if err != nil {
			return "", err
		}
		normal = append(normal, pve.FormatFingerprint(fingerprint))
	}
	return strings.Join(normal, ","), nil
}

func splitFingerprints(text string) []string { return strings.Split(text, ",") }

// Test asks the cluster for its version, which needs a good certificate and token and no privilege. Problems are
// Unavailable with the sentence that a person needs.
func Test(ctx context.Context, c berth.Cluster, secret string) (pve.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	client, err := pve.New(pve.Config{Endpoints: c.Endpoints, Token: c.TokenID + "=" + secret, Fingerprint: c.Fingerprint})
	if err != nil {
		return pve.Version{}, &berth.Error{Code: berth.Invalid, Message: sentence(err.Error())}
	}
	defer client.Close()
	version, err := client.Version(ctx)
	if err != nil {
		return pve.Version{}, testError(c, err)
	}
	return version, nil
}

func testError(c berth.Cluster, err error) error {
	message := fmt.Sprintf("Cluster %s at %s: %s", c.Name, c.Endpoints[0], plainProblem(err))
	if certificate, ok := errors.AsType[*pve.CertificateError](err); ok && certificate.Want == (pve.Fingerprint{}) {
		message += fmt.Sprintf(" If that fingerprint is the one of the server, pin it with --fingerprint %s", pve.FormatFingerprint(certificate.Got))
	}
	return &berth.Error{Code: berth.Unavailable, Message: message, Err: err}
}

func invalidField(field string, err error) error {
	return berth.InvalidFields(map[string]string{field: sentence(err.Error())})
}
