package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// sealedEverywhere seals something in every place, and gives what reads it all again.
func sealedEverywhere(t *testing.T, s *store.Store) (read func(*store.Store) map[string]string) {
	t.Helper()
	ctx := t.Context()
	home, bert := addCluster(t, s, "home", "cluster-secret"), addUser(t, s, "bert")
	ok(t, s.SetNewTOTPSeed(ctx, bert.ID, "first-seed"))
	ok(t, s.SetTOTP(ctx, anna, bert, "seed", 1, nil))
	ok(t, s.SetNewTOTPSeed(ctx, bert.ID, "new-seed"))
	p := berth.SignOn{Name: "corp", Issuer: "https://id.example.org", ClientID: "berth", Mapping: map[string]string{"a": "b"}}
	ok(t, s.AddSignOn(ctx, anna, p, "client-secret"))
	creating := ""
	ok(t, s.InTx(ctx, "create", func(tx *store.Tx) (err error) {
		if creating, err = tx.TrackNew(ctx, store.Tracked{ClusterID: home.ID, VMID: 104, Node: "pve1", Hostname: "new", Lifecycle: berth.LifecycleCreating}); err != nil {
			return err
		}
		return tx.KeepSecrets(ctx, creating, store.Secrets{Password: "root-password"})
	}))
	return func(s *store.Store) map[string]string {
		_, client, err := s.SignOn(ctx, "corp")
		ok(t, err)
		return map[string]string{"cluster": must(s.ClusterSecret(ctx, home.ID))(t), "totp": must(s.TOTPSeed(ctx, bert.ID))(t),
			"new": must(s.NewTOTPSeed(ctx, bert.ID))(t), "client": client, "creation": must(s.Secrets(ctx, creating))(t).Password}
	}
}

var allSealed = map[string]string{"cluster": "cluster-secret", "totp": "seed", "new": "new-seed", "client": "client-secret", "creation": "root-password"}

func TestANewKeySealsEverything(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s, running := storetest.OpenWith(t, o), storetest.OpenWith(t, o)
		read := sealedEverywhere(t, s)
		wantEqual(t, read(running), allSealed)
		file := filepath.Join(o.DataDir, "berth.key")
		before := must(os.ReadFile(file))(t)
		wantEqual(t, must(s.RotateKey(t.Context(), shell))(t), len(allSealed))
		after := must(os.ReadFile(file))(t)
		if bytes.Equal(before, after) {
			t.Error("the key file is the same")
		}
		if info := must(os.Stat(file))(t); info.Mode().Perm() != 0o600 {
			t.Errorf("the key file has mode %o", info.Mode().Perm())
		}
		wantEqual(t, read(running), allSealed) // it notices
		addCluster(t, running, "work", "sealed-after")
		wantEqual(t, read(storetest.OpenWith(t, o)), allSealed)
		wantEqual(t, must(s.RotateKey(t.Context(), shell))(t), len(allSealed)+1)
		ok(t, os.WriteFile(file, before, 0o600))
		wantOpenError(t, o, berth.Invalid, "The key file "+file+" is not the one that this database's secrets are sealed with: put the right one there, from a backup or from another server that uses this database.")
	})
}

func TestTheKeyMayBeElsewhere(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		o.KeyFile = filepath.Join(t.TempDir(), "key")
		read := sealedEverywhere(t, storetest.OpenWith(t, o))
		if _, err := os.Stat(filepath.Join(o.DataDir, "berth.key")); err == nil {
			t.Error("there is a key in the data directory too")
		}
		given := o
		given.KeyFile, given.Key = "", string(must(os.ReadFile(o.KeyFile))(t))
		s := storetest.OpenWith(t, given)
		wantEqual(t, read(s), allSealed)
		_, err := s.RotateKey(t.Context(), shell)
		wantError(t, err, berth.Invalid, "The key comes from the environment (BERTH_KEY), where Berth cannot change it: use a key file.")
		given.Key = "nonsense"
		wantOpenError(t, given, berth.Invalid, "The key in the environment (BERTH_KEY) is not the content of a key file.")
		given.Key = string(keyOfAnother(t))
		wantOpenError(t, given, berth.Invalid, "The key in the environment (BERTH_KEY) is not the one that this database's secrets are sealed with: put the right one there, from a backup or from another server that uses this database.")
	})
}
