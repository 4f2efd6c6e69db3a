package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"berth"
)

// sqliteReaders is how many readers may run beside the one writer; WAL lets them, and each costs up to 2 MB of cache.
const sqliteReaders = 4

const walMode = "_pragma=journal_mode(WAL)"

// connectSQLite opens the file with one connection that writes, so that writers queue in Go instead of
// polling SQLite's lock, and a few that only read.
func (s *Store) connectSQLite(ctx context.Context, file string) error {
	if err := checkWritable(filepath.Dir(file)); err != nil {
		return err
	}
	if err := createFile(ctx, file); err != nil {
		return sqliteProblem(file, err)
	}
	var err error
	if s.write, err = sql.Open("sqlite", sqliteDSN(file, "_txlock=immediate&_pragma=synchronous(NORMAL)&"+walMode)); err != nil {
		return sqliteProblem(file, err)
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, goose.DialectSQLite3, s.write); err != nil {
		return sqliteProblem(file, err)
	}
	if s.read, err = sql.Open("sqlite", sqliteDSN(file, "_pragma=query_only(1)")); err != nil {
		return sqliteProblem(file, err)
	}
	s.read.SetMaxOpenConns(sqliteReaders)
	s.read.SetMaxIdleConns(sqliteReaders)
	return nil
}

func sqliteDSN(file, more string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&" + more}
	return u.String()
}

// createFile makes an empty database in WAL mode that only its owner may read, unless there is one; SQLite gives the
// files beside it the same mode. It appears in WAL mode at once, because SQLite does not wait for its lock
// when several processes change the mode of one file ("database is locked").
func createFile(ctx context.Context, file string) (err error) {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".berth-db-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", sqliteDSN(f.Name(), walMode))
	if err != nil {
		return err
	}
	if err := errors.Join(db.PingContext(ctx), db.Close()); err != nil {
		return err
	}
	return publish(f.Name(), file)
}

// sqliteProblem says what a person can do about a file that does not open.
func sqliteProblem(file string, err error) error {
	if berth.CodeOf(err) != "" {
		return err
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return &berth.Error{Code: berth.Unavailable, Message: "The database " + file + " cannot be opened.", Err: err}
	}
	problem := func(code berth.Code, what string) error {
		return &berth.Error{Code: code, Message: "The database " + file + " " + what, Err: err}
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return problem(berth.Invalid, "is not a SQLite database or is damaged: restore it from a backup or move it away to start afresh.")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return problem(berth.Invalid, "cannot be opened for writing: give the user that runs Berth access to it and to its directory.")
	case sqlite3.SQLITE_FULL:
		return problem(berth.Unavailable, "cannot grow because the disk is full: free some space.")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return problem(berth.Unavailable, "is locked by another program: end that program or try again.")
	}
	return problem(berth.Unavailable, "cannot be opened.")
}
