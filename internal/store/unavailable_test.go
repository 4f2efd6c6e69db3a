package store_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

const noAnswer = "The database does not answer; try again in a moment."

func TestPostgresThatWentAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	database := storetest.PostgresURL(t)
	between := startProxy(t, database)
	u := must(url.Parse(database))(t)
	u.Host, u.RawQuery = between.address, ""
	s := storetest.OpenWith(t, store.Options{DataDir: t.TempDir(), Database: u.String()})
	bert := addUser(t, s, "bert")
	between.cut()
	_, err := s.UserByID(t.Context(), bert.ID)
	wantError(t, err, berth.Unavailable, noAnswer)
	_, err = s.AddUser(t.Context(), anna, berth.User{Name: "carl", Role: berth.RoleViewer})
	wantError(t, err, berth.Unavailable, noAnswer)
}

func TestSQLiteThatAnotherProgramLocksIsUnavailable(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.SQLite)
	s := storetest.OpenWith(t, o)
	lock := must(raw(t, o).Conn(t.Context()))(t)
	defer lock.Close()
	must(lock.ExecContext(t.Context(), "BEGIN IMMEDIATE"))(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.AddUser(ctx, anna, berth.User{Name: "carl", Role: berth.RoleViewer})
	wantError(t, err, berth.Unavailable, noAnswer)
	must(lock.ExecContext(t.Context(), "ROLLBACK"))(t)
	addUser(t, s, "carl")
}

// proxy stands between a store and PostgreSQL, so that a test can cut the connection.
type proxy struct {
	address string
	listen  net.Listener
	copying sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func startProxy(t *testing.T, database string) *proxy {
	t.Helper()
	config := must(pgx.ParseConfig(database))(t)
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	p := &proxy{address: l.Addr().String(), listen: l}
	p.copying.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // cut
			}
			out, err := net.Dial(network, address)
			if err != nil {
				t.Error(err)
			} else {
				p.join(in, out)
			}
		}
	})
	t.Cleanup(p.cut)
	return p
}

// join copies both ways until one side ends.
func (p *proxy) join(in, out net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, in, out)
	p.mu.Unlock()
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		p.copying.Go(func() {
			_, _ = io.Copy(pair[0], pair[1]) // ends when either is closed
			_ = pair[0].Close()
		})
	}
}

// cut ends all connections and lets no new one in.
func (p *proxy) cut() {
	_ = p.listen.Close() // again at the end of the test
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close() // may be closed already
	}
	p.mu.Unlock()
	p.copying.Wait()
}
