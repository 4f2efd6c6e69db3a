package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"berth"
	"berth/internal/store/sqlc"
)

// place is where a sealed value lives: table and column. Together with the row's id it is bound into the sealed value
// as associated data, so that a value that was moved to another row or column does not open.
type place string

const (
	placeClusterSecret place = "clusters/token_secret"
	placeCredentials   place = "services/credentials"
	placeTOTP          place = "passwords/totp"
	placeNewTOTP       place = "passwords/totp_new"
	placeSignOnSecret  place = "sign_on/client_secret"
	placeCreation      place = "containers/secrets"
	placeSSHKey        place = "cluster_ssh/private_key"
	placeKeyCheck      place = "key_check/sealed"
)

func (p place) of(id string) []byte { return []byte(string(p) + "/" + id) }

// keyCheckID and keyCheckText are the row and the words that tell whether a key is the database's own.
const (
	keyCheckID   = "1"
	keyCheckText = "berth"
)

// seal encrypts a secret for one row, making the key file at first need. It refuses when the database's secrets are
// sealed with another key than this process has: two replicas that each made their own would lock each other out.
func (s *Store) seal(ctx context.Context, q *sqlc.Queries, p place, id, secret string) ([]byte, error) {
	if reseals[p] == nil {
		return nil, fmt.Errorf("values in %s would be lost when the key changes", p)
	}
	key, err := s.key.loadOrCreate()
	if err != nil {
		return nil, err
	}
	check, err := key.Encrypt([]byte(keyCheckText), placeKeyCheck.of(keyCheckID))
	if err != nil {
		return nil, fmt.Errorf("seal the key check: %w", err)
	}
	if err := q.AddKeyCheck(ctx, check); err != nil {
		return nil, err
	}
	if err := s.matchKey(ctx, q); err != nil {
		return nil, err
	}
	if key, err = s.key.load(); err != nil { // the key check may have had it read again
		return nil, err
	}
	sealed, err := key.Encrypt([]byte(secret), p.of(id))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", p.of(id), err)
	}
	return sealed, nil
}

// unseal decrypts a secret of one row.
func (s *Store) unseal(p place, id string, sealed []byte) (string, error) {
	key, err := s.key.load()
	if err != nil {
		return "", err
	}
	secret, err := key.Decrypt(sealed, p.of(id))
	if err != nil {
		if key, err = s.key.loadAgain(); err != nil {
			return "", err
		}
		secret, err = key.Decrypt(sealed, p.of(id))
	}
	if err != nil {
		return "", fmt.Errorf("open the sealed value %s: it was sealed with another key or for another row: %w", p.of(id), err)
	}
	return string(secret), nil
}

// checkKey finds a missing, damaged or wrong key file before anything needs it.
func (s *Store) checkKey(ctx context.Context) error {
	err := s.matchKey(ctx, s.look())
	if errors.Is(err, sql.ErrNoRows) { // nothing is sealed yet
		if _, err := s.key.load(); err != nil && berth.CodeOf(err) != berth.NotFound {
			return err
		}
		return nil
	}
	return explain("check the key file", err)
}

func (s *Store) matchKey(ctx context.Context, q *sqlc.Queries) error {
	check, err := q.KeyCheck(ctx)
	if err != nil {
		return err
	}
	key, err := s.key.load()
	if err != nil {
		return err
	}
	if _, err := key.Decrypt(check, placeKeyCheck.of(keyCheckID)); err == nil {
		return nil
	}
	if key, err = s.key.loadAgain(); err != nil {
		return err
	}
	if _, err := key.Decrypt(check, placeKeyCheck.of(keyCheckID)); err != nil {
		return berth.Errorf(berth.Invalid, "The %s is not the one that this database's secrets are sealed with: put the right one there, from a backup or from another server that uses this database.", s.key)
	}
	return nil
}
