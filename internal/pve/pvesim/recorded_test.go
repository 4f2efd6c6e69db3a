package pvesim

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// recording is one recorded request with what Proxmox VE 9.2.11 answered: status line, body shape, and for a task its end.
type recording struct {
	Name, Method, Path, Body, Type string
	Raw                            int    // the path is not below /api2/json
	Auth, Login, Cookie            string // token header, user whose fresh ticket is sent, or a cookie as it was
	CSRF                           int    // 1 the right token, 2 a wrong one
	Status                         int
	Reason                         string
	Shape                          any
	Text                           string
	Exit                           string // exit status of the task
}

// notReplayed are recordings that the simulator answers differently on purpose, or cannot be put into; docs/pve.md has
// the reasons.
var notReplayed = map[string]string{
	"http/html-root": "the web interface is not simulated", "http/api2-html": "the html formatter is not simulated", "auth/tfa-step2-ok": "the code belongs to the recording",
	"node/capabilities": "not simulated", "node/journal": "not simulated", "node/qemu": "virtual machines are not simulated",
	"life/config-net1": "failed because of the recording set-up", "backup/vzdump-wrong-content": "only the task tells, checked by its own test",
	"create/unknown-bridge": "the task's end differs by the recording set-up", "snap/current-after-rollback-start": "slow disk of the recording set-up",
	"clone/running-source": "lock timeout of the recording set-up", "template/config": "recorded before the task ended",
	"storage/upload": "the multipart body was not recorded", "storage/upload-badext": "the multipart body was not recorded", "node/subscription": "failed because of the recording set-up",
	"node/ghost-595": "a node that refuses connections", "node/ghost-status": "a node that refuses connections", "auth/ticket-renew": "the ticket belongs to the recording",
	"cluster-noquorum/join": "not simulated", "cluster-1of2-quorate/join": "not simulated",
	"cluster-1of2-quorate/pve2-blackhole-lxc": "another server answered at the node's address", "cluster-1of2-quorate/pve2-blackhole-start": "another server answered at the node's address",
	"privileges-roles/watch-cluster-metrics-export": "not simulated", "privileges-roles/operate-cluster-metrics-export": "not simulated", "privileges-roles/create-cluster-metrics-export": "not simulated",
	"debian/shutdown-forcestop": "a frozen container of the recording set-up",
}

func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	for _, r := range readLines[recording](t, "recorded.jsonl") {
		if _, skip := notReplayed[r.Name]; skip {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			s := situation(t, r)
			defer s.Close()
			got := r.send(t, s)
			if got.status != r.Status || withoutPID(got.reason) != withoutPID(r.Reason) {
				t.Fatalf("got %d %s (%s), recorded %d %s", got.status, got.reason, got.body, r.Status, r.Reason)
			}
			if r.Text != "" {
				return
			}
			var want, have any
			if len(got.body) > 0 {
				have = shapeOf(got.fields)
			}
			want = r.Shape
			for _, diff := range compareShapes("", want, have) {
				t.Error(diff)
			}
			if upid, is := got.data.(string); is && r.Exit != "" && strings.HasPrefix(upid, "UPID:") {
				if exit := s.waitTask(t, upid); withoutPID(exit) != withoutPID(r.Exit) {
					t.Errorf("task ends with %q, recorded %q", exit, r.Exit)
				}
			}
		})
	}
}

var temporaryFile = regexp.MustCompile(`\.conf\.tmp\.\d+`)

// withoutPID leaves the number of a process out of the name of a temporary file.
func withoutPID(text string) string { return temporaryFile.ReplaceAllString(text, ".conf.tmp.PID") }

