package fleet

import (
	"time"

	"berth/internal/pve"
)

const (
	readsAtOnce     = 4                // reads of single containers under way per cluster
	readsAtNode     = 2                // of them to one node, so that one that hangs leaves room for the others
	firstRest       = 5 * time.Second  // of a node that did not answer a read
	longestRest     = 5 * time.Minute  // of a node that never answers
	silentAfter     = 45 * time.Second // without new statistics, which come every 10 s
	noAddressesRest = time.Hour        // of a node that cannot tell addresses, until it is asked again; it may be updated
)

// nodeState is how a node fares with reads of its containers, and when its statistics last moved.
type nodeState struct {
	underWay  int // reads
	failures  int // in a row
	restsTill time.Time
	mute      time.Time     // until then it is not asked for addresses: its version has no such call
	uptime    time.Duration // in the latest list
	movedAt   time.Time     // when uptime was first seen to be that
}

func (p *poller) node(name string) *nodeState {
	n, ok := p.nodes[name]
	if !ok {
		n = &nodeState{}
		p.nodes[name] = n
	}
	return n
}

// mayRead tells whether one more read of a container may go to the node now.
func (p *poller) mayRead(name string, now time.Time) bool {
	n := p.node(name)
	return p.reading < readsAtOnce && n.underWay < readsAtNode && !n.restsTill.After(now)
}

func (p *poller) beginRead(name string) {
	p.reading++
	p.node(name).underWay++
}

// endRead counts a read that has ended. A node that could not be reached, or had no answer in time, rests.
func (p *poller) endRead(name string, err error) {
	n := p.node(name)
	p.reading--
	n.underWay--
	if err == nil || !isNodeProblem(err) {
		n.failures, n.restsTill = 0, time.Time{}
		return
	}
	n.restsTill = p.fleet.now().Add(backOff(n.failures, firstRest, longestRest))
	n.failures++
}

func isNodeProblem(err error) bool {
	switch pve.Classify(err).Kind {
	case pve.KindNodeUnreachable, pve.KindUnavailable, pve.KindBusy:
		return true
	}
	return false
}

// watchStatistics notes which nodes have sent new statistics since the list before: the uptime is part of them.
func (p *poller) watchStatistics(at time.Time) {
	for i := range p.list.resources.Nodes {
		row := &p.list.resources.Nodes[i]
		n := p.node(row.Node)
		if n.movedAt.IsZero() || row.Uptime != n.uptime {
			n.uptime, n.movedAt = row.Uptime, at
		}
	}
}

// offlineSince tells since when nothing can be said of a node: the cluster calls it offline, or it has sent no statistics
// for a while. Without the right to see a node's figures (Sys.Audit) only the former is known.
func (p *poller) offlineSince(row *pve.NodeResource, now time.Time) (since time.Time, offline bool) {
	if row.Status != "online" {
		return now, true
	}
	n := p.node(row.Node)
	if row.Uptime > 0 && n.uptime == row.Uptime && p.list.at.Sub(n.movedAt) > silentAfter {
		return n.movedAt, true
	}
	return time.Time{}, false
}
