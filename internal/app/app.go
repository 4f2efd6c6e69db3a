// Package app wires everything together: it is the only package that knows all the others.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"berth"
	"berth/internal/auth"
	"berth/internal/console"
	"berth/internal/fleet"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/store"
	"berth/internal/web"
)

// Options are what a deployment decides.
type Options struct {
	Addr  string // host:port of the web interface
	Store store.Options
	Pace  fleet.Pace // zero: fleet.DefaultPace
	Log   *slog.Logger
	Now   func() time.Time // the clock of everything, the store included; nil: time.Now

	TLSCert, TLSKey string         // files of the web interface's own certificate; empty: plain HTTP
	TrustedProxies  []netip.Prefix // believed when they say where a request comes from
}

// App is a running Berth. New, then Start, then Stop; or Run for all of them.
type App struct {
	Store *store.Store

	log      *slog.Logger
	fleet    *fleet.Fleet
	jobs     *jobs.Jobs
	actions  *fleet.Actions
	consoles *console.Consoles
	web      *web.Server
	listener net.Listener
	server   *http.Server
	cert     *certificate // nil: plain HTTP

	cancel context.CancelFunc
	group  sync.WaitGroup
	failed chan error // the HTTP server ended by itself, or the jobs could not start
}

const (
	stopTimeout    = 4 * time.Second
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	housekeeping   = 10 * time.Minute
	maxHeaderBytes = 64 << 10
	requestTime    = time.Minute // to read a request, and to write an answer; streams extend it with each message
)

// New opens the database and the port, so that what cannot work is said before anything runs.
func New(ctx context.Context, o Options) (*App, error) {
	var cert *certificate
	if o.TLSCert != "" || o.TLSKey != "" {
		var err error
		if cert, err = loadCertificate(o.TLSCert, o.TLSKey, o.Log); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, listenError(o.Addr, err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Store.Now = o.Now
	s, err := store.Open(ctx, o.Store)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if o.Pace == (fleet.Pace{}) {
		o.Pace = fleet.DefaultPace()
	}
	a := &App{Store: s, log: o.Log, listener: listener, cert: cert, failed: make(chan error, 2)}
	hub := &live.Hub{}
	a.fleet = fleet.New(s, hub, o.Log, o.Now, o.Pace)
	a.jobs, err = jobs.New(ctx, s, hub, o.Log, jobs.Options{})
	if err == nil {
		a.actions = fleet.NewActions(a.fleet, a.jobs, fleet.DefaultPatience())
		err = a.fleet.Load(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close(), s.Close())
	}
	a.consoles = console.New(a.actions.ConsoleDoor, s.AddEvent, o.Log)
	a.web = web.New(s, a.fleet, a.actions, a.consoles, auth.New(s, auth.Options{Now: o.Now, AskProxmox: a.fleet.SignIn}), hub, o.Log, o.Now)
	a.server = &http.Server{Handler: behindProxies(a.web.Handler(), o.TrustedProxies), ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	if cert != nil {
		a.server.TLSConfig = cert.config()
	}
	a.server.RegisterOnShutdown(a.web.Close)
	return a, nil
}

// URL is the address of the web interface, with a host that a browser on this machine can open.
func (a *App) URL() string {
	host, port, _ := net.SplitHostPort(a.listener.Addr().String()) // the address of a listener has both
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if a.cert != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// SignInLink makes a one-time link that signs userID in.
func (a *App) SignInLink(ctx context.Context, userID string, valid time.Duration) (string, error) {
	token, err := a.Store.NewSignInLink(ctx, userID, valid)
	if err != nil {
		return "", err
	}
	return SignInURL(a.URL(), token), nil
}

const setupTime = time.Hour // to use the setup link

// SetupLink makes the one-time link by which the first account is made; links made before do not work any more. Returns
// Conflict once there are accounts.
func (a *App) SetupLink(ctx context.Context) (string, error) {
	token, err := a.Store.NewSetupLink(ctx, setupTime)
	if err != nil {
		return "", err
	}
	return a.URL() + "/setup?token=" + token, nil
}

// SignInURL is the address that a one-time sign-in token opens on the Berth at base.
func SignInURL(base, token string) string { return base + "/login?link=" + token }

// Start serves and polls in the background.
func (a *App) Start() {
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	a.group.Go(func() { a.fleet.Run(ctx) })
	a.group.Go(func() { a.actions.Run(ctx) })
	a.group.Go(func() { a.keepHouse(ctx) })
	if err := a.jobs.Start(); err != nil {
		a.failed <- err
	}
	a.group.Go(func() {
		if err := a.serve(); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serve the web interface: %w", err)
		}
	})
}

func (a *App) serve() error {
	if a.cert != nil {
		return a.server.ServeTLS(a.listener, "", "")
	}
	return a.server.Serve(a.listener)
}

// Stop ends everything that Start began and closes the database. Open event streams and consoles end at once; other
// requests get a few seconds.
func (a *App) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := a.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = a.server.Close()
	}
	a.web.Wait()
	a.consoles.Close()
	err = errors.Join(err, a.stopJobs())
	if a.cancel != nil { // Start was called
		a.cancel()
	}
	a.group.Wait()
	return errors.Join(err, a.Store.Close())
}

// stopJobs lets the jobs under way be given back, whatever time the requests took.
func (a *App) stopJobs() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := a.jobs.Stop(ctx); err != nil {
		return fmt.Errorf("stop the jobs: %w", err)
	}
	return nil
}

// Run starts, waits until ctx ends or the server fails, and stops.
func (a *App) Run(ctx context.Context) error {
	a.Start()
	a.log.Info("berth is running", "url", a.URL())
	var failure error
	select {
	case <-ctx.Done():
		a.log.Info("stopping")
	case failure = <-a.failed:
	}
	return errors.Join(failure, a.Stop())
}

// keepHouse deletes expired sessions now and then.
func (a *App) keepHouse(ctx context.Context) {
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	for {
		if _, err := a.Store.DeleteExpired(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("cannot delete expired sessions", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return berth.Errorf(berth.Conflict, "The address %s is in use by another program; stop it or choose another one with --addr.", addr)
	case errors.Is(err, syscall.EACCES):
		return berth.Errorf(berth.Forbidden, "The address %s needs more rights than this user has; choose a port above 1023 with --addr.", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return berth.Errorf(berth.Invalid, "This machine has no address %s; choose one of its own with --addr.", addr)
	default:
		return berth.Errorf(berth.Invalid, "Cannot listen on %s: %v.", addr, err)
	}
}