// send repeats the request.
func (r recording) send(t *testing.T, s *Sim) reply {
	t.Helper()
	u := as(s, "")
	defer u.client.CloseIdleConnections()
	base := s.URL()
	if r.Raw == 0 {
		base += "/api2/json"
	}
	req, err := http.NewRequest(r.Method, base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	if r.Method == "POST" || r.Method == "PUT" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	if r.Auth != "" {
		req.Header.Set("Authorization", r.Auth)
	}
	if r.Cookie != "" {
		req.Header.Set("Cookie", r.Cookie)
	}
	if r.Login != "" {
		now := s.now()
		req.Header.Set("Cookie", "PVEAuthCookie="+url.QueryEscape(s.keys.ticket("PVE", r.Login, now, "")))
		switch r.CSRF {
		case 1:
			req.Header.Set("CSRFPreventionToken", s.keys.csrfToken(r.Login, now))
		case 2:
			req.Header.Set("CSRFPreventionToken", "6B03A745:wrong")
		}
	}
	return u.send(t, req)
}

// shapeOf describes JSON by keys and types; of a list of objects, keys that only some have end in "?".
func shapeOf(v any) any {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64, int:
		return "number"
	case string:
		return "string"
	case []any:
		return shapeOfList(v)
	case map[string]any:
		out := map[string]any{}
		for key, e := range v {
			out[key] = shapeOf(e)
		}
		return out
	}
	return fmt.Sprintf("%T", v)
}

func shapeOfList(list []any) any {
	if len(list) == 0 {
		return []any{}
	}
	seen, out := map[string]int{}, map[string]any{}
	for _, e := range list {
		row, is := e.(map[string]any)
		if !is {
			return []any{shapeOf(e)}
		}
		for key, value := range row {
			seen[key]++
			have := shapeOf(value)
			if was, both := out[key].(string); both && was != have {
				if text, is := have.(string); is && !strings.Contains(was, text) {
					parts := append(strings.Split(was, "|"), text)
					sort.Strings(parts)
					have = strings.Join(parts, "|")
				} else {
					have = was
				}
			}
			out[key] = have
		}
	}
	for key, n := range seen {
		if n < len(list) {
			out[key+"?"] = out[key]
			delete(out, key)
		}
	}
	return []any{out}
}

// optionalKeys come and go with the state of a container or the content of a list.
var optionalKeys = strings.Fields(`tags pool lock template description parent notes protected comment tokenid endtime status exitstatus pid snapstate email name uptime cpu mem disk
	maxcpu maxmem maxdisk memhost netin netout diskread diskwrite hastate swap cpulimit cpuunits cores onboot unused0 protection unprivileged features net0 net1 hostname digest vmid node cgroup-mode
	plugintype storage content shared sdn network network-type level pending delete value hwaddr inet inet6 used_fraction saved tokens email user id swaptotal userid groups subtype format
	pressurecpusome pressurecpufull pressureiosome pressureiofull pressurememorysome pressurememoryfull status ip prefix address netmask cidr gateway ostype nameserver keyboard shared path
	maxswap search vgname thinpool is_mountpoint mkdir create-base-path server export mode secureboot firstname enable expire comment mac_prefix pstart running nesting type`)

// compareShapes lists where the simulator's answer has a key or type that the recording has not, or misses one.
func compareShapes(at string, want, have any) []string {
	switch w := want.(type) {
	case string:
		h, is := have.(string)
		if !is && w != "null" || is && !slices.ContainsFunc(strings.Split(h, "|"), func(k string) bool { return strings.Contains(w, k) }) {
			return []string{fmt.Sprintf("%s: recorded %s, got %v", at, w, have)}
		}
	case []any:
		h, is := have.([]any)
		if !is {
			return []string{fmt.Sprintf("%s: recorded a list, got %v", at, have)}
		}
		if len(w) > 0 && len(h) > 0 {
			return compareShapes(at+"[]", w[0], h[0])
		}
	case map[string]any:
		h, is := have.(map[string]any)
		if !is {
			return []string{fmt.Sprintf("%s: recorded an object, got %v", at, have)}
		}
		return compareObjects(at, w, h)
	}
	return nil
}

func compareObjects(at string, want, have map[string]any) []string {
	var out []string
	plainKey := func(m map[string]any, key string) (any, bool) {
		if v, ok := m[key]; ok {
			return v, true
		}
		v, ok := m[key+"?"]
		return v, ok
	}
	for key, w := range want {
		name := strings.TrimSuffix(key, "?")
		h, ok := plainKey(have, name)
		switch {
		case ok:
			out = append(out, compareShapes(at+"."+name, w, h)...)
		case name == key && !slices.Contains(optionalKeys, name):
			out = append(out, fmt.Sprintf("%s.%s is missing", at, name))
		}
	}
	for key := range have {
		name := strings.TrimSuffix(key, "?")
		if _, ok := plainKey(want, name); !ok && !slices.Contains(optionalKeys, name) {
			out = append(out, fmt.Sprintf("%s.%s is not in the recording", at, name))
		}
	}
	return out
}

