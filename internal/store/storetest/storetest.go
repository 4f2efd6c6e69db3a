// Package storetest gives tests a real store on both databases: SQLite in a temporary directory, and PostgreSQL.
//
// PostgreSQL is the server of BERTH_TEST_POSTGRES, the URL of a user who may create databases, or else a temporary server
// that the first test of the process starts and that ends with the process. Tests fail when neither can be had, unless
// BERTH_TEST_WITHOUT=postgres says that this machine has none.
package storetest

import (
	"os"
	"testing"

	"berth/internal/clocktest"
	"berth/internal/store"
)

// The databases.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Each runs f as two parallel subtests, "sqlite" and "postgres", each on a new database.
func Each(t *testing.T, f func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachOptions(t, func(t *testing.T, o store.Options) { f(t, OpenWith(t, o)) })
}

// EachOptions is Each for tests that open the store themselves, several times or with another clock.
func EachOptions(t *testing.T, f func(t *testing.T, o store.Options)) {
	t.Helper()
	for _, database := range []string{SQLite, Postgres} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			f(t, Options(t, database))
		})
	}
}

// Open gives a store on a new database, SQLite or Postgres; the test's end closes it.
func Open(t testing.TB, database string) *store.Store {
	t.Helper()
	return OpenWith(t, Options(t, database))
}

// OpenWith opens a store with the given options; the test's end closes it.
func OpenWith(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Options gives the options of a new database, SQLite or Postgres, with the clock of package clocktest.
func Options(t testing.TB, database string) store.Options {
	t.Helper()
	o := store.Options{DataDir: t.TempDir(), Now: clocktest.Now}
	switch database {
	case SQLite:
	case Postgres:
		o.Database = PostgresURL(t)
	default:
		t.Fatalf("there is no database %q, only %q and %q", database, SQLite, Postgres)
	}
	return o
}

func skipWithoutPostgres(t testing.TB) {
	t.Helper()
	if os.Getenv("BERTH_TEST_WITHOUT") == Postgres {
		t.Skip("BERTH_TEST_WITHOUT=postgres is set")
	}
}
