package fleet

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"berth"
	"berth/internal/pve"
)

// OrderChoices tells what there is to choose from when the action is asked for on the container with that key. It takes as
// long as the slowest of a few calls, at most some 8 s: call it when a dialog is opened, never for a page. ActionCreate is
// a new container from the backup of the request. What could not be read is said in Unknown. Returns NotFound, or
// Unavailable if Proxmox cannot be asked at all.
func (a *Actions) OrderChoices(ctx context.Context, by berth.Actor, key string, r berth.ActionRequest) (berth.OrderChoices, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return berth.OrderChoices{}, err
	}
	if problem := a.silence(p, c, by.Access); problem != "" {
		return berth.OrderChoices{}, berth.Errorf(berth.Unavailable, "%s", problem)
	}
	o := &orderChoices{client: p.client, by: by, container: c, request: &r, storages: storagesIn(a.fleet.Snapshot(), c.Cluster)}
	o.ask(ctx)
	o.settle()
	return o.found, nil
}

// orderChoices collects what several calls at once find out.
type orderChoices struct {
	client    *pve.Client
	by        berth.Actor
	container *berth.Container
	request   *berth.ActionRequest
	storages  *clusterStorages

	mu        sync.Mutex
	found     berth.OrderChoices
	config    *pve.ContainerConfig // nil: not read
	snapshots []pve.Snapshot       // newest first
	allowed   []string             // nodes where Proxmox would move it as it is; nil: it does not say
}

// orderReads are what is read for which action.
var orderReads = map[berth.Action][]func(*orderChoices, context.Context){
	berth.ActionClone:      {(*orderChoices).readConfig, (*orderChoices).readSnapshots, (*orderChoices).readVMID, (*orderChoices).readPools, (*orderChoices).readLinked},
	berth.ActionCreate:     {(*orderChoices).readConfig, (*orderChoices).readVMID, (*orderChoices).readPools},
	berth.ActionMigrate:    {(*orderChoices).readConfig, (*orderChoices).readAllowed},
	berth.ActionTemplate:   {(*orderChoices).readSnapshots},
	berth.ActionResize:     {(*orderChoices).readConfig},
	berth.ActionMoveVolume: {(*orderChoices).readConfig, (*orderChoices).readSnapshots},
	berth.ActionSnapshot:   {(*orderChoices).readCannot},
	berth.ActionRollback:   {(*orderChoices).readConfig, (*orderChoices).readSnapshots},
}

func (o *orderChoices) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	var asked sync.WaitGroup
	for _, read := range orderReads[o.request.Action] {
		asked.Go(func() { read(o, ctx) })
	}
	asked.Wait()
}

// note takes what a call found out, or says in words what is not known.
func (o *orderChoices) note(err error, missing string, take func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		take()
		return
	}
	o.found.Unknown = append(o.found.Unknown, sentence(missing+": "+plainProblem(err)))
}

func (o *orderChoices) readConfig(ctx context.Context) {
	config, err := o.client.ContainerConfig(ctx, o.container.Node, o.container.VMID, pve.ConfigQuery{Current: true})
	o.note(err, "the disks are not known", func() { o.config = &config })
}

func (o *orderChoices) readSnapshots(ctx context.Context) {
	all, _, err := o.client.Snapshots(ctx, o.container.Node, o.container.VMID)
	o.note(err, "the snapshots are not known", func() {
		o.snapshots = newestFirst(all)
		for i := range o.snapshots {
			o.found.Snapshots = append(o.found.Snapshots, o.snapshots[i].Name)
		}
	})
}

