package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"berth"
	"berth/internal/store"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	anna = berth.Actor{ID: "0198-anna", Name: "anna", Source: "web"}
)

// TestMain also is the other process of tests that need several, see processes_test.go.
func TestMain(m *testing.M) {
	if os.Getenv(otherProcess) != "" {
		os.Exit(runOtherProcess())
	}
	goleak.VerifyTestMain(m)
}

// clock is a clock that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func wantEqual[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func wantError(t testing.TB, err error, code berth.Code, message string) {
	t.Helper()
	e, ok := errors.AsType[*berth.Error](err)
	if !ok || e.Code != code || e.Message != message {
		t.Errorf("got error %v,\nwant %s: %s", err, code, message)
	}
}

// must gives v and ends the test if there is an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func addCluster(t testing.TB, s *store.Store, name, secret string) berth.Cluster {
	t.Helper()
	return must(s.AddCluster(t.Context(), anna, berth.Cluster{
		Name: name, Endpoints: []string{"https://pve1.example.org:8006", "https://pve2.example.org:8006"},
		Fingerprint: "AB:CD", TokenID: "berth@pve!main",
	}, secret))(t)
}

func track(t testing.TB, s *store.Store, c berth.Cluster, vmid int) store.Tracked {
	t.Helper()
	return must(s.Track(t.Context(), store.Tracked{ClusterID: c.ID, VMID: vmid, Node: "pve1", Hostname: "web", Lifecycle: berth.LifecycleReady}))(t)
}

func addUser(t testing.TB, s *store.Store, name string) berth.User {
	t.Helper()
	return must(s.AddUser(t.Context(), anna, berth.User{Name: name, Role: berth.RoleOperator}))(t)
}

// raw opens the database past the store, for looking at what is kept and for damaging it.
func raw(t testing.TB, o store.Options) *sql.DB {
	t.Helper()
	driver, name := "pgx", o.Database
	if o.Database == "" {
		driver, name = "sqlite", filepath.Join(o.DataDir, "berth.db")
	}
	db := must(sql.Open(driver, name))(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the raw database: %v", err)
		}
	})
	return db
}

func execRaw(t testing.TB, o store.Options, statement string, args ...any) {
	t.Helper()
	must(raw(t, o).ExecContext(t.Context(), statement, args...))(t)
}
