package fleet

import (
	"context"
	"sync"
	"time"

	"berth"
)

// revisions are those of the database that the fleet has caught up with.
type revisions struct{ clusters, containers int64 }

// followDatabase starts and stops pollers as clusters are added and removed, and has them read their tracked containers
// again as those change, in this process or another one.
func (f *Fleet) followDatabase(ctx context.Context, group *sync.WaitGroup) {
	tick := time.NewTicker(f.pace.Clusters)
	defer tick.Stop()
	known, failing := revisions{clusters: -1, containers: -1}, false
	for {
		err := f.catchUp(ctx, group, &known)
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

func (f *Fleet) catchUp(ctx context.Context, group *sync.WaitGroup, known *revisions) error {
	clusters, err := f.store.ClustersRevision(ctx)
	if err != nil {
		return err
	}
	if clusters != known.clusters {
		if err := f.adjustPollers(ctx, group); err != nil {
			return err
		}
		known.clusters = clusters
	}
	containers, err := f.store.ContainersRevision(ctx)
	if err != nil || containers == known.containers {
		return err
	}
	known.containers = containers
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pollers {
		signal(p.reload)
	}
	return nil
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

// stopPollers stops those of clusters that are gone or have changed, and waits for them, so that none publishes its view
// once more afterwards.
func (f *Fleet) stopPollers(wanted map[string]berth.Cluster) {
	for _, p := range f.outdated(wanted) {
		p.stop()
		<-p.done
		if _, keep := wanted[p.cluster.ID]; !keep {
			f.mu.Lock()
			delete(f.pollers, p.cluster.ID)
			f.mu.Unlock()
			f.forget(p.cluster.ID)
			f.log.Info("cluster removed", "cluster", p.cluster.Name)
		}
	}
}

func (f *Fleet) outdated(wanted map[string]berth.Cluster) []*poller {
	f.mu.Lock()
	defer f.mu.Unlock()
	var outdated []*poller
	for id, p := range f.pollers {
		if c, keep := wanted[id]; !keep || !c.UpdatedAt.Equal(p.cluster.UpdatedAt) {
			outdated = append(outdated, p)
		}
	}
	return outdated
}

func (f *Fleet) startPoller(ctx context.Context, group *sync.WaitGroup, c berth.Cluster) error {
	f.mu.Lock()
	running := f.pollers[c.ID]
	f.mu.Unlock()
	if running != nil && running.cluster.UpdatedAt.Equal(c.UpdatedAt) {
		return nil
	}
	p, err := f.newPoller(ctx, c)
	if err != nil {
		return err
	}
	f.replace(p.view())
	f.mu.Lock()
	f.pollers[c.ID] = p
	p.start(ctx, group)
	f.mu.Unlock()
	f.log.Info("cluster connected", "cluster", c.Name, "endpoints", c.Endpoints)
	return nil
}
