package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"berth"
	"berth/internal/store/sqlc"
)

// reseal replaces one sealed value, if it is still the one before.
type reseal func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (rows int64, err error)

// reseals has every place where sealed values are, so that none is forgotten when the key changes. The query SealedValues
// lists the values.
var reseals = map[place]reseal{
	placeClusterSecret: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealCluster(ctx, sqlc.ResealClusterParams{ID: id, Before: before, Sealed: sealed})
	},
	placeCredentials: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealCredentials(ctx, sqlc.ResealCredentialsParams{ID: id, Before: before, Sealed: sealed})
	},
	placeTOTP: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealTOTP(ctx, sqlc.ResealTOTPParams{ID: id, Before: before, Sealed: sealed})
	},
	placeNewTOTP: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealNewTOTP(ctx, sqlc.ResealNewTOTPParams{ID: id, Before: before, Sealed: sealed})
	},
	placeSSHKey: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealSSH(ctx, sqlc.ResealSSHParams{ID: id, Before: before, Sealed: sealed})
	},
	placeSignOnSecret: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealSignOn(ctx, sqlc.ResealSignOnParams{ID: id, Before: before, Sealed: sealed})
	},
	placeCreation: func(ctx context.Context, q *sqlc.Queries, id string, before, sealed []byte) (int64, error) {
		return q.ResealCreation(ctx, sqlc.ResealCreationParams{ID: id, Before: before, Sealed: sealed})
	},
}

// RotateKey makes a new key, seals every secret with it, and drops the key before. It tells how many values it sealed anew.
// A rotation that was interrupted goes on where it stopped: until all is sealed anew, the key file holds both keys. Processes
// that use the same key file notice by themselves.
func (s *Store) RotateKey(ctx context.Context, actor berth.Actor) (resealed int, err error) {
	rotating, err := s.key.addKey()
	if err != nil {
		return 0, err
	}
	if err := s.resealKeyCheck(ctx, rotating.key); err != nil {
		return 0, err
	}
	if resealed, err = s.resealAll(ctx, rotating); err != nil {
		return resealed, err
	}
	if err := rotating.dropOthers(); err != nil {
		return resealed, err
	}
	event := berth.Event{Actor: actor.Name, ActorID: actor.ID, Source: actor.Source, Action: "key.rotate", Subject: "key of the secrets"}
	return resealed, s.AddEvent(ctx, event)
}

// resealKeyCheck goes first: from then on nobody who has only the key before seals anything (see seal). Whoever is about to
// holds the row until their value is there, and this waits for them.
func (s *Store) resealKeyCheck(ctx context.Context, key tink.AEAD) error {
	sealed, err := key.Encrypt([]byte(keyCheckText), placeKeyCheck.of(keyCheckID))
	if err != nil {
		return fmt.Errorf("seal the key check: %w", err)
	}
	return s.change(ctx, "seal the key check", func(q *sqlc.Queries) error { return q.ResealKeyCheck(ctx, sealed) })
}

func (s *Store) resealAll(ctx context.Context, r *rotation) (resealed int, err error) {
	values, err := s.look().SealedValues(ctx)
	if err != nil {
		return 0, explain("list the sealed values", err)
	}
	for _, v := range values {
		p := place(v.Place)
		if _, err := r.newest.Decrypt(v.Sealed, p.of(v.ID)); err == nil {
			continue // sealed anew already
		}
		secret, err := r.key.Decrypt(v.Sealed, p.of(v.ID))
		if err != nil {
			return resealed, fmt.Errorf("open the sealed value %s: %w", p.of(v.ID), err)
		}
		sealed, err := r.newest.Encrypt(secret, p.of(v.ID))
		if err != nil {
			return resealed, fmt.Errorf("seal %s: %w", p.of(v.ID), err)
		}
		err = s.change(ctx, "seal a value anew", func(q *sqlc.Queries) error {
			_, err := reseals[p](ctx, q, v.ID, v.Sealed, sealed) // no row: it was changed meanwhile, with the new key
			return err
		})
		if err != nil {
			return resealed, err
		}
		resealed++
	}
	return resealed, nil
}

// rotation is a key file that holds a new key besides the ones before.
type rotation struct {
	file   *keyFile
	handle *keyset.Handle
	key    tink.AEAD // opens what any of the keys has sealed, seals with the newest
	newest tink.AEAD // only the newest
}

// addKey adds a new key to the file and makes it the one that seals, unless a rotation was begun already.
func (k *keyFile) addKey() (*rotation, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.path == "" {
		return nil, berth.Errorf(berth.Invalid, "The key comes from the environment (BERTH_KEY), where Berth cannot change it: use a key file.")
	}
	if _, err := k.loadLocked(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(k.path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, berth.Errorf(berth.Invalid, "The key file %s is damaged: put it back from a backup.", k.path)
	}
	if handle.Len() == 1 {
		if handle, err = withNewKey(handle); err != nil {
			return nil, err
		}
		if err := k.replaceLocked(handle); err != nil {
			return nil, err
		}
	}
	return k.rotationOf(handle)
}

func (k *keyFile) rotationOf(handle *keyset.Handle) (*rotation, error) {
	newest, err := onlyPrimary(handle)
	if err != nil {
		return nil, err
	}
	r := &rotation{file: k, handle: newest}
	var errs [2]error
	r.key, errs[0] = aead.New(handle)
	r.newest, errs[1] = aead.New(newest)
	return r, errors.Join(errs[:]...)
}

func withNewKey(handle *keyset.Handle) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(handle)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return nil, fmt.Errorf("make a new key: %w", err)
	}
	return m.Handle()
}

func onlyPrimary(handle *keyset.Handle) (*keyset.Handle, error) {
	primary, err := handle.Primary()
	if err != nil {
		return nil, fmt.Errorf("find the newest key: %w", err)
	}
	m := keyset.NewManagerFromHandle(handle)
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("read the key file: %w", err)
		}
		if entry.KeyID() != primary.KeyID() {
			if err := m.Delete(entry.KeyID()); err != nil {
				return nil, fmt.Errorf("drop an old key: %w", err)
			}
		}
	}
	return m.Handle()
}

// dropOthers leaves only the newest key in the file.
func (r *rotation) dropOthers() error {
	r.file.mu.Lock()
	defer r.file.mu.Unlock()
	return r.file.replaceLocked(r.handle)
}

// replaceLocked writes the file anew: it is the one before or the new one whatever happens.
func (k *keyFile) replaceLocked(handle *keyset.Handle) (err error) {
	dir := filepath.Dir(k.path)
	f, err := os.CreateTemp(dir, ".berth-key-*") // mode 0600
	if err != nil {
		return dirProblem(dir, "cannot be written to", err)
	}
	err = insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(f))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), k.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the key file: %w", err), os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	k.key = nil // read again
	return errors.Join(d.Sync(), d.Close())
}
