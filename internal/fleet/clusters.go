package fleet

import (
	"context"
	"sync"
	"time"

	"berth"
)

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
