package pvesim

import (
	"strconv"
	"time"
)

// clusterResources is GET /cluster/resources. It is written by hand because it is the call that dashboards repeat.
func clusterResources(c *call) (any, error) {
	kind := c.params["type"]
	b := make([]byte, 0, 400*len(c.sim.world.containers)+10_000)
	b = append(b, '[')
	if kind == "" {
		b = c.appendPools(b)
	}
	if kind == "" || kind == "vm" {
		b = c.appendGuests(b)
	}
	if kind == "" || kind == "node" {
		for _, n := range c.sim.world.nodes {
			b = appendJSON(b, c.nodeRow(n, true))
		}
	}
	if kind == "" || kind == "storage" {
		b = c.appendStorages(b)
	}
	if kind == "" || kind == "sdn" {
		b = c.appendNetworks(b)
	}
	return rawJSON(closeArray(b)), nil
}

// rawJSON is an answer that is already encoded.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func closeArray(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, ']')
}

func appendJSON(b []byte, row obj) []byte { return append(append(b, encode(row)...), ',') }

func (c *call) appendPools(b []byte) []byte {
	for _, id := range sortedKeys(c.sim.world.pools) {
		if c.sim.world.allowed(c.user, "/pool/"+id, "Pool.Audit") {
			b = appendJSON(b, obj{"id": "/pool/" + id, "pool": id, "type": "pool"})
		}
	}
	return b
}

func (c *call) appendGuests(b []byte) []byte {
	w := &c.sim.world
	all := c.seesAllGuests()
	for _, n := range w.nodes {
		tick, at := c.sim.tickOf(n, c.now)
		expired := !n.online && c.sim.clock(c.now)-at > sampleLife
		for _, ct := range n.sortedGuests() {
			if !all && !w.allowed(c.user, ct.aclPath(), "VM.Audit") {
				continue
			}
			if ct.sample.tick < tick {
				c.sim.settle(ct, c.now)
			}
			b = append(c.appendGuest(b, ct, at, expired), ',')
		}
	}
	return b
}

// seesAllGuests is the short cut for callers whose right to see holds for every container.
func (c *call) seesAllGuests() bool {
	w := &c.sim.world
	if !w.rightsOf(c.user, "/")["VM.Audit"] {
		return false
	}
	for path := range w.acl {
		if path != "/" {
			return false
		}
	}
	return true
}

// appendGuest writes one row: live facts first, then the figures of the sample.
func (c *call) appendGuest(b []byte, ct *container, at time.Duration, expired bool) []byte {
	sm := &ct.sample
	known := sm.seen && !expired
	status := "unknown"
	if known {
		status = "stopped"
		if sm.running {
			status = "running"
		}
	}
	id := strconv.Itoa(ct.vmid)
	b = append(b, `{"id":"lxc/`...)
	b = append(b, id...)
	b = append(b, `","type":"lxc","vmid":`...)
	b = append(b, id...)
	b = appendText(b, "node", ct.node.name)
	b = appendText(b, "status", status)
	for _, live := range [...][2]string{{"lock", ct.conf["lock"]}, {"tags", ct.conf["tags"]}, {"hastate", c.sim.world.haState(ct)}} {
		if live[1] != "" {
			b = appendText(b, live[0], live[1])
		}
	}
	if ct.pool != "" && c.sim.world.allowed(c.user, "/pool/"+ct.pool, "Pool.Audit") {
		b = appendText(b, "pool", ct.pool)
	}
	if known {
		b = c.appendFigures(b, ct, at)
	}
	return append(b, '}')
}

func (c *call) appendFigures(b []byte, ct *container, at time.Duration) []byte {
	sm := &ct.sample
	sh := sm.shape
	var f figures
	maxDisk := sh.disk
	if sm.running {
		f = sh.figuresAt(ct.seed, at, sm.started)
		maxDisk = sh.usable()
	}
	b = appendText(b, "name", sh.name)
	b = appendNumber(b, "template", int64(flag(sh.template)))
	b = appendNumber(b, "uptime", f.uptime)
	b = append(b, `,"cpu":`...)
	b = strconv.AppendFloat(b, f.cpu, 'g', 9, 64)
	b = append(b, `,"maxcpu":`...)
	b = strconv.AppendFloat(b, sh.cores, 'f', -1, 64)
	b = appendNumber(b, "mem", f.mem)
	b = appendNumber(b, "maxmem", sh.memory)
	if !c.sim.world.release.before(9, 0) {
		b = appendNumber(b, "memhost", 0)
	}
	b = appendNumber(b, "disk", f.disk)
	b = appendNumber(b, "maxdisk", maxDisk)
	b = appendNumber(b, "netin", f.netin)
	b = appendNumber(b, "netout", f.netout)
	b = appendNumber(b, "diskread", f.read)
	return appendNumber(b, "diskwrite", f.write)
}

func appendNumber(b []byte, name string, v int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, v, 10)
}

// appendText writes a value that needs no escaping beyond what encode does for unusual ones.
func appendText(b []byte, name, v string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	for i := range len(v) {
		if v[i] < ' ' || v[i] == '"' || v[i] == '\\' || v[i] >= 0x7f {
			return append(b, encode(v)...)
		}
	}
	return append(append(append(b, '"'), v...), '"')
}

func (c *call) appendStorages(b []byte) []byte {
	w := &c.sim.world
	for _, n := range w.nodes {
		for _, st := range w.storages {
			if !st.on(n) || !w.allowed(c.user, "/storage/"+st.id, "Datastore.Audit") {
				continue
			}
			row := obj{"id": "storage/" + n.name + "/" + st.id, "type": "storage", "storage": st.id, "node": n.name, "status": "unknown",
				"plugintype": st.kind, "content": joinComma(st.content), "shared": flag(st.shared)}
			if n.online && !st.broken {
				row["status"], row["disk"], row["maxdisk"] = "available", st.used(n), st.total
			}
			b = appendJSON(b, row)
		}
	}
	return b
}

// appendNetworks lists the zone of the plain bridges, which 9.1 and later show.
func (c *call) appendNetworks(b []byte) []byte {
	w := &c.sim.world
	if w.release.before(9, 1) || !w.inCluster() || !w.allowed(c.user, "/sdn/zones/localnetwork", "SDN.Audit") {
		return b
	}
	for _, n := range w.nodes {
		b = appendJSON(b, obj{"id": "network/" + n.name + "/zone/localnetwork", "network": "localnetwork", "network-type": "zone",
			"node": n.name, "status": "ok", "type": "network"})
	}
	return b
}

// nodeRow is a node as /cluster/resources and /nodes show it.
func (c *call) nodeRow(n *node, inResources bool) obj {
	row := obj{"id": "node/" + n.name, "node": n.name, "type": "node", "status": "online"}
	if !n.online {
		row["status"] = "offline"
		return row
	}
	row["level"] = ""
	if inResources {
		row["cgroup-mode"] = 2
		if st := c.sim.world.nodeHAState(n); st != "" && !c.sim.world.release.before(8, 3) {
			row["hastate"] = st
		}
	}
	if c.sim.world.allowed(c.user, "/nodes/"+n.name, "Sys.Audit") {
		f := c.sim.sampledNode(n, c.now)
		row["cpu"], row["maxcpu"], row["mem"], row["maxmem"] = f.cpu, n.cpus, f.mem, n.memory
		row["disk"], row["maxdisk"], row["uptime"] = f.disk, n.disk, f.uptime
	}
	return row
}
