package pvesim

import (
	"strconv"
	"strings"

	"berth/internal/pve/pvesim/shell"
)

// createOptions are parameters of a create call that are no config keys.
var createOptions = strings.Fields("node vmid ostemplate storage password ssh-public-keys pool start ha-managed bwlimit ignore-unpack-errors force restore unique unprivileged")

// creation is a create or restore on its way from the request into the task.
type creation struct {
	vmid      int
	node      *node
	pool      string
	archive   string // OS template or backup
	restore   bool
	over      *container // that a restore overwrites
	conf      map[string]string
	disks     map[string]string // rootfs and mpN as given, with a storage
	storage   string
	unprivil  bool
	explicit  bool // unprivileged was given
	unique    bool
	start, ha bool
	password  string
	keys      string
	by        caller
	box       *shell.Box // from the backup
}

// createContainer is POST /nodes/{node}/lxc, for new containers and restores.
func createContainer(c *call) (any, error) {
	k, err := c.readCreation()
	if err != nil {
		return nil, err
	}
	ct := k.reserve(c)
	kind := "vzcreate"
	if k.restore {
		kind = "vzrestore"
	}
	return c.start(kind, c.params["vmid"], func(t *task) error { return t.create(k, ct) }), nil
}

// readCreation runs the checks of create_vm in their order.
func (c *call) readCreation() (*creation, error) {
	p, w := c.params, &c.sim.world
	if err := c.needsQuorum(); err != nil {
		return nil, err
	}
	k := &creation{vmid: p.number("vmid", 0), node: c.node, pool: p["pool"], archive: p["ostemplate"], restore: p.truth("restore"),
		storage: p["storage"], unique: p.truth("unique"), start: p.truth("start"), ha: p.truth("ha-managed"), password: p["password"], keys: p["ssh-public-keys"],
		explicit: p.has("unprivileged"), unprivil: p.truth("unprivileged") || !p.has("unprivileged") && !w.release.before(9, 0), by: c.user}
	if k.storage == "" {
		k.storage = "local"
	}
	existing := w.container(k.vmid)
	if k.pool != "" && w.pools[k.pool] == nil {
		return nil, forbid("Permission check failed (pool '%s' does not exist)", k.pool)
	}
	if err := c.mayAllocate(k, existing); err != nil {
		return nil, err
	}
	if err := c.idFree(k, existing); err != nil {
		return nil, err
	}
	if !validKeys(k.keys) {
		return nil, die("SSH public key validation error")
	}
	set := k.sort(p)
	if err := c.checkDisks(k); err != nil {
		return nil, err
	}
	if err := c.mayCreate(k, set); err != nil {
		return nil, err
	}
	return k, c.mayReadArchive(k)
}

// sort tells disks and other config keys apart and returns both.
func (k *creation) sort(p params) params {
	set := params{}
	k.conf, k.disks = map[string]string{}, map[string]string{}
	for key, value := range p {
		switch {
		case contains(createOptions, key):
			continue
		case isDisk(key):
			k.disks[key] = value
		default:
			k.conf[key] = value
		}
		set[key] = value
	}
	return set
}

// reserve writes the config that holds nothing but the lock: from now on the id is taken.
func (k *creation) reserve(c *call) *container {
	s := c.sim
	if k.over != nil {
		s.change(k.over, func() { k.over.conf["lock"] = "create" })
		return k.over
	}
	seed := hash(s.opt.Seed, "container", strconv.Itoa(k.vmid), strconv.Itoa(s.world.version))
	ct := &container{vmid: k.vmid, node: k.node, seed: seed, made: s.clock(c.now), conf: map[string]string{"lock": "create"}, pending: map[string]string{}, removing: map[string]bool{}, snaps: map[string]*snapshot{}}
	ct.sample = s.newborn(k.node, c.now)
	ct.reshape(int(3 + seed%25))
	s.world.add(ct)
	s.world.aclChanged()
	return ct
}