const panelPrivileges = "Datastore.AllocateSpace Datastore.Audit Pool.Audit SDN.Use Sys.Audit VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CPU VM.Config.Disk VM.Config.Memory VM.Config.Network VM.Config.Options VM.Console VM.PowerMgmt VM.Snapshot VM.Snapshot.Rollback"

// situation is the world as it was when a recording was made.
func situation(t *testing.T, r recording) *Sim {
	s := recordedSim(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.placeAccounts(r)
	w := &s.world
	folder, name, _ := strings.Cut(r.Name, "/")
	s.arrangeCluster(folder, name)
	w.pools["web"] = &pool{comment: "web tier", members: map[int]bool{101: true}, storages: map[string]bool{}}
	web := s.placeRecorded(101, false, "hostname=web1|tags=prod;web|description=x\n|onboot=0|cores=1|rootfs=tank:0|net0=name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=BC:24:11:B0:FD:EA,ip=10.99.0.11/24,type=veth")
	web.pool = "web"
	s.placeRecorded(102, true, "hostname=db1|cores=1|rootfs=tank:2|net0=name=eth0,bridge=vmbr0,hwaddr=BC:24:11:E5:23:78,ip=10.99.0.12/24,type=veth|mp0=tank:0.5,mp=/data")
	snap := s.placeRecorded(103, true, "hostname=snap1|tags=b_1;snap|unprivileged=1|rootfs=bt:1|net0=name=eth0,bridge=vmbr0,hwaddr=BC:24:11:FF:60:AE,ip=10.99.0.13/24,type=veth")
	s.placeRecorded(104, true, "hostname=deb1|ostype=debian|features=nesting=1|cores=1|unprivileged=1|net0=name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=BC:24:11:91:20:03,ip=10.99.0.14/24,type=veth")
	deb := s.placeRecorded(105, folder == "debian", "hostname=deb2|ostype=debian|unprivileged=1|rootfs=tank:1")
	clone := s.placeRecorded(110, false, "hostname=clone1|tags=a;b;c;d|cores=2|cpuunits=512|protection=0|onboot=0|description=copy\n|unused0=bt:110/subvol-110-disk-0.subvol|net0=name=eth0,bridge=vmbr0,hwaddr=BC:24:11:0D:6F:23,ip=10.99.0.11/24,type=veth")
	s.placeBackup(web, "vzdump-lxc-101-2026_11_23-02_51_27.tar.zst")
	s.placeBackup(snap, "vzdump-lxc-103-2026_11_23-02_51_27.tar.gz")
	s.placeRecorded(180, strings.Contains(name, "running"), "hostname=12345|tags=2024|cores=1|cpulimit=0.5|description=42\n|rootfs=tank:0|unprivileged=1")
	s.placeRecorded(181, false, "hostname=CT181|unprivileged=1|rootfs=tank:0")
	tpl := s.placeRecorded(182, false, "hostname=tpl182|unprivileged=1|rootfs=tank:1")
	s.arrange(folder, name, web, snap, deb, clone, tpl)
	return s
}

// placeAccounts makes users, roles and tokens of the recordings.
func (s *Sim) placeAccounts(r recording) {
	w := &s.world
	user := func(id, password string, tokens map[string]*token) *user {
		u := &user{id: id, password: password, tokens: tokens}
		if tokens == nil {
			u.tokens = map[string]*token{}
		}
		w.users[id] = u
		return u
	}
	secret := func(tok string) string {
		if _, after, found := strings.Cut(r.Auth, "!"+tok+"="); found && r.Status != 401 {
			return after
		}
		return "00000000-1111-2222-3333-444444444444"
	}
	u := user("test@pve", "test-pw-12345", map[string]*token{"panel": {secret: secret("panel")}, "old": {secret: secret("old"), expire: 1600000000}, "sep": {secret: secret("sep"), privsep: true}})
	u.comment, u.email = "full test user", "x@y"
	user("oper@pve", "oper-pw-12345", map[string]*token{"op": {secret: secret("op")}}).comment = "restricted: CTOperator on /vms/101"
	user("none@pve", "none-pw-12345", nil).comment = "no rights at all"
	user("off@pve", "off-pw-12345", nil).disabled = true
	user("exp@pve", "exp-pw-12345", nil).expire = 1600000000
	user("tfa@pve", "tfa-pw-12345", nil).totp = []byte("12345678901234567890")
	user("con@pve", "x", map[string]*token{"tk": {secret: secret("tk")}})
	w.roles["PanelRole"] = strings.Fields(panelPrivileges)
	w.roles["CTOperator"] = []string{"VM.Audit", "VM.PowerMgmt"}
	w.roles["Con"] = []string{"VM.Audit", "VM.Console", "VM.Config.Options"}
	s.grantAll("test@pve", "", "/", "PanelRole")
	s.grantAll("con@pve", "", "/", "Con")
	if strings.HasPrefix(r.Name, "perm/") || r.Name == "task/stop-forbidden" {
		s.grantAll("oper@pve", "", "/vms/101", "CTOperator")
		s.grantAll("test@pve", "sep", "/vms/101", "CTOperator")
	}
}

// arrange brings the world into the state that single recordings need.
func (s *Sim) arrange(folder, name string, web, snap, deb, clone, tpl *container) {
	run := func(ct *container) { ct.running, ct.started = true, -20*time.Second }
	switch folder {
	case "lock":
		clone.conf["lock"] = "backup"
		if strings.HasPrefix(name, "stop") && name != "stop" {
			run(clone)
		}
		if name == "set" {
			delete(clone.conf, "lock")
		}
	case "life":
		s.arrangeLife(name, web, clone, run)
	case "snap", "clone", "template":
		s.arrangeSnapshots(folder, name, snap, tpl)
	case "cluster-1of2-quorate":
		if name == "stop-101" {
			run(web)
		}
		if name == "snapshot-del" {
			snap.snaps["q1"] = &snapshot{conf: maps.Clone(snap.conf), at: s.born}
		}
		if name == "delete" {
			s.placeRecorded(190, false, "hostname=x")
		}
	case "protect":
		if name != "on" {
			clone.conf["protection"] = "1"
		}
	case "rootonly":
		if name == "161-config" || name == "161-del" {
			s.placeRecorded(161, false, "hostname=byalice|unprivileged=1|net0=name=eth0,bridge=vmbr0,ip=dhcp,type=veth")
		}
		if name == "mp-delete" {
			clone.conf["mp0"] = "/srv,mp=/srv"
		}
	case "backup":
		s.arrangeBackup(name)
	case "task":
		s.placeTask("UPID:pve1:000009DF:0003703E:6B03AA39:vzdump:101:root@pam!full:", "job errors", strings.Split(strings.Repeat("INFO: line\n", 17)+"TASK ERROR: job errors", "\n")...)
		s.placeTask("UPID:pve1:0000108A:0003A640:6B03AAC3:vzdump:103:root@pam!full:", "unexpected status", "INFO: line")
		if name == "config-put-while-backup" || name == "current-locked" {
			web.conf["lock"] = "backup"
		}
		if name == "active-list" {
			s.world.tasks.byUPID["UPID:pve1:000009DF:0003703E:6B03AA39:vzdump:101:root@pam!full:"].ended = time.Time{}
		}
	case "node", "general", "perm":
		if name != "tasks-op" {
			s.placeTask("UPID:pve1:00002C43:00027552:6B03A7B7:vzstart:101:oper@pve!op:", "OK", "TASK OK")
		}
		s.placeTask("UPID:pve1:00001950:0002284F:6B03A6F1:vzcreate:120:root@pam!full:", "OK", "TASK OK")
		s.world.addLog(logEntry{at: s.now(), pri: 6, tag: "pvedaemon", node: "pve1", user: "root@pam", text: "successful auth for user 'root@pam'"})
		s.placeTask("UPID:pve1:00001948:0002284F:6B03A6F1:vzsnapshot:102:root@pam!full:", "snapshot feature is not available", "TASK ERROR: snapshot feature is not available")
		if name == "lxc-101-stop-op" {
			run(web)
		}
	case "fw":
		if name != "rules" && name != "options" {
			web.firewall = firewall{options: params{"enable": "1"}, rules: []params{{"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "22", "enable": "1", "comment": "ssh"}}}
		}
	case "create":
		if name == "start-150-nobridge" || name == "delete-150" {
			s.placeRecorded(150, false, "hostname=nobridge|net0=name=eth0,bridge=vmbr77,ip=dhcp")
		}
		if name == "bt-103" {
			s.destroy(snap)
		}
	case "console-exec":
		if deb := s.world.container(104); strings.HasSuffix(name, "after-delete") {
			deb.conf["cmode"], deb.removing["cmode"] = "shell", true
		} else if name != "put-cmode-shell" {
			deb.pending["cmode"] = "shell"
		}
	case "access":
		if strings.HasPrefix(name, "token-update") || name == "token-delete" {
			s.world.users["test@pve"].tokens["tmp1"] = &token{privsep: true, comment: "x"}
		}
	case "auth":
		s.grantAll("none@pve", "", "/vms/101", "NoAccess")
		s.world.dropGrants(func(g grant) bool { return g.who == "test@pve!sep" })
	case "typing":
		if strings.HasPrefix(name, "create") {
			s.destroy(s.world.container(180))
			s.destroy(s.world.container(181))
		}
		if strings.HasPrefix(name, "nohostname") {
			s.world.container(181).conf["template"] = "1"
			s.world.container(181).reshape(-1)
		}
	case "debian":
		deb.stuck = strings.Contains(name, "timeout") || strings.Contains(name, "forcestop")
		if name == "create-105-nonesting" {
			s.destroy(deb)
		}
		if name == "start-105b" {
			deb.running = false
		}
	}
}

func (s *Sim) arrangeLife(name string, web, clone *container, run func(*container)) {
	stopped := strings.Contains(name, "stopped") || strings.HasPrefix(name, "start") || strings.HasPrefix(name, "race-stop") || strings.HasPrefix(name, "race-start") || name == "resize-subvol0"
	if !stopped || name == "start-already-running" {
		run(web)
	}
	if strings.HasPrefix(name, "destroy-running-force") {
		run(clone)
	}
	switch {
	case name == "destroyed-current":
		s.destroy(clone)
	case name == "cleanup-113":
		s.placeRecorded(113, false, "hostname=x")
	case strings.HasPrefix(name, "destroy-130"):
		ct := s.placeRecorded(130, false, "hostname=x")
		ct.conf["mp0"] = "broken:130/vm-130-disk-0.raw,mp=/x"
	case strings.HasPrefix(name, "stop-") && strings.Contains(name, "105") || strings.HasPrefix(name, "shutdown-") && strings.Contains(name, "ignoring") || strings.HasPrefix(name, "stop-overrule") || strings.HasPrefix(name, "stop-during"):
		run(s.world.container(105))
	case name == "interfaces-stopped":
		web.running = false
	}
}

func (s *Sim) arrangeSnapshots(folder, name string, snap, tpl *container) {
	if name == "delete-with-clones" || name == "start" && folder == "template" {
		s.placeRecorded(120, false, "hostname=t|template=1")
	}
	if folder == "clone" {
		s.destroy(s.world.container(110))
	}
	if folder == "template" && name != "make" {
		tpl.renameDisks(&s.world)
		tpl.conf["template"] = "1"
		tpl.reshape(-1)
	}
	if name == "list-empty" || name == "create-s1" {
		return
	}
	conf := map[string]string{}
	for k, v := range snap.conf {
		conf[k] = v
	}
	snap.snaps["s1"] = &snapshot{conf: conf, at: s.born, text: "changed\n"}
	snap.parent = "s1"
	if folder == "snap" && name != "create-s2" && name != "list-after" {
		snap.snaps["s2"] = &snapshot{conf: conf, at: s.born, parent: "s1"}
		snap.parent = "s2"
	}
	if name == "start-103" || name == "current-after-rollback" || folder == "clone" {
		snap.running = false
	}
	switch {
	case strings.HasPrefix(name, "cleanup"):
		s.placeRecorded(113, false, "hostname=x")
	}
}

func (s *Sim) arrangeBackup(name string) {
	v := s.world.storage("local").set(s.world.nodes[0])["backup/vzdump-lxc-101-2026_11_23-02_51_27.tar.zst"]
	switch name {
	case "delete-protected":
		v.protected = true
	case "delete-gone":
		delete(s.world.storage("local").set(s.world.nodes[0]), v.name)
	case "restore-over-existing-force", "restore-over-existing-noforce", "restored-config":
		s.placeRecorded(130, false, "hostname=old|net0=name=eth0,bridge=vmbr0,ip=dhcp|cores=2|cpuunits=512|onboot=0|tags=a")
	}
}
