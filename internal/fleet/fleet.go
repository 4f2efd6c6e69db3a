// Package fleet is what can be done with containers. It polls every cluster, merges its answers with what only Berth
// knows, keeps an immutable snapshot that pages read without waiting for anybody, and carries out what people ask for.
package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/live"
	"berth/internal/store"
)

// Fleet holds the containers of all clusters. Make one with New, then Run it.
type Fleet struct {
	store *store.Store
	hub   *live.Hub
	log   *slog.Logger
	now   func() time.Time
	pace  Pace

	snapshot atomic.Pointer[Snapshot]
	publish  sync.Mutex // held while a snapshot is replaced

	watchers watchers
	pending  atomic.Pointer[pendingByPlace]

	mu      sync.Mutex
	pollers map[string]*poller // by cluster id
}

// New makes a Fleet that knows nothing yet; now is the clock.
func New(s *store.Store, hub *live.Hub, log *slog.Logger, now func() time.Time, pace Pace) *Fleet {
	f := &Fleet{store: s, hub: hub, log: log, now: now, pace: pace, pollers: map[string]*poller{}}
	f.snapshot.Store(&Snapshot{})
	return f
}

// Snapshot is what is known now. It never waits.
func (f *Fleet) Snapshot() *Snapshot { return f.snapshot.Load() }

// Load reads the clusters and the last known state of their containers from the database, so that the first page has
// something to show before any cluster has answered.
func (f *Fleet) Load(ctx context.Context) error {
	clusters, err := f.store.Clusters(ctx)
	if err != nil {
		return fmt.Errorf("load clusters: %w", err)
	}
	for _, c := range clusters {
		p, err := f.newPoller(ctx, c)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.pollers[c.ID] = p
		f.mu.Unlock()
		f.replace(p.view())
	}
	return nil
}

// Run polls every cluster and follows the database's list of clusters, until ctx ends. It waits for everything that it started.
func (f *Fleet) Run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	f.mu.Lock()
	for _, p := range f.pollers {
		p.start(ctx, &group)
	}
	f.mu.Unlock()
	f.followDatabase(ctx, &group)
}

// Refresh asks every cluster now, also those that would be tried again only later.
func (f *Fleet) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pollers {
		signal(p.wake)
	}
}

// replace publishes a new view of one cluster.
func (f *Fleet) replace(view *ClusterView) {
	f.publish.Lock()
	f.snapshot.Store(f.Snapshot().with(view))
	f.publish.Unlock()
	f.hub.Publish(live.Fleet)
}

func (f *Fleet) forget(clusterID string) {
	f.publish.Lock()
	f.snapshot.Store(f.Snapshot().without(clusterID))
	f.publish.Unlock()
	f.hub.Publish(live.Fleet)
}
