package pvesim

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// The world of the recordings: one node pve1 with storages local, tank, bt and broken, and a handful of containers.

// recordedAt is when the recordings were made; some ask for what has happened since a time of that day.
var recordedAt = time.Date(2026, 11, 23, 2, 50, 0, 0, time.UTC)

// recordedSim makes an empty cluster with the storages and accounts of the recordings, at their time.
func recordedSim(t *testing.T) *Sim {
	t.Helper()
	o, began := quick(), time.Now()
	o.Now = func() time.Time { return recordedAt.Add(time.Since(began)) }
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

// arrangeCluster makes the second node that never came up, or takes quorum and pvedaemon away, and lets the three ready roles in.
func (s *Sim) arrangeCluster(folder, name string) {
	w := &s.world
	away := &node{name: "pve2", id: 2, guests: map[int]*container{}}
	switch folder {
	case "cluster-1of2-quorate", "cluster-noquorum":
		w.nodes = append(w.nodes, away)
		w.quorate = folder == "cluster-1of2-quorate"
		if name == "token-del" && w.quorate {
			w.users["test@pve"].tokens["q2"] = &token{privsep: true, comment: "x"}
		}
	case "offline": // its directory in /etc/pve is there, but it is no member
		w.add(&container{vmid: 200, node: away, conf: map[string]string{}, shape: &shape{}})
	case "down":
		w.daemonDown = strings.HasPrefix(name, "pvedaemon")
	case "privileges-roles":
		s.grantReadyRoles()
		s.placeRecorded(202, false, "hostname=m202|unprivileged=1")
		s.placeRecorded(204, false, "hostname=m204|unprivileged=1|cores=1|net0=name=eth0,bridge=vmbr0,hwaddr=BC:24:11:1E:D9:D3,ip=manual,type=veth").pool = "mtx"
		w.pools["mtx"] = &pool{comment: "m", members: map[int]bool{204: true}, storages: map[string]bool{"tank": true}}
		s.placeTask("UPID:pve1:0000488A:0007E66D:6B03B5A5:vncproxy:102:con@pve!tk:", "OK", "TASK OK")
	}
}

// grantReadyRoles makes the tokens of the roles watch, operate and create, as the recording had them.
func (s *Sim) grantReadyRoles() {
	w := &s.world
	w.roles["LxWatch"] = strings.Fields("Datastore.Audit Pool.Audit SDN.Audit Sys.Audit VM.Audit")
	w.roles["LxOperate"] = strings.Fields("VM.Audit VM.Backup VM.Console VM.PowerMgmt VM.Snapshot VM.Snapshot.Rollback")
	w.roles["LxCreate"] = append(strings.Fields("VM.Allocate VM.Clone VM.Config.CPU VM.Config.Disk VM.Config.Memory VM.Config.Network VM.Config.Options"), w.roles["LxOperate"]...)
	w.roles["LxSpace"] = strings.Fields("Datastore.AllocateSpace Datastore.Audit")
	w.roles["LxSpaceTmpl"] = append([]string{"Datastore.AllocateTemplate"}, w.roles["LxSpace"]...)
	w.roles["LxBridge"] = strings.Fields("SDN.Audit SDN.Use")
	for name, secret := range map[string]string{"watch": "6118ef13-c877-4add-95db-dd4279abad53", "operate": "976ae789-f6b5-4c28-af3d-5b9c3ab56c82", "create": "c7dc644e-ed4a-493e-9490-fc1695fa6553"} {
		id := "lx" + name + "@pve"
		w.users[id] = &user{id: id, tokens: map[string]*token{"panel": {secret: secret, privsep: true}}}
		s.grantAll(id, "panel", "/", "LxWatch")
	}
	s.grantAll("lxoperate@pve", "panel", "/vms", "LxOperate")
	s.grantAll("lxoperate@pve", "panel", "/storage/local", "LxSpace")
	s.grantAll("lxcreate@pve", "panel", "/vms", "LxCreate")
	s.grantAll("lxcreate@pve", "panel", "/storage/local", "LxSpaceTmpl")
	s.grantAll("lxcreate@pve", "panel", "/storage/tank", "LxSpace")
	s.grantAll("lxcreate@pve", "panel", "/storage/bt", "LxSpace")
	s.grantAll("con@pve", "", "/sdn/zones", "LxBridge") // of somebody else, but it makes the path known
	s.grantAll("lxcreate@pve", "panel", "/sdn/zones/localnetwork", "LxBridge")
}
