package pvesim

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"berth/internal/pve/pvesim/shell"
)

// world is the state of the simulated cluster. Sim.mu guards it.
type world struct {
	release    release
	name       string
	quorate    bool
	sshKeys    [][]byte // let in since the start
	daemonDown bool     // pvedaemon does not run: pveproxy answers what it can alone
	nodes      []*node
	containers map[int]*container
	pools      map[string]*pool
	storages   []*storage
	jobs       []*backupJob
	ha         map[string]*haResource
	options    map[string]string // datacenter options that were set
	version    int               // counts changes, for row caches and the cluster status
	log        []logEntry
	logUID     int
	tasks      taskTable
	flocks     map[int]chan struct{} // config lock per container

	users       map[string]*user
	groups      map[string]string // comment by name
	roles       map[string][]string
	acl         map[string][]grant
	rightsCache map[string]rights
	everything  rights // what root@pam has
}

// node is a host of the cluster. The first one answers the API.
type node struct {
	name    string
	ip      string // empty for a node that was added to the cluster and never came up
	id      int
	online  bool
	cpus    int
	memory  int64
	swap    int64
	disk    int64
	booted  time.Duration // simulated time; negative: before the world began
	phase   time.Duration // offset of its statistics cycle
	frozen  time.Duration // last statistics while offline
	seed    uint64
	bridges []string
	guests  map[int]*container
	sampled nodeFigures // of statistics cycle tick
	tick    int64
}

// pool is a resource pool.
type pool struct {
	comment  string
	members  map[int]bool
	storages map[string]bool
}

// container is one guest.
type container struct {
	vmid         int
	node         *node
	conf         map[string]string // what is in effect now
	pending      map[string]string // set, to be applied at the next start
	removing     map[string]bool   // deleted, to be applied at the next start
	snaps        map[string]*snapshot
	parent       string // snapshot that the current state builds on
	pool         string
	made         time.Duration // simulated time of its creation
	running      bool
	started      time.Duration // simulated time of the last start
	runs         []run         // before that, oldest first
	stuck        bool          // ignores shutdown requests
	pid          int
	seed         uint64
	shape        *shape
	sample       sample
	services     []service
	firewall     firewall
	rootPassword string     // of root inside, "" for none
	rootKeys     string     // authorised keys of root inside
	box          *shell.Box // what is inside, made when first used
}

// service is what runs inside a container: a unit and the port it listens on (0 for none).
type service struct {
	name string
	port int
}

// inCluster is false for a single host that was never joined to anything.
func (w *world) inCluster() bool { return len(w.nodes) > 1 }

// node finds a node by name; localhost is the one that answers.
func (w *world) node(name string) *node {
	if name == "localhost" {
		return w.nodes[0]
	}
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (w *world) container(vmid int) *container { return w.containers[vmid] }

// vmids are the ids of all containers in order.
func (w *world) vmids() []int {
	ids := make([]int, 0, len(w.containers))
	for id := range w.containers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// add puts a container on its node and into the cluster.
func (w *world) add(ct *container) {
	w.containers[ct.vmid] = ct
	ct.node.guests[ct.vmid] = ct
	w.version++
}

// remove takes a container out of the cluster, with its pool membership.
func (w *world) remove(ct *container) {
	delete(w.containers, ct.vmid)
	delete(ct.node.guests, ct.vmid)
	if p := w.pools[ct.pool]; p != nil {
		delete(p.members, ct.vmid)
	}
	w.version++
	w.aclChanged()
}

// sortedGuests lists the containers of a node in order of their id.
func (n *node) sortedGuests() []*container {
	return slices.SortedFunc(maps.Values(n.guests), func(a, b *container) int { return a.vmid - b.vmid })
}

// lock is the config lock, or "".
func (ct *container) lock() string { return ct.conf["lock"] }

func (ct *container) isTemplate() bool { return ct.conf["template"] == "1" }

// name is the hostname, or CT<ID> without one.
func (ct *container) name() string {
	if h := ct.conf["hostname"]; h != "" {
		return h
	}
	return "CT" + strconv.Itoa(ct.vmid)
}

func (ct *container) aclPath() string { return "/vms/" + strconv.Itoa(ct.vmid) }

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
