package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

const secret = "0b2d9f3e-secret-of-the-token"

func TestSecretsAreNotInTheFilesOfTheDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := storetest.OpenWith(t, store.Options{DataDir: dir})
	addCluster(t, s, "findable", secret)
	var all []byte
	for _, file := range must(filepath.Glob(filepath.Join(dir, "berth.db*")))(t) {
		all = append(all, must(os.ReadFile(file))(t)...)
	}
	if !bytes.Contains(all, []byte("findable")) {
		t.Error("the files do not hold the cluster's name, so this test looks in the wrong place")
	}
	if bytes.Contains(all, []byte(secret)) {
		t.Error("the files hold the secret")
	}
}

func TestSealedValueMovedToAnotherRowDoesNotOpen(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s := storetest.OpenWith(t, o)
		home, work := addCluster(t, s, "home", secret), addCluster(t, s, "work", "other")
		execRaw(t, o, "UPDATE clusters SET token_secret = (SELECT token_secret FROM clusters WHERE id = $1) WHERE id = $2", home.ID, work.ID)
		got, err := s.ClusterSecret(t.Context(), work.ID)
		if err == nil || got != "" || strings.Contains(err.Error(), secret) {
			t.Errorf("got %q, %v; want an error without the secret", got, err)
		}
		wantEqual(t, must(s.ClusterSecret(t.Context(), home.ID))(t), secret)
	})
}

func TestOpenSaysThatTheKeyFileIsMissingDamagedOrWrong(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		addCluster(t, storetest.OpenWith(t, o), "home", secret)
		file := filepath.Join(o.DataDir, "berth.key")
		right := must(os.ReadFile(file))(t)
		write := func(content []byte) {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(right[:len(right)/2])
		wantOpenError(t, o, berth.Invalid, "The key file "+file+" is damaged: put it back from a backup.")
		write(keyOfAnother(t))
		wantOpenError(t, o, berth.Invalid, "The key file "+file+" is not the one that this database's secrets are sealed with: put the right one there, from a backup or from another server that uses this database.")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		wantOpenError(t, o, berth.NotFound, "The key file "+file+" is missing, and without it the secrets in the database cannot be opened: put it back, from a backup or from another server that uses this database.")
		write(right)
		s := storetest.OpenWith(t, o)
		wantEqual(t, must(s.ClusterSecret(t.Context(), must(s.Clusters(t.Context()))(t)[0].ID))(t), secret)
	})
}

// keyOfAnother is the key file of another data directory.
func keyOfAnother(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	addCluster(t, storetest.OpenWith(t, store.Options{DataDir: dir}), "home", secret)
	return must(os.ReadFile(filepath.Join(dir, "berth.key")))(t)
}

func TestReplicaWithAKeyOfItsOwnCannotSeal(t *testing.T) {
	t.Parallel()
	database := storetest.PostgresURL(t)
	one := storetest.OpenWith(t, store.Options{DataDir: t.TempDir(), Database: database})
	dir := t.TempDir()
	two := storetest.OpenWith(t, store.Options{DataDir: dir, Database: database}) // before the database has a key
	addCluster(t, one, "home", secret)
	_, err := two.AddCluster(t.Context(), anna, berth.Cluster{Name: "work", Endpoints: []string{"https://pve:8006"}}, secret)
	wantError(t, err, berth.Invalid, "The key file "+filepath.Join(dir, "berth.key")+" is not the one that this database's secrets are sealed with: put the right one there, from a backup or from another server that uses this database.")
}
