// Package store keeps what Berth itself knows, in SQLite or PostgreSQL: all SQL, the migrations and the sealing of secrets.
//
// Each exported method is one transaction. Errors that a person can act on are of type [berth.Error]: NotFound and
// Conflict name the thing, Unavailable means that the database does not answer.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"berth/internal/store/sqlc"
)

//go:generate go tool -modfile=../../tools/go.mod sqlc generate
//go:generate go tool -modfile=../../tools/go.mod sqlc compile -f sqlc-sqlite.yaml

// Options say where the data is.
type Options struct {
	DataDir  string           // holds berth.db (SQLite) and berth.key; created with mode 0700 when missing
	Database string           // empty: SQLite in DataDir; postgres://USER:PASSWORD@HOST/NAME: PostgreSQL
	KeyFile  string           // the key that seals secrets; empty: berth.key in DataDir; made when missing
	Key      string           // the content of a key file, in place of one
	Now      func() time.Time // nil: time.Now
}

// Store is Berth's database. It is safe for concurrent use, also by several processes.
type Store struct {
	write *sql.DB
	read  *sql.DB       // for statements that change nothing; the same as write on PostgreSQL
	pool  *pgxpool.Pool // under write on PostgreSQL, for the libraries that need it; nil on SQLite
	key   *keyFile
	now   func() time.Time
}

// Open opens the database, creating it and bringing its tables up to date as needed.
// What a person can mend, such as a data directory that cannot be written or a refused password, comes back as a
// [berth.Error] whose message says what happened and what to do. No error holds the URL's password.
func Open(ctx context.Context, o Options) (*Store, error) {
	dir, err := prepareDataDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	key, err := newKeyFile(cmp.Or(o.KeyFile, filepath.Join(dir, "berth.key")), o.Key)
	if err != nil {
		return nil, err
	}
	s := &Store{key: key, now: time.Now}
	if o.Now != nil {
		s.now = o.Now
	}
	connect := s.connectSQLite
	if o.Database != "" {
		connect = s.connectPostgres
	}
	err = connect(ctx, cmp.Or(o.Database, filepath.Join(dir, "berth.db")))
	if err == nil {
		err = s.checkKey(ctx)
	}
	if err != nil {
		_ = s.Close() // why it did not open matters more
		return nil, err
	}
	return s, nil
}

// Close ends all connections. Calls that are under way are waited for.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.pool != nil {
		s.pool.Close()
	}
	return errors.Join(errs...)
}

// look gives the queries for statements that change nothing.
func (s *Store) look() *sqlc.Queries { return sqlc.New(s.read) }

// newID makes a UUIDv7: ids sort by the time they were made.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
