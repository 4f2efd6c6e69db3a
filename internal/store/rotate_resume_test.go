package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth"
	"berth/internal/store/sqlc"
)

// A rotation that is interrupted anywhere leaves everything readable, and goes on where it stopped.
func TestAnInterruptedRotationGoesOn(t *testing.T) {
	t.Parallel()
	ctx, o := t.Context(), Options{DataDir: t.TempDir()}
	open := func() *Store {
		s, err := Open(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	s, actor := open(), berth.Actor{Name: "test", Source: "cli"}
	var ids []string
	for _, name := range []string{"one", "two", "three"} {
		c, err := s.AddCluster(ctx, actor, berth.Cluster{Name: name, Endpoints: []string{"https://pve:8006"}, TokenID: "a@b!c"}, "secret of "+name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, c.ID)
	}
	readable := func(when string) {
		t.Helper()
		fresh := open()
		for _, id := range ids {
			if secret, err := fresh.ClusterSecret(ctx, id); err != nil || !strings.HasPrefix(secret, "secret of ") {
				t.Errorf("%s: %q, %v", when, secret, err)
			}
		}
	}
	r, err := s.key.addKey()
	if err != nil {
		t.Fatal(err)
	}
	readable("after the new key was added")
	if err := s.resealKeyCheck(ctx, r.key); err != nil {
		t.Fatal(err)
	}
	readable("after the key check")
	values, err := s.look().SealedValues(ctx)
	if err != nil || len(values) != 3 {
		t.Fatal(values, err)
	}
	v := values[0]
	sealed, err := r.newest.Encrypt([]byte("secret of somebody"), place(v.Place).of(v.ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reseals[place(v.Place)](ctx, sqlcOn(s), v.ID, v.Sealed, sealed); err != nil {
		t.Fatal(err)
	}
	readable("after some values")
	if n, err := open().RotateKey(ctx, actor); err != nil || n != 2 {
		t.Errorf("going on seals %d values anew, %v; want the other 2", n, err)
	}
	readable("in the end")
	text, err := os.ReadFile(filepath.Join(o.DataDir, "berth.key"))
	if got := strings.Count(string(text), `"keyData"`); err != nil || got != 1 {
		t.Errorf("the key file has %d keys, %v; want 1", got, err)
	}
}

// sqlcOn writes without a transaction of its own.
func sqlcOn(s *Store) *sqlc.Queries { return sqlc.New(s.write) }
