package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"berth"
	"berth/internal/pve"
	"berth/internal/store"
)

// A tracked container keeps its identity when it moves to another node, is renamed, gets other hardware addresses, or is
// restored from its backup. Its VMID counts as taken by another container in two cases only:
//
//   - A task has destroyed, created or restored that VMID since, or a full list lacked it, and the configuration there
//     now shares no hardware address with the one known before (or none was known, and the host name is another).
//   - Without such a task in sight (Berth was down), hardware addresses, host name and digest have all changed at once.

// clockSlack is how much the clocks of Berth and a node may differ when tasks from before the start are judged.
const clockSlack = 2 * time.Minute

// identity is what is known about whether tracked containers still are who they were.
type identity struct {
	gone     map[string]time.Time // by id: since when it is certain that they are gone
	suspects map[int]bool         // VMIDs that another container may have taken
	vanished bool                 // some tracked one is not listed, and it is not certain that it is gone
	quorum   beat                 // of the look at the cluster's quorum
}

// reread is how far the tracked containers were read again. Several readings may be under way, and end in any order.
type reread struct {
	begun, taken int  // number of the latest reading that was begun, and of the one that tracked is of
	failed       bool // the next list has them read again
}

// askTracked reads the tracked containers again.
func (p *poller) askTracked(ctx context.Context) {
	p.reread.begun++
	reading := p.reread.begun
	p.ask(ctx, func(ctx context.Context) func() {
		tracked, err := p.fleet.store.TrackedContainers(ctx, p.cluster.ID)
		return func() { p.takeTracked(reading, tracked, err) }
	})
}

// takeTracked takes what a reading gave, unless a later one was faster.
func (p *poller) takeTracked(reading int, tracked []store.Tracked, err error) {
	if err != nil {
		p.fleet.log.Error("cannot read the tracked containers of a cluster", "cluster", p.cluster.Name, "error", err)
		p.reread.failed = true
		return
	}
	if reading < p.reread.taken {
		return
	}
	p.reread.taken = reading
	p.tracked = tracked // the next list is compared with them; the latest one may be from before they were
	p.changed = true
}

func (p *poller) trackedRow(vmid int) *store.Tracked {
	i, found := slices.BinarySearchFunc(p.tracked, vmid, func(t store.Tracked, vmid int) int { return cmp.Compare(t.VMID, vmid) })
	if !found {
		return nil
	}
	return &p.tracked[i]
}

func (p *poller) isTracked(vmid int) bool { return p.trackedRow(vmid) != nil }

// noticeCreation takes a tracked VMID under suspicion when a task has put something else there. live says that the task
// began or ended while Berth looked.
func (p *poller) noticeCreation(row *pve.TaskRow, live bool) {
	vmid, ok := containerOf(row)
	if !ok || row.Running() || row.Err() != nil {
		return
	}
	switch row.Type {
	case "vzcreate", "vzrestore", "vzdestroy":
	default:
		return
	}
	t := p.trackedRow(vmid)
	if t != nil && (live || row.EndTime.After(t.UpdatedAt.Add(clockSlack))) {
		p.suspect(vmid)
	}
}

func (p *poller) suspect(vmid int) {
	p.identity.suspects[vmid] = true
	p.wantConfig(vmid)
}

// noticeIdentity compares the tracked containers with a new list.
func (p *poller) noticeIdentity(now time.Time) {
	if p.reread.failed {
		p.reread.failed = false
		signal(p.reload)
	}
	p.identity.vanished = false
	for i := range p.tracked {
		t := &p.tracked[i]
		row, listed := p.list.row(t.VMID)
		_, gone := p.identity.gone[t.ID]
		switch {
		case !listed:
			p.identity.vanished = p.identity.vanished || !gone && t.Lifecycle == berth.LifecycleReady
			continue
		case gone:
			delete(p.identity.gone, t.ID)
			p.suspect(t.VMID)
		}
		if row.Node != t.Node {
			p.noteMoved(t, row.Node, t.Hostname)
		}
		if k := p.known(t.VMID); row.Name != "" && row.Name != t.Hostname && k.judgedName != row.Name {
			k.judgedName = row.Name
			p.wantConfig(t.VMID) // renamed, or another container
		}
	}
	p.dropFactsOfGone()
}

// judge decides whether the configuration is that of the tracked container of its VMID. It gives what is known of the
// container that the configuration is of, or nil when that could not be stored and is to be tried again.
func (p *poller) judge(k *known, c *pve.ContainerConfig) *known {
	t := p.trackedRow(k.VMID)
	if t != nil && t.Lifecycle != berth.LifecycleCreating && isAnother(t, &k.Facts, c, p.identity.suspects[k.VMID]) {
		if !p.replaced(t) {
			k.failed(p.fleet.now())
			return nil
		}
		k = p.known(k.VMID)
	}
	delete(p.identity.suspects, k.VMID)
	return k
}

// isAnother is the rule above.
func isAnother(t *store.Tracked, before *store.Facts, c *pve.ContainerConfig, suspect bool) bool {
	renamed := c.Hostname != "" && c.Hostname != t.Hostname
	nics := nicsOf(c)
	if len(before.NICs) == 0 {
		return suspect && renamed
	}
	for _, n := range nics {
		if slices.ContainsFunc(before.NICs, func(was store.NIC) bool { return was.MAC == n.MAC }) {
			return false
		}
	}
	return suspect || renamed && len(nics) > 0 && c.Digest != before.Digest
}

// replaced ends the tracked container whose VMID another one has taken: its history stays, the other one is discovered.
// It reports whether that could be stored.
func (p *poller) replaced(t *store.Tracked) bool {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	vmid := t.VMID
	event := berth.Event{Actor: "system", Source: "proxmox", Action: "container.replaced", Cluster: p.cluster.Name, ContainerID: t.ID, VMID: vmid, Subject: "container " + t.Hostname}
	err := p.fleet.store.InTx(ctx, "note that a container was replaced", func(tx *store.Tx) error {
		if err := tx.MarkGone(ctx, t.ID); err != nil {
			return err
		}
		return errors.Join(tx.DropConfigs(ctx, p.cluster.ID, vmid), tx.AddEvent(ctx, event))
	})
	if err != nil && berth.CodeOf(err) != berth.NotFound { // NotFound: another replica was faster
		p.fleet.log.Error("cannot mark a container as gone", "cluster", p.cluster.Name, "vmid", vmid, "error", err)
		return false
	}
	p.fleet.log.Info("another container has taken a VMID", "cluster", p.cluster.Name, "vmid", vmid, "before", t.Hostname)
	delete(p.identity.gone, t.ID)
	p.tracked = slices.DeleteFunc(p.tracked, func(other store.Tracked) bool { return other.VMID == vmid })
	p.forgetFacts(vmid)
	p.changed = true
	return true
}

// noteHostname keeps the host name of a container that was found to be the same one.
func (p *poller) noteHostname(vmid int) {
	t := p.trackedRow(vmid)
	row, listed := p.list.row(vmid)
	if t != nil && listed && row.Name != "" && row.Name != t.Hostname {
		p.noteMoved(t, row.Node, row.Name)
	}
}

// noteMoved keeps where a container is now and what it is called. What cannot be stored now is seen again after a restart.
func (p *poller) noteMoved(t *store.Tracked, node, hostname string) {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	t.Node, t.Hostname = node, hostname
	if err := p.fleet.store.Moved(ctx, t.ID, node, hostname); err != nil {
		p.fleet.log.Error("cannot store where a container is", "cluster", p.cluster.Name, "vmid", t.VMID, "error", err)
	}
}
