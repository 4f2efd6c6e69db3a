package pvesim

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

const repoID = "14a22df35955d97d"

func version(c *call) (any, error) {
	r := c.sim.world.release
	return obj{"version": versions[r], "release": r.String(), "repoid": repoID}, nil
}

// index answers a directory of the API.
func index(key string, names ...string) handler {
	rows := make([]obj, len(names))
	for i, n := range names {
		rows[i] = obj{key: n}
	}
	return func(*call) (any, error) { return rows, nil }
}

func clusterStatus(c *call) (any, error) {
	w := &c.sim.world
	out := []obj{}
	if w.inCluster() {
		out = append(out, obj{"type": "cluster", "id": "cluster", "name": w.name, "nodes": len(w.nodes), "quorate": flag(w.quorate), "version": len(w.nodes)})
	}
	for i, n := range w.nodes {
		row := obj{"type": "node", "id": "node/" + n.name, "name": n.name, "nodeid": n.id, "online": flag(n.online), "local": flag(i == 0), "level": ""}
		if n.ip != "" {
			row["ip"] = n.ip
		}
		if !w.inCluster() {
			row["nodeid"] = 0
		}
		out = append(out, row)
	}
	return out, nil
}

func clusterConfigNodes(c *call) (any, error) {
	out := []obj{}
	if w := &c.sim.world; w.inCluster() {
		for _, n := range w.nodes {
			out = append(out, obj{"node": n.name, "name": n.name, "nodeid": strconv.Itoa(n.id), "ring0_addr": cmp.Or(n.ip, n.name), "quorum_votes": "1"})
		}
	}
	return out, nil
}

// nextID is GET /cluster/nextid: the smallest free id, as a string.
func nextID(c *call) (any, error) {
	if c.params.has("vmid") {
		if c.sim.world.container(c.params.number("vmid", 0)) != nil {
			return nil, invalidParam("vmid", "VM %s already exists", c.params["vmid"])
		}
		return c.params["vmid"], nil
	}
	for id := 100; ; id++ {
		if c.sim.world.container(id) == nil {
			return strconv.Itoa(id), nil
		}
	}
}

// clusterOptions is GET /cluster/options: all with Sys.Audit on /, else the tag rules only.
func clusterOptions(c *call) (any, error) {
	w := &c.sim.world
	tags := map[string]bool{}
	for _, ct := range w.containers {
		for _, t := range splitList(ct.conf["tags"]) {
			tags[t] = true
		}
	}
	allowed := append([]string{}, sortedKeys(tags)...)
	if !w.allowed(c.user, "/", "Sys.Audit") {
		return obj{"allowed-tags": allowed}, nil
	}
	out := obj{"allowed-tags": allowed, "mac_prefix": "BC:24:11", "description": "", "keyboard": "en-us"}
	for key, value := range w.options {
		out[key] = value
	}
	return out, nil
}

func setClusterOptions(c *call) (any, error) {
	for _, key := range c.params.list("delete") {
		delete(c.sim.world.options, key)
	}
	given := maps.Clone(c.params)
	delete(given, "delete")
	maps.Copy(c.sim.world.options, given)
	return nil, nil
}

// logEntry is one line of the cluster log.
type logEntry struct {
	uid  int
	at   time.Time
	pri  int
	tag  string
	pid  int
	node string
	user string
	text string
}

const logLimit = 500

func (w *world) addLog(e logEntry) {
	w.logUID++
	e.uid = w.logUID
	if len(w.log) >= logLimit {
		w.log = append(w.log[:0], w.log[logLimit/2:]...)
	}
	w.log = append(w.log, e)
}

func (w *world) logLine(c *call, tag, user string, pri int, format string, args ...any) {
	w.addLog(logEntry{at: c.now, pri: pri, tag: tag, pid: 1400, node: w.nodes[0].name, user: user, text: fmt.Sprintf(format, args...)})
}

func (w *world) logTask(t *task, text string) {
	w.addLog(logEntry{at: t.sim.now(), pri: 6, tag: "pvedaemon", pid: t.pid, node: t.node.name, user: t.user.user, text: "<" + t.user.String() + "> " + text})
}

// clusterLog is GET /cluster/log: newest first, own lines without Sys.Syslog.
func clusterLog(c *call) (any, error) {
	all := c.sim.world.allowed(c.user, "/", "Sys.Syslog")
	out := []obj{}
	lines := c.sim.world.log
	for i := len(lines) - 1; i >= 0 && len(out) < c.params.number("max", 50); i-- {
		e := lines[i]
		if !all && e.user != c.user.String() {
			continue
		}
		uid := strconv.Itoa(e.uid)
		out = append(out, obj{"uid": uid, "id": uid + ":" + e.node, "time": e.at.Unix(), "pri": e.pri, "tag": e.tag, "pid": e.pid, "node": e.node, "user": e.user, "msg": e.text})
	}
	return out, nil
}

// needsQuorum is what most writes ask first.
func (c *call) needsQuorum() error {
	if !c.sim.world.quorate {
		return die("cluster not ready - no quorum?")
	}
	return nil
}

// writable fails like pmxcfs without quorum: config files cannot be replaced.
func (s *Sim) writable(ct *container, pid int) error {
	if s.world.quorate {
		return nil
	}
	return die("unable to open file '/etc/pve/nodes/%s/lxc/%d.conf.tmp.%d' - Permission denied", ct.node.name, ct.vmid, pid)
}

// lockUsers fails like the lock of the cluster's user configuration without quorum; what says what was to be done (PVE::AccessControl
// of pve-access-control 9.1.1).
func (c *call) lockUsers(what string) error {
	if c.sim.world.quorate {
		return nil
	}
	return die("%s failed: cfs-lock 'file-user_cfg' error: no quorum!", what)
}

func joinComma(list []string) string { return strings.Join(list, ",") }

// SetNodeOnline cuts a node off the cluster, or brings it back. Its containers keep running unseen.
func (s *Sim) SetNodeOnline(name string, online bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.world.node(name)
	if n == nil || n.online == online {
		return
	}
	now := s.now()
	if !online {
		for _, ct := range n.guests {
			s.settle(ct, now)
		}
		n.frozen = s.clock(now)
	}
	n.online = online
	s.world.version++
}

// SetDaemon stops or starts pvedaemon of the node that answers. Without it pveproxy answers 595 to what it cannot do alone:
// sign-in, status of containers, and every change.
func (s *Sim) SetDaemon(runs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.daemonDown = !runs
}

// SetQuorate takes or gives the cluster its quorum; without it nothing can be written.
func (s *Sim) SetQuorate(quorate bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world.quorate = quorate
}
