package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"

	"berth"
	"berth/internal/app"
	"berth/internal/store"
)

type serveCommand struct {
	Addr         string         `default:"127.0.0.1:7420" placeholder:"HOST:PORT" help:"Address of the web interface (${default})."`
	TLSCert      string         `name:"tls-cert" placeholder:"FILE" help:"Certificate of the web interface, with what leads to its authority (PEM); read again when it changes. Without one Berth speaks plain HTTP."`
	TLSKey       string         `name:"tls-key" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
	TrustedProxy []netip.Prefix `placeholder:"NETWORK" help:"Address or network of a proxy before Berth, whose X-Forwarded-For and X-Forwarded-Proto are believed: 10.0.0.5/32; several separated by commas."`
	databaseFlags
}

// databaseFlags say where Berth keeps what it knows. serve and the commands beside it must be given the same.
type databaseFlags struct {
	Data     string `default:"${data}" placeholder:"DIR" help:"Directory of the database and the key of its secrets (${default})."`
	KeyFile  string `placeholder:"FILE" help:"File with the key of its secrets; berth.key in the data directory without it."`
	Key      string `hidden:"" env:"BERTH_KEY" help:"Content of a key file, in place of one."`
	Database string `placeholder:"URL" help:"PostgreSQL instead of SQLite: postgres://USER:PASSWORD@HOST/NAME."`
}

func (f databaseFlags) options() store.Options {
	return store.Options{DataDir: f.Data, Database: f.Database, KeyFile: f.KeyFile, Key: f.Key}
}

// gcPercent trades processor time, of which an idle Berth takes little, for memory: small machines run it beside other things.
const gcPercent = 25

// Run serves until it is interrupted.
func (c *serveCommand) Run(ctx context.Context, o output) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := slog.New(slog.NewTextHandler(o.err, nil))
	a, err := app.New(ctx, app.Options{Addr: c.Addr, Store: c.options(), Log: log, TLSCert: c.TLSCert, TLSKey: c.TLSKey, TrustedProxies: c.TrustedProxy})
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "Berth is at %s\n", a.URL())
	link, err := a.SetupLink(ctx)
	switch {
	case err == nil:
		fmt.Fprintf(o.out, "There is no account yet. Make the first one within an hour, here: %s\n", link)
	case berth.CodeOf(err) != berth.Conflict:
		return errors.Join(err, a.Stop())
	}
	return a.Run(ctx)
}

// defaultDataDir is where a program of this kind keeps its data.
func defaultDataDir(home, xdg string, root bool) string {
	switch {
	case root:
		return "/var/lib/berth"
	case xdg != "":
		return filepath.Join(xdg, "berth")
	case home != "":
		return filepath.Join(home, ".local", "share", "berth")
	default:
		return "berth-data"
	}
}
