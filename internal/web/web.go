// Package web is the browser's side of Berth: routes, handlers, pages and the live stream. It reads snapshots of the
// fleet and never asks Proxmox VE itself, so that no page waits for it.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"berth/internal/auth"
	"berth/internal/console"
	"berth/internal/fleet"
	"berth/internal/live"
	"berth/internal/store"
)

// Server answers browsers. Make one with New.
type Server struct {
	store    *store.Store
	fleet    *fleet.Fleet
	actions  *fleet.Actions
	consoles *console.Consoles
	auth     *auth.Auth
	hub      *live.Hub
	log      *slog.Logger
	now      func() time.Time
	views    *views
	beat     time.Duration // how often a stream says something and checks that its session still holds
	closing  context.Context
	close    context.CancelFunc
	sockets  sync.WaitGroup // open websockets, which the HTTP server does not wait for
}

// New makes a Server; now is the clock.
func New(st *store.Store, f *fleet.Fleet, actions *fleet.Actions, consoles *console.Consoles, a *auth.Auth, hub *live.Hub, log *slog.Logger, now func() time.Time) *Server {
	closing, cancel := context.WithCancel(context.Background())
	return &Server{store: st, fleet: f, actions: actions, consoles: consoles, auth: a, hub: hub, log: log, now: now, views: newViews(f, now), beat: keepAlive, closing: closing, close: cancel}
}

// Close ends every open event stream and websocket, so that the HTTP server can shut down.
func (s *Server) Close() { s.close() }

// Wait waits for the websockets to end, after Close, when no new requests come.
func (s *Server) Wait() { s.sockets.Wait() }

// Handler answers every request of a browser.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.routes() {
		mux.Handle(route.pattern, s.adapt(route))
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, forbiddenOrigin())
	}))
	return s.withRequestID(secured(s.small(s.ownReads(protection.Handler(mux)))))
}
