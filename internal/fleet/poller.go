package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// poller asks one cluster, merges the answers, and publishes views of it. The fields below the line belong to the
// goroutine of run; calls are made beside it, and their outcomes come back into it.
type poller struct {
	fleet    *Fleet
	cluster  berth.Cluster
	client   *pve.Client   // nil when the stored connection is not usable; health says why
	wake     chan struct{} // ask at once
	reload   chan struct{} // the tracked containers have changed in the database
	cancel   context.CancelFunc
	done     chan struct{} // closed when run has ended
	calls    sync.WaitGroup
	outcomes chan func()

	// ---
	list     list
	tasks    tasks
	fresh    map[int]*fresh // by VMID
	facts    facts
	nodes    map[string]*nodeState
	reading  int // reads of single containers under way
	budget   budget
	tracked  []store.Tracked // by VMID
	reread   reread
	identity identity
	noted    noted
	insight  insight
	backups  backupsSeen
	health   Health
	merged   merged
	history  []berth.Moment
	scratch  berth.Container // that merge works in
	changed  bool            // something for a merge
}

// newPoller makes a poller that knows the last known state of its cluster. A connection that cannot be used is not an
// error here: the cluster is shown as failing, with the reason.
func (f *Fleet) newPoller(ctx context.Context, c berth.Cluster) (*poller, error) {
	p := &poller{fleet: f, cluster: c, wake: make(chan struct{}, 1), reload: make(chan struct{}, 1), done: make(chan struct{}), outcomes: make(chan func(), readsAtOnce),
		fresh: map[int]*fresh{}, nodes: map[string]*nodeState{}, insight: insight{contact: contact{now: f.now}, turn: -1, nodes: map[string]nodeInsight{}}, health: Health{State: Connecting},
		identity: identity{gone: map[string]time.Time{}, suspects: map[int]bool{}}, tasks: tasks{left: map[pve.UPID]bool{}}}
	var err error
	if p.tracked, err = f.store.TrackedContainers(ctx, c.ID); err != nil {
		return nil, fmt.Errorf("load containers of cluster %s: %w", c.Name, err)
	}
	if err := p.loadList(ctx); err != nil {
		return nil, err
	}
	if err := p.loadFacts(ctx); err != nil {
		return nil, err
	}
	if err := p.loadNoted(ctx); err != nil {
		return nil, err
	}
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	p.merge()
	return p, nil
}

// callsAtOnce is how many calls to one cluster may be under way. The poller makes far fewer; the rest is for jobs, of which
// a bulk action has four at each node.
const callsAtOnce = 32

// connect makes the client. A stored connection that cannot be used shows as a cluster that fails; one that cannot be read
// now is an error.
func (p *poller) connect(ctx context.Context) error {
	secret, err := p.fleet.store.ClusterSecret(ctx, p.cluster.ID)
	if berth.CodeOf(err) == berth.Unavailable {
		return fmt.Errorf("load the connection of cluster %s: %w", p.cluster.Name, err)
	}
	if err == nil {
		p.client, err = pve.New(pve.Config{Endpoints: p.cluster.Endpoints, Token: p.cluster.TokenID + "=" + secret, Fingerprint: p.cluster.Fingerprint,
			MaxConcurrent: callsAtOnce, OnCall: p.insight.contact.heard})
	}
	if err != nil {
		p.setFailing("The stored connection cannot be used: "+err.Error(), err)
	}
	return nil
}

func (p *poller) start(ctx context.Context, group *sync.WaitGroup) {
	ctx, p.cancel = context.WithCancel(ctx)
	group.Go(func() {
		defer close(p.done)
		p.run(ctx)
	})
}

func (p *poller) stop() { p.cancel() }

// signal leaves word in a channel of one, unless it is there already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
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
	defer p.calls.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.saveList(context.WithoutCancel(ctx))
			p.saveFacts(context.WithoutCancel(ctx))
			return
		case <-p.wake:
			p.list.atOnce()
			p.tasks.atOnce()
		case <-p.reload:
			p.askTracked(ctx)
		case outcome := <-p.outcomes:
			outcome()
			p.takeOutcomes()
		case <-timer.C:
		}
		p.turn(ctx)
		timer.Reset(p.untilNext())
	}
}

// turn publishes what is new, makes the calls whose turn it is, and stores what is to be stored.
func (p *poller) turn(ctx context.Context) {
	if p.changed {
		p.mergeAndPublish()
	}
	p.askTasks(ctx)
	p.askList(ctx)
	p.askFresh(ctx)
	p.askFacts(ctx)
	p.askQuorum(ctx)
	p.askNoted(ctx)
	p.askDiffering(ctx)
	p.askInsight(ctx)
	p.askBackups(ctx)
	now := p.fleet.now()
	if now.Sub(p.list.savedAt) >= saveEvery {
		p.saveList(ctx)
	}
	if now.Sub(p.facts.savedAt) >= saveFactsEvery {
		p.saveFacts(ctx)
	}
}

func (p *poller) mergeAndPublish() {
	p.changed = false
	p.merge()
	if p.health.State == Answering {
		p.history = withMoment(p.history, p.health.AnsweredAt, p.merged.totals)
	}
	p.fleet.replace(p.view())
}

// untilNext is how long the loop may sleep when no call ends meanwhile.
func (p *poller) untilNext() time.Duration {
	now := p.fleet.now()
	wait := p.fleet.pace.Idle
	consider := func(at time.Time) { wait = min(wait, max(at.Sub(now), time.Millisecond)) }
	if !p.list.underWay {
		consider(p.list.next)
	}
	if p.health.State != Answering {
		return wait
	}
	if !p.tasks.underWay {
		consider(p.tasks.next)
	}
	for _, f := range p.fresh {
		if !f.underWay {
			consider(laterOf(f.next, now.Add(shortestWait)))
		}
	}
	if p.reading < readsAtOnce {
		consider(p.facts.next)
	}
	p.laterDifferences(consider)
	if !p.insight.about.underWay {
		consider(p.insight.about.next)
	}
	if p.fleet.nodesWatched() && !p.insight.details.underWay {
		consider(p.insight.details.next)
	}
	if p.insight.rights != nil && !p.backups.underWay {
		consider(p.backups.next)
	}
	if p.identity.vanished && !p.identity.quorum.underWay {
		consider(p.identity.quorum.next)
	}
	return wait
}

// shortestWait is what a read waits that the budget or its node did not let through.
const shortestWait = 50 * time.Millisecond

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
