package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"berth"
)

// connectPostgres opens the database of a URL such as postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full.
func (s *Store) connectPostgres(ctx context.Context, database string) error {
	config, err := parsePostgres(database)
	if err != nil {
		return err
	}
	s.write = stdlib.OpenDB(*config)
	s.read = s.write
	s.write.SetMaxOpenConns(10) // two replicas and their jobs stay far below PostgreSQL's default of 100
	s.write.SetMaxIdleConns(5)
	s.write.SetConnMaxIdleTime(5 * time.Minute)
	if err := s.write.PingContext(ctx); err != nil {
		return postgresProblem(config, err)
	}
	if err := migrate(ctx, goose.DialectPostgres, s.write); err != nil {
		return postgresProblem(config, err)
	}
	return nil
}

// parsePostgres reads the URL. Its errors hold nothing of the URL but its scheme: the rest may be a password.
func parsePostgres(database string) (*pgx.ConnConfig, error) {
	unreadable := berth.Errorf(berth.Invalid, "The database URL cannot be read: it looks like postgres://USER:PASSWORD@HOST:5432/NAME, with %%40 for @ and %%2F for / in the password.")
	u, err := url.Parse(database)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "":
		return nil, unreadable
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return nil, berth.Errorf(berth.Invalid, "The database URL begins with %s://, which Berth does not know: use postgres://USER:PASSWORD@HOST:5432/NAME, or none for SQLite.", u.Scheme)
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, unreadable
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	return config, nil
}

// postgresProblem says what a person can do about a server that does not let Berth in.
func postgresProblem(config *pgx.ConnConfig, err error) error {
	if berth.CodeOf(err) != "" {
		return err
	}
	problem := func(code berth.Code, format string, args ...any) error {
		return &berth.Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
	}
	host := fmt.Sprintf("%s:%d", config.Host, config.Port)
	refusal, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case !answered:
		return problem(berth.Unavailable, "PostgreSQL at %s does not answer: check that it runs and that the address in the database URL is right.", host)
	case refusal.Code == "28P01" || refusal.Code == "28000": // invalid_password, invalid_authorization_specification
		return problem(berth.Invalid, "PostgreSQL at %s does not let user %s in: check user and password in the database URL.", host, config.User)
	case refusal.Code == "3D000": // invalid_catalog_name
		return problem(berth.Invalid, "PostgreSQL at %s has no database %s: create it with CREATE DATABASE %s.", host, config.Database, pgx.Identifier{config.Database}.Sanitize())
	case refusal.Code == "42501": // insufficient_privilege; since PostgreSQL 15 only the owner may create tables
		return problem(berth.Invalid, "User %s may not create tables in database %s: make it the owner with ALTER DATABASE %s OWNER TO %s.", config.User, config.Database,
			pgx.Identifier{config.Database}.Sanitize(), pgx.Identifier{config.User}.Sanitize())
	}
	return problem(berth.Unavailable, "PostgreSQL at %s does not accept connections now (%s): try again later.", host, refusal.Message)
}
