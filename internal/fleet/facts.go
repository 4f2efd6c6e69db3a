package fleet

import (
	"context"
	"fmt"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// What addresses and configurations are asked for, from the most to the least urgent: containers that have appeared or
// started, those on somebody's screen, the others by age. How often at most:
const (
	configFor         = 30 * time.Minute // unless something hints at a change
	addressesForShown = 30 * time.Second
	addressesForOther = 5 * time.Minute
	addressesForIdle  = 15 * time.Minute // while nobody watches
	leaseTries        = 5                // reads after a start until there is a lease
	firstFactsRest    = 2 * time.Second  // of a container after a read that brought nothing
	longestFactsRest  = 30 * time.Minute
)

// facts is what single containers told of themselves, and who is to be asked next.
type facts struct {
	byVMID  map[int]*known
	next    time.Time    // when the next read may begin
	filled  bool         // every container has been read once since the start
	dirty   map[int]bool // to be stored, or to be forgotten if not in byVMID
	savedAt time.Time
}

// known is what one container told of itself.
type known struct {
	store.Facts
	static []berth.Address // of the configuration

	underWay      bool
	urgent        bool
	wantConfig    bool
	wantAddresses bool
	restsTill     time.Time
	failures      int    // in a row, reads without a lease among them
	judgedName    string // host name that the configuration was read for, see noticeIdentity
}

// addresses are those to show.
func (k *known) addresses(live berth.LiveStatus) []berth.Address {
	if live == berth.LiveStopped || len(k.Addresses) == 0 {
		return k.static
	}
	return k.Addresses
}

func (p *poller) known(vmid int) *known {
	k, ok := p.facts.byVMID[vmid]
	if !ok {
		k = &known{Facts: store.Facts{VMID: vmid}, urgent: true}
		p.facts.byVMID[vmid] = k
	}
	return k
}

// wantConfig has the configuration of a container read soon, and then its addresses.
func (p *poller) wantConfig(vmid int) {
	k := p.known(vmid)
	k.wantConfig, k.wantAddresses, k.urgent, k.restsTill, k.failures = true, true, true, time.Time{}, 0
}

// wantAddresses has the addresses of a container that has started read soon.
func (p *poller) wantAddresses(vmid int) {
	k := p.known(vmid)
	k.wantAddresses, k.urgent, k.restsTill, k.failures = true, true, time.Time{}, 0
}

// loadFacts reads what was kept in the database.
func (p *poller) loadFacts(ctx context.Context) error {
	p.facts = facts{byVMID: map[int]*known{}, dirty: map[int]bool{}}
	all, err := p.fleet.store.Facts(ctx, p.cluster.ID)
	if err != nil {
		return fmt.Errorf("load the addresses of cluster %s: %w", p.cluster.Name, err)
	}
	for _, f := range all {
		p.facts.byVMID[f.VMID] = &known{Facts: f, static: configuredAddresses(f.NICs)}
	}
	return nil
}

const saveFactsEvery = 10 * time.Second

// saveFacts stores what has changed, all of it in one transaction.
func (p *poller) saveFacts(ctx context.Context) {
	if len(p.facts.dirty) == 0 {
		return
	}
	var changed []store.Facts
	var gone []int
	for vmid := range p.facts.dirty {
		if k, ok := p.facts.byVMID[vmid]; ok {
			changed = append(changed, k.Facts)
		} else {
			gone = append(gone, vmid)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	p.facts.savedAt = p.fleet.now()
	if err := p.fleet.store.SaveFacts(ctx, p.cluster.ID, changed, gone); err != nil {
		p.notStored("the addresses of containers", err)
		return
	}
	clear(p.facts.dirty)
}

// forgetFacts drops what was known of a VMID: its container is gone, or another one has it now.
func (p *poller) forgetFacts(vmid int) {
	delete(p.facts.byVMID, vmid)
	p.facts.dirty[vmid] = true
}

// dropFactsOfGone forgets the containers that the list no longer has, except the tracked ones: by their hardware
// addresses a restored one is recognised.
func (p *poller) dropFactsOfGone() {
	for vmid, k := range p.facts.byVMID {
		if _, listed := p.list.row(vmid); !listed && !k.underWay && !p.isTracked(vmid) {
			p.forgetFacts(vmid)
		}
	}
}

// applyFacts adds what is known of a container to c.
func (p *poller) applyFacts(c *berth.Container) {
	k, ok := p.facts.byVMID[c.VMID]
	if !ok {
		return
	}
	c.Addresses, c.Protected, c.OnBoot, c.OSType = k.addresses(c.Live), k.Protected, k.OnBoot, k.OSType
}

// noticeStart has a container asked for its addresses when it has started since before.
func (p *poller) noticeStart(c, before *berth.Container) {
	if before == nil || c.Live != berth.LiveRunning || p.health.State != Answering {
		return
	}
	again := !c.StartedAt.Equal(before.StartedAt) && c.StartedAt.After(before.SeenAt.Add(-uptimeSlack))
	if before.Live == berth.LiveStopped || again {
		p.wantAddresses(c.VMID)
	}
}

// takeConfig keeps what matters of a configuration.
func (k *known) takeConfig(c *pve.ContainerConfig, now time.Time) {
	k.Digest, k.NICs, k.Protected, k.OnBoot, k.OSType = c.Digest, nicsOf(c), c.Protection, c.OnBoot, c.OSType
	k.ConfigAt, k.wantConfig, k.failures = now, false, 0
	k.static = configuredAddresses(k.NICs)
}
