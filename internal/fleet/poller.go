package fleet

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

const (
	callTimeout   = 10 * time.Second // of a poll; a node that hangs is not waited for longer
	saveTimeout   = 2 * time.Second  // of storing the last answer; Berth may be stopping
	saveEvery     = time.Minute      // how often the last good answer is stored for the next start
	overlayKept   = 20 * time.Second // how long a container's own answer outweighs the older statistics of the cluster
	readsAtOnce   = 4                // status reads of single containers under way per cluster
	failuresMeant = 2                // failed polls in a row after which a cluster counts as not answering
)

// poller asks one cluster, merges the answers, and publishes views of it. Its fields below the line belong to the
// goroutine of run.
type poller struct {
	fleet   *Fleet
	cluster berth.Cluster
	client  *pve.Client // nil when the stored connection is not usable; problem says why
	wake    chan struct{}
	cancel  context.CancelFunc
	reads   chan guestRead
	slots   chan struct{}

	// ---
	resources     pve.Resources
	body          []byte // of the last good answer, until it is saved
	savedAt       time.Time
	tracked       []store.Tracked
	overlays      map[int]overlay   // by VMID
	tasks         map[pve.UPID]bool // known tasks, and whether they have ended
	health        Health
	failures      int
	merged        merged
	nextResources time.Time
	nextTasks     time.Time
}

// overlay is what a container itself answered, newer than the cluster's statistics.
type overlay struct {
	status pve.ContainerStatus
	node   string
	at     time.Time
}

// guestRead is the answer to a read of one container.
type guestRead struct {
	vmid   int
	node   string
	status pve.ContainerStatus
	err    error
}

// newPoller makes a poller that knows the last known state of its cluster. A connection that cannot be used is not an
// error here: the cluster is shown as failing, with the reason.
func (f *Fleet) newPoller(ctx context.Context, c berth.Cluster) (*poller, error) {
	p := &poller{fleet: f, cluster: c, wake: make(chan struct{}, 1), reads: make(chan guestRead, readsAtOnce),
		slots: make(chan struct{}, readsAtOnce), overlays: map[int]overlay{}, health: Health{State: Connecting}}
	var err error
	if p.tracked, err = f.store.TrackedContainers(ctx, c.ID); err != nil {
		return nil, fmt.Errorf("load containers of cluster %s: %w", c.Name, err)
	}
	if err := p.loadLastAnswer(ctx); err != nil {
		return nil, err
	}
	p.connect(ctx)
	p.merge()
	return p, nil
}

func (p *poller) loadLastAnswer(ctx context.Context) error {
	body, at, err := p.fleet.store.LastAnswer(ctx, p.cluster.ID)
	if berth.CodeOf(err) == berth.NotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load the last answer of cluster %s: %w", p.cluster.Name, err)
	}
	if p.resources, err = pve.DecodeResources(body); err != nil {
		p.fleet.log.Warn("the stored answer of a cluster cannot be read and is ignored", "cluster", p.cluster.Name, "error", err)
		return nil
	}
	p.health.AnsweredAt = at
	return nil
}

// connect makes the client. A stored connection that cannot be used shows as a cluster that fails.
func (p *poller) connect(ctx context.Context) {
	secret, err := p.fleet.store.ClusterSecret(ctx, p.cluster.ID)
	if err == nil {
		p.client, err = pve.New(pve.Config{Endpoints: p.cluster.Endpoints, Token: p.cluster.TokenID + "=" + secret, Fingerprint: p.cluster.Fingerprint})
	}
	if err != nil {
		p.setFailing("The stored connection cannot be used: "+err.Error(), err)
	}
}

func (p *poller) start(ctx context.Context, group *sync.WaitGroup) {
	ctx, p.cancel = context.WithCancel(ctx)
	group.Go(func() { p.run(ctx) })
}

func (p *poller) stop() { p.cancel() }

func (p *poller) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run polls until ctx ends.
func (p *poller) run(ctx context.Context) {
	if p.client == nil {
		<-ctx.Done()
		return
	}
	defer p.client.Close()
	var reads sync.WaitGroup
	defer reads.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.save(context.WithoutCancel(ctx))
			return
		case <-p.wake:
			p.nextResources, p.nextTasks = time.Time{}, time.Time{}
		case read := <-p.reads:
			p.overlay(read)
		case <-timer.C:
		}
		p.poll(ctx, &reads)
		timer.Reset(p.untilNext())
	}
}

// poll makes the calls whose turn it is.
func (p *poller) poll(ctx context.Context, reads *sync.WaitGroup) {
	if now := p.fleet.now(); !p.nextTasks.After(now) && p.health.State == Answering {
		p.pollTasks(ctx, reads)
		p.nextTasks = p.next(p.fleet.pace.WatchedTasks, now)
	}
	if now := p.fleet.now(); !p.nextResources.After(now) {
		p.pollResources(ctx)
		p.nextResources = p.next(p.fleet.pace.WatchedResources, now)
	}
}

// next tells when a call that began at start is due again: at its pace, but a slow server is asked less often and a
// failing one soon, then ever less often.
func (p *poller) next(watched time.Duration, start time.Time) time.Time {
	now := p.fleet.now()
	if p.failures > 0 {
		backOff := time.Second << min(p.failures-1, 4)
		return now.Add(min(backOff, p.fleet.pace.Idle))
	}
	pace := p.fleet.pace.Idle
	if p.fleet.watched() {
		pace = watched
	}
	return start.Add(max(pace, 2*now.Sub(start)))
}

