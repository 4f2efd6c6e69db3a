package fleet

import (
	"context"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
)

// askFacts reads the configuration or the addresses of the one container that needs it most, within the budget.
func (p *poller) askFacts(ctx context.Context) {
	now := p.fleet.now()
	if p.facts.next.After(now) || p.health.State != Answering || p.reading >= readsAtOnce {
		return
	}
	c := p.neediest(now)
	if !p.facts.filled && c == nil {
		p.facts.filled = p.allRead()
	}
	wait := p.fleet.pace.Addresses
	if !p.facts.filled {
		wait = p.fleet.pace.FirstFill
	}
	if c != nil && p.affords(c, p.known(c.VMID), now) {
		if p.known(c.VMID).urgent {
			wait = p.fleet.pace.FirstFill
		}
		p.readFacts(ctx, c, now)
	}
	p.facts.next = now.Add(wait)
}

// affords tells whether a read may be made now. The first fill is outside of the budget.
func (p *poller) affords(c *berth.Container, k *known, now time.Time) bool {
	if !p.facts.filled && p.unread(c, k) {
		return true
	}
	keep := savedForNews
	if k.urgent {
		keep = savedForUrgent
	}
	return p.budget.take(now, p.fleet.pace.Reads, keep)
}

// unread tells whether a container was never asked for what it could tell.
func (p *poller) unread(c *berth.Container, k *known) bool {
	node := p.node(c.Node)
	now := p.fleet.now()
	if !p.canAsk(c) || k.failures > 0 || node.restsTill.After(now) {
		return false
	}
	return k.ConfigAt.IsZero() || k.NetworkAt.IsZero() && c.Live == berth.LiveRunning && !c.PVETemplate && !node.mute.After(now)
}

func (p *poller) allRead() bool {
	return !slices.ContainsFunc(p.merged.containers, func(c *berth.Container) bool { return p.unread(c, p.known(c.VMID)) })
}

func (p *poller) canAsk(c *berth.Container) bool { return c.Unknown == "" && c.Live != "" }

// neediest chooses the container to ask next; nil when all is fresh.
func (p *poller) neediest(now time.Time) *berth.Container {
	shown, watched := p.fleet.shown(p.cluster.Name), p.fleet.watched()
	var best *berth.Container
	var bestRank int
	var bestAge time.Duration
	for _, c := range p.merged.containers {
		if !p.canAsk(c) || !p.mayRead(c.Node, now) {
			continue
		}
		k := p.known(c.VMID)
		if k.underWay || k.restsTill.After(now) {
			continue
		}
		age, needs := p.need(c, k, addressesFor(shown[c.VMID], watched), now)
		rank := rankOf(k, shown[c.VMID])
		if needs && (best == nil || rank < bestRank || rank == bestRank && age > bestAge) {
			best, bestRank, bestAge = c, rank, age
		}
	}
	return best
}

func rankOf(k *known, shown bool) int {
	switch {
	case k.urgent && shown:
		return 0
	case k.urgent:
		return 1
	case shown:
		return 2
	}
	return 3
}

func addressesFor(shown, watched bool) time.Duration {
	switch {
	case shown:
		return addressesForShown
	case watched:
		return addressesForOther
	}
	return addressesForIdle
}

// need tells whether a container is to be asked, and how old is what is known of it.
func (p *poller) need(c *berth.Container, k *known, goodFor time.Duration, now time.Time) (age time.Duration, needs bool) {
	if p.needsConfig(k, now) {
		return now.Sub(k.ConfigAt), true
	}
	if p.needsAddresses(c, k, goodFor, now) {
		return now.Sub(k.NetworkAt), true
	}
	k.urgent = false
	return 0, false
}

func (p *poller) needsConfig(k *known, now time.Time) bool {
	return k.wantConfig || now.Sub(k.ConfigAt) > configFor
}

func (p *poller) needsAddresses(c *berth.Container, k *known, goodFor time.Duration, now time.Time) bool {
	return c.Live == berth.LiveRunning && !c.PVETemplate && !p.node(c.Node).mute.After(now) &&
		(k.wantAddresses || now.Sub(k.NetworkAt) > goodFor)
}

func (p *poller) readFacts(ctx context.Context, c *berth.Container, now time.Time) {
	k, node, vmid := p.known(c.VMID), c.Node, c.VMID
	k.underWay = true
	p.beginRead(node)
	if p.needsConfig(k, now) {
		p.ask(ctx, func(ctx context.Context) func() {
			config, err := p.client.ContainerConfig(ctx, node, vmid, pve.ConfigQuery{Current: true})
			return func() { p.takeConfig(k, node, &config, err) }
		})
		return
	}
	p.ask(ctx, func(ctx context.Context) func() {
		interfaces, err := p.client.Interfaces(ctx, node, vmid)
		return func() { p.takeInterfaces(k, node, interfaces, err) }
	})
}

// takeConfig takes in the configuration of a container. A configuration that the token may not read leaves its addresses.
func (p *poller) takeConfig(k *known, node string, config *pve.ContainerConfig, err error) {
	p.endRead(node, err)
	k.underWay = false
	now := p.fleet.now()
	switch {
	case p.facts.byVMID[k.VMID] != k: // forgotten meanwhile
		return
	case err == nil:
		if k = p.judge(k, config); k == nil {
			return
		}
		p.noticeConfig(k, node, config)
		k.takeConfig(config, now)
	case pve.Classify(err).Kind == pve.KindForbidden:
		k.ConfigAt, k.wantConfig = now, false
	default:
		k.failed(now)
		return
	}
	p.noteHostname(k.VMID)
	p.facts.dirty[k.VMID] = true
	p.changed = true
}

// takeInterfaces takes in the addresses of a container. Versions before 8.1 cannot tell them: the configured ones are shown.
func (p *poller) takeInterfaces(k *known, node string, interfaces []pve.Interface, err error) {
	p.endRead(node, err)
	k.underWay = false
	now := p.fleet.now()
	switch {
	case p.facts.byVMID[k.VMID] != k:
		return
	case err != nil && pve.Classify(err).Kind == pve.KindUnsupported:
		p.node(node).mute = now.Add(noAddressesRest)
		return
	case err != nil:
		k.failed(now)
		return
	}
	k.Addresses, k.NetworkAt = addressesOf(k.NICs, interfaces), now
	k.wantAddresses = false
	if lacksLease(k.NICs, k.Addresses) && k.urgent && k.failures < leaseTries {
		k.wantAddresses = true
		k.failed(now)
	} else {
		k.failures = 0
	}
	p.facts.dirty[k.VMID] = true
	p.changed = true
}

// failed lets the container rest after a read that did not bring what was wanted.
func (k *known) failed(now time.Time) {
	k.restsTill = now.Add(backOff(k.failures, firstFactsRest, longestFactsRest))
	k.failures++
}
