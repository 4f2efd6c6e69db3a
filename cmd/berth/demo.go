package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"berth"
	"berth/internal/app"
	"berth/internal/fleet"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
)

type demoCommand struct {
	Addr string `default:"127.0.0.1:7420" placeholder:"HOST:PORT" help:"Address of the web interface (${default})."`
	Data string `env:"-" placeholder:"DIR" help:"Keep the database there; otherwise it is temporary."`
	worldFlags
}

const (
	demoCluster  = "demo"
	demoUser     = "demo"
	demoLinkTime = 24 * time.Hour
)

// Run starts a simulated cluster and a Berth that is connected to it, and runs both until it is interrupted.
func (c *demoCommand) Run(ctx context.Context, o output) (err error) {
	sim, err := c.startSimulator()
	if err != nil {
		return err
	}
	defer sim.Close()
	dir, remove, err := c.dataDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	log := slog.New(slog.NewTextHandler(o.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := app.New(ctx, app.Options{Addr: c.Addr, Store: store.Options{DataDir: dir}, Log: log})
	if err != nil {
		return err
	}
	link, err := prepareDemo(ctx, a, sim)
	if err != nil {
		return errors.Join(err, a.Stop())
	}
	fmt.Fprintf(o.out, "Open this link to sign in to the demo (it works once): %s\n", link)
	return a.Run(ctx)
}

func (c *demoCommand) startSimulator() (*pvesim.Sim, error) {
	options, err := c.options("9.2")
	if err != nil {
		return nil, err
	}
	sim, err := pvesim.New(options)
	if err != nil {
		return nil, err
	}
	return sim, sim.Start("127.0.0.1:0")
}

// dataDir gives the directory of the database and what removes it in the end, if it is temporary.
func (c *demoCommand) dataDir() (dir string, remove func() error, err error) {
	if c.Data != "" {
		return c.Data, func() error { return nil }, nil
	}
	dir, err = os.MkdirTemp("", "berth-demo-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// prepareDemo connects the simulated cluster and makes an account, and gives its sign-in link.
func prepareDemo(ctx context.Context, a *app.App, sim *pvesim.Sim) (string, error) {
	actor := berth.Actor{Name: "demo", Source: "cli"}
	if err := a.Store.RemoveCluster(ctx, actor, demoCluster); err != nil && berth.CodeOf(err) != berth.NotFound {
		return "", err // kept data names the simulator of an earlier run
	}
	cluster := berth.Cluster{Name: demoCluster, Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}
	if _, err := fleet.Connect(ctx, a.Store, actor, cluster, sim.Token()); err != nil {
		return "", err
	}
	user, err := a.Store.UserByName(ctx, demoUser)
	if berth.CodeOf(err) == berth.NotFound {
		user, err = a.Store.AddUser(ctx, actor, berth.User{Name: demoUser, Role: berth.RoleAdmin})
	}
	if err != nil {
		return "", err
	}
	return a.SignInLink(ctx, user.ID, demoLinkTime)
}