func (p *poller) untilNext() time.Duration {
	next := p.nextResources
	if p.health.State == Answering && p.nextTasks.Before(next) {
		next = p.nextTasks
	}
	return max(next.Sub(p.fleet.now()), time.Millisecond)
}

func (p *poller) pollResources(ctx context.Context) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	at := p.fleet.now()
	resources, body, err := p.client.ResourcesRaw(callCtx)
	if err != nil {
		if ctx.Err() == nil { // else Berth is stopping
			p.fail(err)
		}
		return
	}
	p.resources, p.body = resources, body
	p.answered(at)
	p.dropOverlays(at)
	p.mergeAndPublish()
	if at.Sub(p.savedAt) >= saveEvery {
		p.save(ctx)
	}
}

// pollTasks looks for tasks that have begun or ended since the last look, and reads the containers they are about at
// once: the cluster's statistics are up to 14 s old.
func (p *poller) pollTasks(ctx context.Context, reads *sync.WaitGroup) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, err := p.client.ClusterTasks(callCtx)
	if err != nil {
		p.nextResources = time.Time{} // whether the cluster still answers is decided by the list
		return
	}
	first := p.tasks == nil
	known := make(map[pve.UPID]bool, len(rows))
	for _, row := range rows {
		ended, seen := p.tasks[row.UPID]
		known[row.UPID] = !row.Running()
		if first || (seen && ended == known[row.UPID]) {
			continue
		}
		if vmid, err := strconv.Atoi(row.ID); err == nil && !row.Running() {
			p.read(ctx, reads, vmid)
		}
	}
	p.tasks = known
}

// read asks a container for its own state, beside the poll.
func (p *poller) read(ctx context.Context, reads *sync.WaitGroup, vmid int) {
	node, ok := p.nodeOf(vmid)
	if !ok {
		p.nextResources = time.Time{} // created, deleted or moved: the list tells
		return
	}
	select {
	case p.slots <- struct{}{}:
	default:
		p.nextResources = time.Time{} // too many at once: the list is cheaper
		return
	}
	reads.Go(func() {
		defer func() { <-p.slots }()
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		status, err := p.client.ContainerStatus(ctx, node, vmid)
		select {
		case p.reads <- guestRead{vmid: vmid, node: node, status: status, err: err}:
		case <-ctx.Done():
		}
	})
}

func (p *poller) nodeOf(vmid int) (string, bool) {
	for i := range p.resources.Containers {
		if c := &p.resources.Containers[i]; c.VMID == vmid {
			return c.Node, true
		}
	}
	return "", false
}

// overlay takes in what a container answered. A container that could not be read is not news: the next list tells.
func (p *poller) overlay(read guestRead) {
	if read.err != nil {
		p.nextResources = time.Time{}
		return
	}
	p.overlays[read.vmid] = overlay{status: read.status, node: read.node, at: p.fleet.now()}
	p.mergeAndPublish()
}

// dropOverlays forgets answers of containers that the statistics have caught up with.
func (p *poller) dropOverlays(now time.Time) {
	for vmid, o := range p.overlays {
		if now.Sub(o.at) > overlayKept {
			delete(p.overlays, vmid)
		}
	}
	for i := range p.resources.Containers {
		row := &p.resources.Containers[i]
		if o, ok := p.overlays[row.VMID]; ok && row.Sampled() && row.Status == o.status.Status && row.Node == o.node {
			delete(p.overlays, row.VMID)
		}
	}
}

func (p *poller) answered(at time.Time) {
	if p.health.State == Failing {
		p.fleet.log.Info("cluster answers again", "cluster", p.cluster.Name, "after", at.Sub(p.health.Since).Round(time.Second).String())
	}
	p.failures = 0
	p.health = Health{State: Answering, AnsweredAt: at}
}

// fail counts a failed poll. The change to failing is logged and shown once, not once per poll.
func (p *poller) fail(err error) {
	p.failures++
	problem := plainProblem(err)
	if p.health.State == Failing && p.health.Problem == problem || p.failures < failuresMeant && !isFinal(err) {
		return
	}
	p.setFailing(problem, err)
	p.mergeAndPublish()
}

func (p *poller) setFailing(problem string, err error) {
	if p.health.State != Failing {
		p.health.Since = p.fleet.now()
	}
	p.health.State, p.health.Problem = Failing, problem
	p.fleet.log.Error("cluster does not answer", "cluster", p.cluster.Name, "problem", problem, "error", err)
}

// save stores the last good answer for the next start.
func (p *poller) save(ctx context.Context) {
	if p.body == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	p.savedAt = p.fleet.now()
	if err := p.fleet.store.SaveAnswer(ctx, p.cluster.ID, p.health.AnsweredAt, p.body); err != nil {
		p.fleet.log.Error("cannot store the last answer of a cluster", "cluster", p.cluster.Name, "error", err)
		return
	}
	p.body = nil
}

func (p *poller) mergeAndPublish() {
	p.merge()
	p.fleet.replace(p.view())
}
