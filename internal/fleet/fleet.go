// Package fleet is what can be done with containers. So far: poll every cluster, merge its answers with what only Berth
// knows, and keep an immutable snapshot that pages read without waiting for anybody.
package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"berth"
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

	mu       sync.Mutex
	pollers  map[string]*poller // by cluster id
	watchers int
}

// Pace is how often clusters are asked.
type Pace struct {
	WatchedResources time.Duration // while somebody watches
	WatchedTasks     time.Duration
	Idle             time.Duration // both, while nobody does
	Clusters         time.Duration // how often the database is asked whether clusters were added or removed
}

// DefaultPace keeps a watched cluster under 100 calls a minute and shows a change made by a task within 1.5 s.
func DefaultPace() Pace {
	return Pace{WatchedResources: 4 * time.Second, WatchedTasks: time.Second, Idle: 12 * time.Second, Clusters: 2 * time.Second}
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
	f.followClusters(ctx, &group)
}

// Refresh asks every cluster now.
func (f *Fleet) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pollers {
		p.wakeUp()
	}
}

// Watch tells that somebody looks at the fleet, which makes the polls more frequent, until the returned function is called.
func (f *Fleet) Watch() (unwatch func()) {
	f.changeWatchers(1)
	return sync.OnceFunc(func() { f.changeWatchers(-1) })
}

func (f *Fleet) changeWatchers(by int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers += by
	if by < 0 || f.watchers > 1 {
		return
	}
	for _, p := range f.pollers { // the first one to watch does not wait for the idle pace
		p.wakeUp()
	}
}

func (f *Fleet) watched() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watchers > 0
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

// followClusters starts and stops pollers as clusters are added and removed, in this process or another one.
func (f *Fleet) followClusters(ctx context.Context, group *sync.WaitGroup) {
	tick := time.NewTicker(f.pace.Clusters)
	defer tick.Stop()
	known, failing := int64(-1), false
	for {
		revision, err := f.store.ClustersRevision(ctx)
		if err == nil && revision != known {
			if err = f.adjustPollers(ctx, group); err == nil {
				known = revision
			}
		}
		if err != nil && !failing && ctx.Err() == nil {
			f.log.Error("cannot read the list of clusters", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *Fleet) adjustPollers(ctx context.Context, group *sync.WaitGroup) error {
	clusters, err := f.store.Clusters(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]berth.Cluster{}
	for _, c := range clusters {
		wanted[c.ID] = c
	}
	f.stopPollers(wanted)
	for _, c := range clusters {
		if err := f.startPoller(ctx, group, c); err != nil {
			return err
		}
	}
	return nil
}

// stopPollers stops those of clusters that are gone or have changed.
func (f *Fleet) stopPollers(wanted map[string]berth.Cluster) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, p := range f.pollers {
		c, keep := wanted[id]
		if keep && c.UpdatedAt.Equal(p.cluster.UpdatedAt) {
			continue
		}
		p.stop()
		delete(f.pollers, id)
		if !keep {
			f.forget(id)
			f.log.Info("cluster removed", "cluster", p.cluster.Name)
		}
	}
}

func (f *Fleet) startPoller(ctx context.Context, group *sync.WaitGroup, c berth.Cluster) error {
	f.mu.Lock()
	_, running := f.pollers[c.ID]
	f.mu.Unlock()
	if running {
		return nil
	}
	p, err := f.newPoller(ctx, c)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.pollers[c.ID] = p
	p.start(ctx, group)
	f.mu.Unlock()
	f.replace(p.view())
	f.log.Info("cluster connected", "cluster", c.Name, "endpoints", c.Endpoints)
	return nil
}
