package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"berth/internal/store"
)

// PostgresURL gives the URL of a new database that already has Berth's tables. The test's end removes it.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return createDatabase(t, "template1")
}

// EmptyPostgresURL gives the URL of a new database without any table. The test's end removes it.
func EmptyPostgresURL(t testing.TB) string {
	t.Helper()
	return createDatabase(t, "template0")
}

// shared is the server of this process. It is a variable of the package because starting one takes a second: all tests
// of a process share it.
var shared = sync.OnceValues(func() (*server, error) {
	if given := os.Getenv("BERTH_TEST_POSTGRES"); given != "" {
		return &server{url: given}, nil
	}
	started, err := startServer()
	if err != nil {
		return nil, err
	}
	return started, migrateTemplate(started.url)
})

// migrateTemplate puts Berth's tables into template1, which PostgreSQL copies for every new database.
func migrateTemplate(serverURL string) error {
	dir, err := os.MkdirTemp("", "berth-template-")
	if err != nil {
		return err
	}
	s, err := store.Open(context.Background(), store.Options{DataDir: dir, Database: withDatabase(serverURL, "template1")})
	if err == nil {
		err = s.Close()
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("migrate template1: %w", err)
	}
	return nil
}

func createDatabase(t testing.TB, template string) string {
	t.Helper()
	skipWithoutPostgres(t)
	server, err := shared()
	if err != nil {
		t.Fatalf("no PostgreSQL for this test: %v\nInstall PostgreSQL, or set BERTH_TEST_POSTGRES to the URL of a user who may create databases, or BERTH_TEST_WITHOUT=postgres.", err)
	}
	name := "berth_test_" + strings.ToLower(rand.Text()[:12])
	run(t, server.url, "CREATE DATABASE "+name+" TEMPLATE "+template)
	t.Cleanup(func() { run(t, server.url, "DROP DATABASE "+name+" WITH (FORCE)") })
	return withDatabase(server.url, name)
}

func run(t testing.TB, serverURL, statement string) {
	t.Helper()
	ctx := context.Background() // the test's own has ended when its clean-up runs
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func withDatabase(serverURL, name string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		return serverURL // pgx refuses it with a better message
	}
	u.Path = "/" + name
	return u.String()
}