// newestFirst puts snapshots in order. Of those from one second the one with more ancestors is newer.
func newestFirst(all []pve.Snapshot) []pve.Snapshot {
	parents, ancestors := map[string]string{}, map[string]int{}
	for i := range all {
		parents[all[i].Name] = all[i].Parent
	}
	for name := range parents {
		for at, there := parents[name]; there && ancestors[name] < len(all); at, there = parents[at] { // no longer in a circle
			ancestors[name]++
		}
	}
	slices.SortFunc(all, func(a, b pve.Snapshot) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(ancestors[b.Name], ancestors[a.Name]), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func (o *orderChoices) readVMID(ctx context.Context) {
	vmid, err := o.client.NextID(ctx)
	o.note(err, "the next free VMID is not known", func() { o.found.VMID = vmid })
}

func (o *orderChoices) readPools(ctx context.Context) {
	pools, err := o.client.Pools(ctx)
	rights := o.storages.rights
	o.note(err, "the pools are not known", func() {
		o.found.PoolNeeded = rights != nil && !rights.Has("/vms", "VM.Allocate")
		for i := range pools {
			if rights == nil || rights.Has("/pool/"+pools[i].ID, "VM.Allocate") {
				o.found.Pools = append(o.found.Pools, pools[i].ID)
			}
		}
		slices.Sort(o.found.Pools)
	})
}

// readAllowed asks where Proxmox would move the container, which also looks at the rules of high availability. Before
// Proxmox VE 9.0 it cannot tell.
func (o *orderChoices) readAllowed(ctx context.Context) {
	check, err := o.client.CheckMigration(ctx, o.container.Node, o.container.VMID)
	if err != nil {
		return
	}
	o.note(nil, "", func() { o.allowed = append([]string{}, check.AllowedNodes...) })
}

// readLinked asks whether a template can be cloned without a copy of its disks. Others cannot (pve-container 6.1.10).
func (o *orderChoices) readLinked(ctx context.Context) {
	if !o.container.PVETemplate {
		return
	}
	can, err := o.client.HasFeature(ctx, o.container.Node, o.container.VMID, "clone")
	o.note(err, "whether a linked clone is possible is not known", func() { o.found.Linked = can })
}

// readCannot asks whether a snapshot can be taken.
func (o *orderChoices) readCannot(ctx context.Context) {
	cannot := cannotSnapshot(ctx, o.client, o.container, o.storages)
	o.note(nil, "", func() { o.found.Refusal = cannot })
}

// settle makes choices of what was read.
func (o *orderChoices) settle() {
	c, f := o.container, &o.found
	slices.Sort(f.Unknown)
	if o.config != nil {
		for _, d := range disksOf(o.config, c.VMID) {
			if d.Storage != "" && d.Path != "" {
				f.Disks = append(f.Disks, berth.DiskChoice{Name: d.Name, Path: d.Path, Storage: d.Storage, SizeBytes: d.SizeBytes})
			}
		}
	}
	switch o.request.Action {
	case berth.ActionMoveVolume: // with snapshots the source cannot be deleted (pve-container 6.1.10 LXC.pm)
		f.Nodes = o.nodes()
		if n := len(f.Snapshots); n > 0 {
			f.Warning = "Its snapshots (" + strings.Join(f.Snapshots, ", ") + ") stay on the old disk, which is kept for them."
		}
	case berth.ActionClone, berth.ActionMigrate, berth.ActionCreate:
		f.Nodes = o.nodes()
	case berth.ActionBackup:
		f.Backups = o.storages.on(c.Node, "backup")
	case berth.ActionTemplate:
		if n := len(f.Snapshots); n > 0 {
			f.Refusal = c.Hostname + " has snapshots (" + strings.Join(f.Snapshots, ", ") + "), and a template has none: delete them first."
		}
	case berth.ActionRollback:
		f.Refusal, f.Warning, f.First = o.backTo(o.request.Snapshot.Name)
	}
	if o.request.Action == berth.ActionClone && c.Live == berth.LiveRunning && len(f.Snapshots) == 0 && len(f.Unknown) == 0 {
		f.Refusal = c.Hostname + " runs and has no snapshot: take one, which can then be cloned, or shut it down."
	}
}

// backTo tells what is to be known before a rollback, and whether a snapshot can be taken before.
func (o *orderChoices) backTo(name string) (refusal, warning string, first bool) {
	if o.config == nil || len(o.found.Unknown) > 0 {
		return "", "", false
	}
	refusal, zfs := rollbackProblem(o.container.Hostname, o.storages.zfsOf(disksOf(o.config, o.container.VMID)), o.snapshots, name)
	if zfs != "" {
		warning = noFirstOnZFS(zfs)
	}
	return refusal, warning, zfs == "" && refusal == ""
}
