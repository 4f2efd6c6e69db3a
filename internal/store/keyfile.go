package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"berth"
)

// keyFile is the file with the keyset that seals secrets: AES-256-GCM in Tink's JSON form, mode 0600. It is read once.
type keyFile struct {
	path string

	mu  sync.Mutex
	key tink.AEAD // nil until it was read
}

// newKeyFile is the key in a file, or the one with that content.
func newKeyFile(path, content string) (*keyFile, error) {
	if content == "" {
		return &keyFile{path: path}, nil
	}
	key, err := parseKey([]byte(content))
	if err != nil {
		return nil, berth.Errorf(berth.Invalid, "The key in the environment (BERTH_KEY) is not the content of a key file.") // the cause may quote it
	}
	return &keyFile{key: key}, nil
}

// String names it in messages.
func (k *keyFile) String() string {
	if k.path == "" {
		return "key in the environment (BERTH_KEY)"
	}
	return "key file " + k.path
}

// load reads the file; NotFound if there is none.
func (k *keyFile) load() (tink.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.loadLocked()
}

// loadAgain reads the file anew: another process may have changed the key.
func (k *keyFile) loadAgain() (tink.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.path != "" {
		k.key = nil
	}
	return k.loadLocked()
}

// loadOrCreate reads the file and makes it if there is none.
func (k *keyFile) loadOrCreate() (tink.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := k.loadLocked()
	if berth.CodeOf(err) != berth.NotFound {
		return key, err
	}
	if err := createKeyFile(k.path); err != nil {
		return nil, dirProblem(filepath.Dir(k.path), "cannot be written to", err)
	}
	return k.loadLocked()
}

func (k *keyFile) loadLocked() (tink.AEAD, error) {
	if k.key != nil {
		return k.key, nil
	}
	text, err := os.ReadFile(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, berth.Errorf(berth.NotFound, "The key file %s is missing, and without it the secrets in the database cannot be opened: put it back, from a backup or from another server that uses this database.", k.path)
	case err != nil:
		return nil, &berth.Error{Code: berth.Invalid, Message: "The key file " + k.path + " cannot be read: give the user that runs Berth access to it.", Err: err}
	}
	key, err := parseKey(text)
	if err != nil {
		// The cause is left out: it may quote the file.
		return nil, berth.Errorf(berth.Invalid, "The key file %s is damaged: put it back from a backup.", k.path)
	}
	k.key = key
	return key, nil
}

func parseKey(text []byte) (tink.AEAD, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, err
	}
	return aead.New(handle)
}

// createKeyFile writes a new key. The file appears complete or not at all, and one that another process made in the
// meantime is kept.
func createKeyFile(path string) (err error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".berth-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	err = insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(f))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return publish(f.Name(), path)
}
