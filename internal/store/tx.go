package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"berth"
	"berth/internal/store/sqlc"
)

// change runs f in one transaction that is committed if f gives no error. what says it in words, for errors.
func (s *Store) change(ctx context.Context, what string, f func(q *sqlc.Queries) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return explain(what, err)
	}
	// Also after a panic; after a commit it does nothing, and one that fails ends the connection, which undoes the transaction
	// all the same.
	defer func() { _ = tx.Rollback() }()
	if err := f(sqlc.New(tx)); err != nil {
		return explain(what, err)
	}
	return explain(what, tx.Commit())
}

// explain gives a database's error its meaning: Unavailable if the database does not answer, otherwise wrapped with what
// was attempted. Errors that are explained already stay as they are.
func explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case berth.CodeOf(err) != "":
		return err
	case noAnswer(err):
		return &berth.Error{Code: berth.Unavailable, Message: "The database does not answer; try again in a moment.", Err: fmt.Errorf("%s: %w", what, err)}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// noAnswer tells errors of a database that cannot be asked now from those of a database that said no.
func noAnswer(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// connection_exception, insufficient_resources, operator_intervention
		return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "53") || strings.HasPrefix(e.Code, "57P")
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN:
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok { // also context.DeadlineExceeded
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF)
}

// missing turns "no rows" into NotFound with the given sentence.
func missing(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return berth.Errorf(berth.NotFound, format, args...)
	}
	return err
}

// exactly turns "no row affected" into an error of the given code and sentence.
func exactly(rows int64, err error, code berth.Code, format string, args ...any) error {
	if err == nil && rows == 0 {
		return berth.Errorf(code, format, args...)
	}
	return err
}
