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

// CreateChoices asks a node what it offers for a new container. It takes as long as the slowest of a few calls, at most
// some 16 s: call it when a person is about to create one. What could not be read is said in Unknown. Returns Invalid if
// there is no such place, Forbidden, or Unavailable if nothing could be read.
func (a *Actions) CreateChoices(ctx context.Context, by berth.Actor, cluster, node string) (berth.CreateChoices, error) {
	if !by.Access.Highest().Includes(berth.RoleOperator) {
		return berth.CreateChoices{}, berth.Errorf(berth.Forbidden, "Your role may not create containers; it takes the role %s.", berth.RoleOperator)
	}
	p := a.fleet.pollerOf(func(p *poller) bool { return p.cluster.Name == cluster })
	if p == nil || p.client == nil || !by.Access.Reaches(berth.RoleOperator, cluster, "") {
		return berth.CreateChoices{}, berth.InvalidFields(map[string]string{"cluster": "There is no cluster of that name."})
	}
	if !a.hasNode(by, cluster, node) {
		return berth.CreateChoices{}, berth.InvalidFields(map[string]string{"node": "There is no node of that name."})
	}
	c := &choices{client: p.client, node: node}
	var asked sync.WaitGroup
	asked.Go(func() { c.readStorages(ctx) })
	asked.Go(func() { c.readRest(ctx) })
	asked.Go(func() { c.readAppliances(ctx) })
	asked.Wait()
	if len(c.found.Storages) == 0 && len(c.found.Bridges) == 0 && c.first != nil {
		return berth.CreateChoices{}, unavailable(c.first, "Node %s did not say what it offers: %s", node, plainProblem(c.first))
	}
	c.settle(a.rightsOf(cluster))
	return c.found, nil
}

// rightsOf is what the token may do on a cluster; nil while not known.
func (a *Actions) rightsOf(cluster string) berth.Rights {
	for _, view := range a.fleet.Snapshot().Clusters {
		if view.Cluster.Name == cluster {
			return view.Rights
		}
	}
	return nil
}

// choices collects what several calls at once find out.
type choices struct {
	client *pve.Client
	node   string

	mu    sync.Mutex
	found berth.CreateChoices
	first error
}

// note takes what a call found out, or says in words what is not known.
func (c *choices) note(err error, missing string, take func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		take()
		return
	}
	c.first = cmp.Or[error](c.first, err)
	c.found.Unknown = append(c.found.Unknown, sentence(missing+": "+plainProblem(err)))
}

func (c *choices) readStorages(ctx context.Context) {
	listing, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	storages, err := c.client.Storages(listing, c.node, "")
	c.note(err, "the storages are not known", func() {})
	var asked sync.WaitGroup
	for i := range storages {
		s := &storages[i]
		if !s.Active {
			continue
		}
		if slices.Contains(s.Content, "rootdir") {
			c.note(nil, "", func() {
				c.found.Storages = append(c.found.Storages, berth.StorageChoice{Name: s.Storage, Type: s.Type, FreeBytes: s.AvailableBytes})
			})
		}
		if slices.Contains(s.Content, "vztmpl") {
			asked.Go(func() { c.readImages(ctx, s.Storage) })
		}
	}
	asked.Wait()
}

func (c *choices) readImages(ctx context.Context, storage string) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	volumes, err := c.client.StorageContent(ctx, c.node, storage, pve.ContentQuery{Content: "vztmpl"})
	c.note(err, "the OS images on "+storage+" are not known", func() {
		c.found.ImageStore = append(c.found.ImageStore, storage)
		for i := range volumes {
			c.found.Images = append(c.found.Images, berth.ImageChoice{Volume: volumes[i].ID, Name: imageName(volumes[i].ID), SizeBytes: volumes[i].SizeBytes})
		}
	})
}

// imageName is the file name of an OS image without what every file name ends in.
func imageName(volume string) string {
	name := volume[strings.LastIndex(volume, "/")+1:]
	for _, end := range []string{".tar.zst", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

func (c *choices) readRest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	bridges, err := c.client.Bridges(ctx, c.node)
	c.note(err, "the bridges are not known", func() {
		for i := range bridges {
			b := &bridges[i]
			c.found.Bridges = append(c.found.Bridges, berth.BridgeChoice{Name: b.Name, Comment: b.Comments, VLANAware: b.VLANAware})
		}
	})
	vmid, err := c.client.NextID(ctx)
	c.note(err, "the next free VMID is not known", func() { c.found.VMID = vmid })
	pools, err := c.client.Pools(ctx)
	c.note(err, "the pools are not known", func() {
		for i := range pools {
			c.found.Pools = append(c.found.Pools, pools[i].ID)
		}
	})
}

func (c *choices) readAppliances(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	appliances, err := c.client.Appliances(ctx, c.node)
	c.note(err, "the catalogue of OS images is not known", func() {
		for i := range appliances {
			x := &appliances[i]
			c.found.Appliances = append(c.found.Appliances, berth.Appliance{Name: x.Template, OS: x.OS, Version: x.Version, Headline: x.Headline})
		}
	})
}

// settle puts what was found in order, and leaves out what cannot be chosen.
func (c *choices) settle(rights berth.Rights) {
	f := &c.found
	if rights != nil {
		f.PoolNeeded = !rights.Has("/vms", "VM.Allocate")
		f.Pools = slices.DeleteFunc(f.Pools, func(pool string) bool { return !rights.Has("/pool/"+pool, "VM.Allocate") })
		f.ImageStore = slices.DeleteFunc(f.ImageStore, func(s string) bool { return !rights.Has(berth.StoragePath(s), "Datastore.AllocateTemplate") })
		f.Storages = slices.DeleteFunc(f.Storages, func(s berth.StorageChoice) bool {
			return !rights.Has(berth.StoragePath(s.Name), "Datastore.AllocateSpace")
		})
	}
	there := func(x berth.Appliance) bool {
		return slices.ContainsFunc(f.Images, func(i berth.ImageChoice) bool { return strings.HasSuffix(i.Volume, "/"+x.Name) })
	}
	f.Appliances = slices.DeleteFunc(f.Appliances, there)
	slices.Sort(f.Pools)
	slices.Sort(f.Unknown)
	slices.Sort(f.ImageStore)
	slices.SortFunc(f.Storages, func(a, b berth.StorageChoice) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(f.Bridges, func(a, b berth.BridgeChoice) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(f.Images, func(a, b berth.ImageChoice) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Volume, b.Volume))
	})
	slices.SortFunc(f.Appliances, func(a, b berth.Appliance) int { return cmp.Compare(a.Name, b.Name) })
}
