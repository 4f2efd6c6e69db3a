package pvesim

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// The world of the recordings: one node pve1 with storages local, tank, bt and broken, and a handful of containers.

// recordedSim makes an empty cluster with the storages and accounts of the recordings.
func recordedSim(t *testing.T) *Sim {
	t.Helper()
	o := quick()
	o.Nodes, o.Containers, o.Speed, o.TaskTime = 1, -1, 50, 200*time.Millisecond
	s := startSim(t, o)
	w := &s.world
	w.storages = nil
	for _, st := range []*storage{{id: "local", kind: "dir", content: []string{"iso", "vztmpl", "backup"}}, {id: "tank", kind: "dir", content: []string{"rootdir", "images"}},
		{id: "bt", kind: "btrfs", content: []string{"rootdir", "images"}}, {id: "broken", kind: "dir", content: []string{"rootdir"}, broken: true}} {
		st.total, st.base, st.sets = 270<<30, 20<<30, map[string]map[string]*volume{}
		w.storages = append(w.storages, st)
	}
	w.nodes[0].bridges = []string{"vmbr0"}
	for _, file := range []string{"alpine-3.20-busybox_20260101_amd64.tar.gz", "debian-12-standard_12.7-1_amd64.tar.zst"} {
		w.storage("local").addTemplate(w.nodes[0], file, 1037667, s.born)
	}
	w.users["root@pam"].password = "pve-root-pw-1"
	w.users["root@pam"].tokens["full"] = &token{secret: "7b1d3641-aa72-4d5e-9848-381b76d3bddb"}
	return s
}

// place adds a container with a config given as "key=value|...", on storage tank unless rootfs says otherwise.
func (s *Sim) placeRecorded(vmid int, running bool, config string) *container {
	w := &s.world
	ct := &container{vmid: vmid, node: w.nodes[0], seed: uint64(vmid), conf: map[string]string{"arch": "amd64", "ostype": "alpine", "memory": "128", "swap": "0"},
		pending: map[string]string{}, removing: map[string]bool{}, snaps: map[string]*snapshot{}, running: running, pid: 3057}
	for _, pair := range strings.Split(config, "|") {
		key, value, _ := strings.Cut(pair, "=")
		ct.conf[key] = value
	}
	store := ct.conf["rootfs"]
	if store == "" {
		store = "tank:1"
	}
	id, gib, _ := strings.Cut(store, ":")
	volume := w.storage(id).allocate(w.nodes[0], vmid, int64(atoi(gib))<<30, s.born)
	ct.conf["rootfs"] = volume + ",size=" + printSize(int64(atoi(gib))<<30)
	if running {
		ct.started = -200 * time.Second
	}
	ct.reshape(5)
	ct.sample = sample{seen: true, running: running, started: ct.started, shape: ct.shape, tick: -1 << 62}
	w.add(ct)
	return ct
}

// placeBackup puts a backup of a container on local.
func (s *Sim) placeBackup(ct *container, name string) {
	conf := maps.Clone(ct.conf)
	delete(conf, "lock")
	s.world.storage("local").set(s.world.nodes[0])["backup/"+name] = &volume{name: "backup/" + name, content: "backup", format: "tar.zst", vmid: ct.vmid, size: 1090077, made: s.born,
		notes: "web1-renamed manual", archive: &archive{conf: conf}}
}

func (s *Sim) grantAll(user, tok, path, role string) {
	w := &s.world
	w.acl[path] = append(w.acl[path], grant{path, "user", user, role, true})
	if tok != "" {
		w.acl[path] = append(w.acl[path], grant{path, "token", user + "!" + tok, role, true})
	}
	w.aclChanged()
}

// upidOf makes a finished task with the given UPID of a recording.
func (s *Sim) placeTask(upid, status string, lines ...string) {
	w := &s.world
	parts := strings.Split(upid, ":")
	name, tok, _ := strings.Cut(parts[7], "!")
	t := &task{sim: s, upid: upid, node: w.nodes[0], kind: parts[5], id: parts[6], user: caller{name, tok}, began: s.born, ended: s.born, status: status, lines: lines, done: make(chan struct{}), cancel: func() {}}
	fmt.Sscanf(parts[2], "%x", &t.pid)
	close(t.done)
	w.tasks.byUPID[upid] = t
	w.tasks.byNode[w.nodes[0]] = append(w.tasks.byNode[w.nodes[0]], t)
}
