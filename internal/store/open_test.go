package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// wantOpenError opens a store that must refuse with the given sentence, without the password hunter2 in any part.
func wantOpenError(t *testing.T, o store.Options, code berth.Code, message string) {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err == nil {
		_ = s.Close() // the test fails anyway
		t.Fatalf("opened, want the error: %s", message)
	}
	wantError(t, err, code, message)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error holds the password: %v", err)
	}
}

func TestOpenRefusesURLsThatItCannotRead(t *testing.T) {
	t.Parallel()
	const unreadable = "The database URL cannot be read: it looks like postgres://USER:PASSWORD@HOST:5432/NAME, with %40 for @ and %2F for / in the password."
	tests := map[string]struct{ database, want string }{
		"words":            {"hunter2", unreadable},
		"no scheme":        {"berth:hunter2@host/name", unreadable},
		"bad escape":       {"postgres://berth:%zzhunter2@host/name", unreadable},
		"bad port":         {"postgres://berth:hunter2@host:port/name", unreadable},
		"slash in the way": {"postgres://berth:a/hunter2@host/name", unreadable},
		"bad option":       {"postgres://berth:hunter2@host/name?sslmode=sometimes", unreadable},
		"other scheme":     {"mysql://berth:hunter2@host/name", "The database URL begins with mysql://, which Berth does not know: use postgres://USER:PASSWORD@HOST:5432/NAME, or none for SQLite."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantOpenError(t, store.Options{DataDir: t.TempDir(), Database: test.database}, berth.Invalid, test.want)
		})
	}
}

func TestOpenRefusesDataDirectories(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(file, "below")
	wantOpenError(t, store.Options{}, berth.Invalid, "No data directory is given.")
	wantOpenError(t, store.Options{DataDir: file}, berth.Invalid, "The data directory "+file+" is not a directory: move that file away or choose another data directory.")
	wantOpenError(t, store.Options{DataDir: below}, berth.Invalid, "The data directory "+below+" cannot be created, because a part of its path is a file: choose another data directory.")
}

func TestOpenRefusesDataDirectoriesWithoutAccess(t *testing.T) {
	t.Parallel()
	asNobody(t)
	const advice = " (permission denied): give the user that runs Berth access to it or choose another data directory."
	tests := map[string]struct {
		mode   os.FileMode
		inside string
		what   string
	}{
		"unreadable":     {0o333, "", "cannot be read"},
		"not writable":   {0o555, "", "cannot be written to"},
		"not creatable":  {0o555, "new", "cannot be created"},
		"closed parent":  {0o600, "new", "cannot be reached"},
		"closed and old": {0o000, "", "cannot be read"},
	}
	for name, test := range tests { // no subtests: they would run on other threads
		t.Log(name)
		parent := t.TempDir()
		t.Cleanup(func() {
			if err := os.Chmod(parent, 0o700); err != nil {
				t.Error(err)
			}
		})
		if err := os.Chmod(parent, test.mode); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(parent, test.inside)
		wantOpenError(t, store.Options{DataDir: dir}, berth.Invalid, "The data directory "+dir+" "+test.what+advice)
	}
}

// asNobody makes the test's thread use files as another user if it is root's, whom no permission stops.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesAFileThatIsNoDatabase(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"short", strings.Repeat("not a database ", 1000)} {
		dir := t.TempDir()
		file := filepath.Join(dir, "berth.db")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		wantOpenError(t, store.Options{DataDir: dir}, berth.Invalid, "The database "+file+" is not a SQLite database or is damaged: restore it from a backup or move it away to start afresh.")
	}
}

func TestOpenRefusesADatabaseOfANewerProgram(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		storetest.OpenWith(t, o)
		execRaw(t, o, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
		migrations := must(filepath.Glob("migrations/*.sql"))(t)
		var known int
		must(fmt.Sscanf(filepath.Base(slices.Max(migrations)), "%d_", &known))(t)
		wantOpenError(t, o, berth.Conflict, fmt.Sprintf("The database was written by a newer Berth (its version is 99, this program knows up to %d): start the newer program, or restore a backup made before the update.", known))
	})
}

func TestOpenSaysWhyPostgresDoesNotLetItIn(t *testing.T) {
	t.Parallel()
	config := must(url.Parse(storetest.EmptyPostgresURL(t)))(t)
	server := must(pgx.ParseConfig(config.String()))(t)
	host := fmt.Sprintf("%s:%d", server.Host, server.Port)
	open := func(change func(u *url.URL), code berth.Code, message string) {
		t.Helper()
		u := *config
		change(&u)
		wantOpenError(t, store.Options{DataDir: t.TempDir(), Database: u.String()}, code, message)
	}
	open(func(u *url.URL) { u.User = url.UserPassword("mallory", "hunter2") }, berth.Invalid,
		"PostgreSQL at "+host+" does not let user mallory in: check user and password in the database URL.")
	open(func(u *url.URL) { u.Path = "/nowhere" }, berth.Invalid,
		`PostgreSQL at `+host+` has no database nowhere: create it with CREATE DATABASE "nowhere".`)
	guest := "guest_" + strings.ToLower(rand.Text()[:8])
	o := store.Options{Database: config.String()}
	execRaw(t, o, "CREATE ROLE "+guest+" LOGIN PASSWORD 'hunter2'")
	t.Cleanup(func() { must(raw(t, o).ExecContext(context.WithoutCancel(t.Context()), "DROP ROLE "+guest))(t) })
	open(func(u *url.URL) { u.User = url.UserPassword(guest, "hunter2") }, berth.Invalid,
		fmt.Sprintf(`User %[1]s may not create tables in database %[2]s: make it the owner with ALTER DATABASE "%[2]s" OWNER TO "%[1]s".`, guest, server.Database))
}

func TestOpenSaysThatPostgresDoesNotAnswer(t *testing.T) {
	t.Parallel()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := l.Addr().String()
	if err := l.Close(); err != nil { // nobody listens there now
		t.Fatal(err)
	}
	wantOpenError(t, store.Options{DataDir: t.TempDir(), Database: "postgres://berth:hunter2@" + address + "/berth"}, berth.Unavailable,
		"PostgreSQL at "+address+" does not answer: check that it runs and that the address in the database URL is right.")
}

func TestDataDirectoryMayHaveAnyNameAndIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "a b%20#c?d=é")
	s := storetest.OpenWith(t, store.Options{DataDir: dir})
	addCluster(t, s, "home", "secret")
	for name, want := range map[string]os.FileMode{"": 0o700, "berth.db": 0o600, "berth.db-wal": 0o600, "berth.key": 0o600} {
		if got := must(os.Stat(filepath.Join(dir, name)))(t).Mode().Perm(); got != want {
			t.Errorf("mode of %q: got %o, want %o", name, got, want)
		}
	}
}

func TestOnlyTransactionsOfJobsWaitForTheDisk(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	const normal, full = 1, 2 // as SQLite numbers them
	var inside, outside int
	err := s.InTx(t.Context(), "look", func(tx *store.Tx) error {
		return tx.SQLite().QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&inside)
	})
	if err == nil {
		err = s.SQLite().QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&outside)
	}
	if err != nil || inside != full || outside != normal {
		t.Errorf("synchronous is %d in a transaction and %d outside (%v), want %d and %d", inside, outside, err, full, normal)
	}
}
