package fleet

import (
	"context"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
)

const quorumEvery = 30 * time.Second // looks at the quorum while a container is missing and it is not certain why

// askQuorum looks once at the cluster's quorum and at the token's rights when a tracked container is no longer listed: only
// a cluster with quorum, and a token that may see containers, prove that it was deleted.
func (p *poller) askQuorum(ctx context.Context) {
	now := p.fleet.now()
	if !p.identity.vanished || p.health.State != Answering || !p.identity.quorum.due(now) {
		return
	}
	p.identity.quorum.begin(now)
	p.ask(ctx, func(ctx context.Context) func() {
		rights, err := p.client.Permissions(ctx)
		if err != nil || !mayAudit(rights) {
			return func() { p.takeQuorum(false, err) }
		}
		status, err := p.client.ClusterStatus(ctx)
		return func() { p.takeQuorum(status.Quorate, err) }
	})
}

func (p *poller) takeQuorum(quorate bool, err error) {
	now := p.fleet.now()
	if err != nil && pve.Classify(err).Kind == pve.KindForbidden { // it takes Sys.Audit on /
		quorate, err = p.allNodesOnline(), nil
	}
	if err != nil {
		p.identity.quorum.fail(now, quorumEvery)
		return
	}
	p.identity.quorum.end(now, quorumEvery, p.gap())
	if !quorate {
		return
	}
	for i := range p.tracked {
		t := &p.tracked[i]
		_, known := p.identity.gone[t.ID]
		if _, listed := p.list.row(t.VMID); !listed && !known {
			p.identity.gone[t.ID] = now
		}
	}
	p.noteVanished(now)
	p.identity.vanished, p.identity.quorum.next = false, time.Time{}
	p.changed = true
}

// mayAudit tells whether the rights let the list have any container at all.
func mayAudit(rights pve.Permissions) bool {
	for _, at := range rights {
		if _, has := at["VM.Audit"]; has {
			return true
		}
	}
	return false
}

func (p *poller) allNodesOnline() bool {
	nodes := p.list.resources.Nodes
	return len(nodes) > 0 && !slices.ContainsFunc(nodes, func(n pve.NodeResource) bool { return n.Status != "online" })
}

// missingReason says why nothing is known of the tracked container id, which the cluster does not list, and since when.
func (p *poller) missingReason(id string, now time.Time) (berth.UnknownReason, time.Time) {
	switch at, gone := p.identity.gone[id]; {
	case p.health.State == Failing:
		return berth.UnknownCluster, p.health.Since
	case p.health.State == Connecting:
		return berth.UnknownNeverPolled, p.health.AnsweredAt
	case gone:
		return berth.UnknownGone, at
	default:
		return berth.UnknownNotSampled, now
	}
}
