package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"berth"
	"berth/internal/store/sqlc"
)

// Tx is an open transaction in which rows of several kinds change together, jobs of River included.
// It is good until the function of InTx that it was given to returns, and for one goroutine.
type Tx struct {
	store    *Store
	q        *sqlc.Queries
	sqlite   *sql.Tx
	postgres pgx.Tx
	changed  map[string]bool // topics whose revision grows with the transaction
}

// SQLite is the transaction for libraries that write to SQLite; nil on PostgreSQL.
func (tx *Tx) SQLite() *sql.Tx { return tx.sqlite }

// Postgres is the transaction for libraries that write to PostgreSQL; nil on SQLite.
func (tx *Tx) Postgres() pgx.Tx { return tx.postgres }

// AddEvent adds an entry to the history. Its id is set here, and its time too if it has none.
func (tx *Tx) AddEvent(ctx context.Context, e berth.Event) error {
	return tx.store.addEvent(ctx, tx.q, e)
}

// SQLite is the database for libraries of their own tables; nil on PostgreSQL. It has one connection.
func (s *Store) SQLite() *sql.DB {
	if s.pool != nil {
		return nil
	}
	return s.write
}

// Postgres is the database for libraries of their own tables; nil on SQLite.
func (s *Store) Postgres() *pgxpool.Pool { return s.pool }

// InTx runs f in one transaction that is committed if f gives no error. what says it in words, for errors. Errors of type
// [berth.Error] come back as they are.
func (s *Store) InTx(ctx context.Context, what string, f func(tx *Tx) error) error {
	whole := func(tx *Tx) error {
		tx.store, tx.changed = s, map[string]bool{}
		if err := f(tx); err != nil {
			return err
		}
		return tx.bumpRevisions(ctx)
	}
	if s.pool == nil {
		return s.inSQLite(ctx, what, whole)
	}
	return s.inPostgres(ctx, what, whole)
}

// bumpRevisions holds the rows of the topics until the end of the transaction, which is near, and takes them in order: two
// transactions never wait for each other.
func (tx *Tx) bumpRevisions(ctx context.Context) error {
	for _, topic := range slices.Sorted(maps.Keys(tx.changed)) {
		if err := tx.q.BumpRevision(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// change notes that what a topic is about has changed, unless there is an error.
func (tx *Tx) change(topic string, err error) error {
	if err == nil {
		tx.changed[topic] = true
	}
	return err
}

// inSQLite has the transaction on the disk before it returns, and with it everything before: what a job was about to do must
// outlive a power cut. Other writes are safe from crashes, and from a power cut only a moment later, which makes them cheap.
func (s *Store) inSQLite(ctx context.Context, what string, f func(tx *Tx) error) (err error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return explain(what, err)
	}
	defer func() { err = errors.Join(err, explain(what, ignoreClosed(conn.Close()))) }()
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous=FULL"); err != nil {
		return explain(what, err)
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous=NORMAL") // if this fails, what follows is slower
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return explain(what, err)
	}
	defer func() { _ = tx.Rollback() }() // as in change
	if err := f(&Tx{q: sqlc.New(tx), sqlite: tx}); err != nil {
		return explain(what, err)
	}
	return explain(what, tx.Commit())
}

// inPostgres begins a transaction of pgx on the connection under a connection of database/sql, so that the queries of
// this package, which use the one, and River, which uses the other, are parts of it.
func (s *Store) inPostgres(ctx context.Context, what string, f func(tx *Tx) error) (err error) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return explain(what, err)
	}
	defer func() { err = errors.Join(err, explain(what, ignoreClosed(conn.Close()))) }()
	var tx pgx.Tx
	err = conn.Raw(func(driver any) (err error) {
		under, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the connection is a %T, not one of pgx", driver)
		}
		tx, err = under.Conn().Begin(ctx)
		return err
	})
	if err != nil {
		return explain(what, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // as in change
	if err := f(&Tx{q: sqlc.New(conn), postgres: tx}); err != nil {
		return explain(what, err)
	}
	return explain(what, tx.Commit(ctx))
}

// ignoreClosed drops the error of a connection that database/sql gave up already; its own error says more.
func ignoreClosed(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}
