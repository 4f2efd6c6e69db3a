package fleet

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth"
	"berth/internal/pve"
)

const (
	rightsEvery = 10 * time.Minute // how often the token's rights and the version are read
)

// insight is what a poller knows of its cluster beside the containers.
type insight struct {
	about   beat // rights and version
	details beat // quorum and nodes, one call each time
	turn    int  // whose turn it was among them; 0: the quorum, which comes first

	rights   berth.Rights // nil while not known
	lacks    []string     // of berth.ActionPrivileges, for containers without rights of their own
	lacksAt  map[int][]string
	status   pve.ClusterStatus
	statusAt time.Time // zero while not known
	version  string
	nodes    map[string]nodeInsight
	storages []berth.Storage
	contact  contact
}

// nodeInsight is what a node said of itself.
type nodeInsight struct {
	load    [3]float64
	version string
}

// contact is what the answers tell of the connection. Answers arrive beside the loop.
type contact struct {
	now func() time.Time // the clock that those of servers are compared with

	mu         sync.Mutex
	connection berth.Connection
}

// heard takes in one call. A clock is only known to the second, and the answer was under way for a while.
func (c *contact) heard(call pve.Call) {
	if call.Status == 0 || call.ServerTime.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connection.Endpoint, c.connection.CertificateEnds = call.Endpoint, call.CertificateEnds
	answered := c.now()
	asked := answered.Add(-call.Duration)
	switch { // the second that the server named began at ServerTime
	case call.ServerTime.After(answered):
		c.connection.ClockSkew = call.ServerTime.Sub(answered)
	case call.ServerTime.Add(time.Second).Before(asked):
		c.connection.ClockSkew = call.ServerTime.Add(time.Second).Sub(asked)
	default:
		c.connection.ClockSkew = 0
	}
}

// connection is how the cluster is reached.
func (p *poller) connection() berth.Connection {
	p.insight.contact.mu.Lock()
	c := p.insight.contact.connection
	p.insight.contact.mu.Unlock()
	c.Version = p.insight.version
	c.QuorumKnown, c.Quorate = !p.insight.statusAt.IsZero(), p.insight.status.Quorate
	return c
}

// askInsight makes the calls about the cluster itself whose turn it is.
func (p *poller) askInsight(ctx context.Context) {
	now := p.fleet.now()
	if p.health.State != Answering {
		return
	}
	if p.insight.about.due(now) {
		p.insight.about.begin(now)
		p.ask(ctx, func(ctx context.Context) func() {
			rights, err := p.client.Permissions(ctx)
			if err != nil {
				return func() { p.insight.about.fail(p.fleet.now(), rightsEvery) }
			}
			version, err := p.client.Version(ctx)
			return func() { p.takeRights(berth.Rights(rights), version.Version, err) }
		})
	}
	if p.fleet.nodesWatched() && p.insight.details.due(now) {
		p.insight.details.begin(now)
		p.askDetail(ctx)
	}
}

// ReadRights asks a cluster now what Berth's token may do there, which is otherwise read every ten minutes, and lets its
// containers follow. Returns NotFound if Berth is not connected to it.
func (f *Fleet) ReadRights(ctx context.Context, clusterID string) (berth.Rights, error) {
	p := f.pollerOf(func(p *poller) bool { return p.cluster.ID == clusterID })
	if p == nil || p.client == nil {
		return nil, berth.Errorf(berth.NotFound, "Berth is not connected to this cluster.")
	}
	asked := f.now()
	rights, err := p.client.Permissions(ctx)
	if err != nil {
		return nil, testError(p.cluster, err)
	}
	p.tell(ctx, func() {
		if p.insight.about.asked.Before(asked) {
			p.insight.about.asked = asked
			p.takeRights(berth.Rights(rights), p.insight.version, nil)
		}
	})
	return berth.Rights(rights), nil
}

func (p *poller) takeRights(rights berth.Rights, version string, err error) {
	now := p.fleet.now()
	if err != nil {
		p.insight.about.fail(now, rightsEvery)
		return
	}
	p.insight.about.end(now, rightsEvery, p.gap())
	p.insight.version = version
	if p.insight.rights != nil && maps.EqualFunc(p.insight.rights, rights, maps.Equal) {
		return
	}
	p.insight.rights = rights
	p.insight.lacks = rights.Lacking("/vms", berth.ActionPrivileges()...)
	p.insight.lacksAt = map[int][]string{}
	for _, at := range rights.Listed("/vms/") {
		if vmid, err := strconv.Atoi(strings.TrimPrefix(at, "/vms/")); err == nil {
			p.insight.lacksAt[vmid] = rights.Lacking(at, berth.ActionPrivileges()...)
		}
	}
	p.changed = true
}

// lacksOf gives the privileges of actions that the token has not for a container; none while its rights are not known.
func (p *poller) lacksOf(vmid int) []string {
	if lacks, own := p.insight.lacksAt[vmid]; own {
		return lacks
	}
	return p.insight.lacks
}

// askDetail asks one thing of the page of nodes: the quorum, or one of the nodes that are online, in turn.
func (p *poller) askDetail(ctx context.Context) {
	var online []string
	for _, n := range p.merged.nodes {
		if n.Online {
			online = append(online, n.Name)
		}
	}
	p.insight.turn = (p.insight.turn + 1) % (len(online) + 1)
	if p.insight.turn == 0 {
		p.ask(ctx, func(ctx context.Context) func() {
			status, err := p.client.ClusterStatus(ctx)
			return func() { p.takeDetail(err, func() { p.insight.status, p.insight.statusAt = status, p.fleet.now() }) }
		})
		return
	}
	node := online[p.insight.turn-1]
	p.ask(ctx, func(ctx context.Context) func() {
		status, err := p.client.NodeStatus(ctx, node)
		return func() { p.takeDetail(err, func() { p.takeNode(node, &status) }) }
	})
}

// takeDetail takes in what was asked. What the token may not see is left open: the page says so.
func (p *poller) takeDetail(err error, take func()) {
	now := p.fleet.now()
	p.insight.details.end(now, p.fleet.pace.Details, p.gap())
	if err == nil {
		take()
		p.changed = true
	}
}

func (p *poller) takeNode(name string, status *pve.NodeStatus) {
	var load [3]float64
	copy(load[:], status.LoadAvg)
	version := strings.TrimPrefix(status.PVEVersion, "pve-manager/")
	version, _, _ = strings.Cut(version, "/")
	p.insight.nodes[name] = nodeInsight{load, version}
}

// storagesOf gives the storages of a list, by name and node.
func storagesOf(cluster string, resources *pve.Resources) []berth.Storage {
	all := make([]berth.Storage, 0, len(resources.Storages))
	for i := range resources.Storages {
		s := &resources.Storages[i]
		all = append(all, berth.Storage{Cluster: cluster, Node: s.Node, Name: s.Storage, Type: s.Type, Content: s.Content, Shared: s.Shared,
			Available: s.Status == "available", UsedBytes: s.DiskBytes, Bytes: s.MaxDiskBytes})
	}
	slices.SortFunc(all, func(a, b berth.Storage) int {
		return strings.Compare(a.Name+"\x00"+a.Node, b.Name+"\x00"+b.Node)
	})
	return all
}
