package pvesim

import (
	"encoding/base32"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth/internal/clocktest"
)

// login gets a ticket and returns a caller that sends it.
func login(t *testing.T, s *Sim, pairs ...string) (*asUser, map[string]any) {
	t.Helper()
	u := as(s, "")
	t.Cleanup(u.client.CloseIdleConnections)
	data := u.ok(t, "POST", "/access/ticket", pairs...).(map[string]any)
	u.header = http.Header{"Cookie": {"PVEAuthCookie=" + url.QueryEscape(data["ticket"].(string))}, "Csrfpreventiontoken": {data["CSRFPreventionToken"].(string)}}
	return u, data
}

func TestTicketLogsInAndRenews(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u, data := login(t, s, "username=root@pam", "password=berth-demo")
	if data["clustername"] != "demo" || data["cap"].(map[string]any)["vms"].(map[string]any)["VM.Allocate"] != 1.0 {
		t.Errorf("answer: %v", data)
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/stop"); got != "OK" {
		t.Errorf("stop with a ticket: %s", got)
	}
	again, _ := login(t, s, "username=root", "realm=pam", "password="+data["ticket"].(string))
	again.ok(t, "GET", "/version")
	u.header.Del("Csrfpreventiontoken")
	if r := u.do(t, "POST", "/nodes/pve1/lxc/101/status/start"); r.status != 401 || r.reason != "Permission denied - invalid csrf token" {
		t.Errorf("write without the CSRF token: %d %s", r.status, r.reason)
	}
	s.ExpireTickets()
	if r := u.do(t, "GET", "/version"); r.status != 401 || len(r.body) != 0 {
		t.Errorf("expired ticket: %d %s", r.status, r.body)
	}
}

func TestRootTicketMayDoWhatNoTokenMay(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	ticket, _ := login(t, s, "username=root@pam", "password=berth-demo")
	token := root(t, s)
	const path = "/nodes/pve2/lxc/126/config"
	if r := token.do(t, "PUT", path, "features=keyctl=1"); r.reason != "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)" {
		t.Errorf("token: %d %s", r.status, r.reason)
	}
	ticket.ok(t, "PUT", path, "features=keyctl=1")
	ticket.ok(t, "PUT", path, "mp0=/srv,mp=/srv")
	if r := token.do(t, "POST", "/access/ticket", "username=x@pam", "password=y"); r.status != 403 && r.status != 401 {
		t.Errorf("ticket with a token: %d %s", r.status, r.reason)
	}
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	secret, err := s.RequireTOTP("root@pam")
	if err != nil {
		t.Fatal(err)
	}
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	u, data := login(t, s, "username=root@pam", "password=berth-demo")
	challenge := data["ticket"].(string)
	if data["NeedTFA"] != 1.0 || data["cap"] != nil || !strings.HasPrefix(challenge, "PVE:!tfa!") {
		t.Fatalf("first step: %v", data)
	}
	if r := u.do(t, "GET", "/version"); r.status != 401 {
		t.Errorf("half a login authorises: %d", r.status)
	}
	u.header = nil
	if r := u.do(t, "POST", "/access/ticket", "username=root@pam", "password=totp:000000", "tfa-challenge="+challenge); r.status != 401 || r.reason != "authentication failure" {
		t.Errorf("wrong code: %d %s", r.status, r.reason)
	}
	code := "totp:" + totpCode(key, clocktest.Now().Unix()/30)
	full, _ := login(t, s, "username=root@pam", "password="+code, "tfa-challenge="+challenge)
	full.ok(t, "GET", "/version")
	oneShot, _ := login(t, s, "username=root@pam", "password=berth-demo", "otp="+code)
	oneShot.ok(t, "GET", "/version")
}

// grantRole makes a role and gives it to a user and its token on a path, as pveum does.
func grantRole(t *testing.T, u *asUser, user, tokenID, path, role, privs string) {
	t.Helper()
	if r := u.do(t, "GET", "/access/roles/"+role); r.status != 200 {
		u.ok(t, "POST", "/access/roles", "roleid="+role, "privs="+privs)
	}
	u.ok(t, "PUT", "/access/acl", "path="+path, "roles="+role, "users="+user)
	u.ok(t, "PUT", "/access/acl", "path="+path, "roles="+role, "tokens="+user+"!"+tokenID)
}

// newToken makes a user with a token that has privilege separation.
func newToken(t *testing.T, u *asUser, user string) *asUser {
	t.Helper()
	u.ok(t, "POST", "/access/users", "userid="+user)
	data := u.ok(t, "POST", "/access/users/"+user+"/token/panel", "privsep=1").(map[string]any)
	n := as(u.sim, data["full-tokenid"].(string)+"="+data["value"].(string))
	t.Cleanup(n.client.CloseIdleConnections)
	return n
}

const (
	watchPrivs   = "VM.Audit,Sys.Audit,Datastore.Audit,Pool.Audit,SDN.Audit"
	operatePrivs = "VM.Audit,VM.PowerMgmt,VM.Console,VM.Snapshot,VM.Snapshot.Rollback,VM.Backup"
	createPrivs  = operatePrivs + ",VM.Allocate,VM.Clone,VM.Config.Disk,VM.Config.CPU,VM.Config.Memory,VM.Config.Network,VM.Config.Options"
)

// TestReadyRoles runs the three roles that a container manager needs: watch, operate, create.
func TestReadyRoles(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	admin := root(t, s)
	watch, operate, create := newToken(t, admin, "lxwatch@pve"), newToken(t, admin, "lxoperate@pve"), newToken(t, admin, "lxcreate@pve")
	for _, name := range []string{"lxwatch", "lxoperate", "lxcreate"} {
		grantRole(t, admin, name+"@pve", "panel", "/", "LxWatch", watchPrivs)
	}
	grantRole(t, admin, "lxoperate@pve", "panel", "/vms", "LxOperate", operatePrivs)
	grantRole(t, admin, "lxoperate@pve", "panel", "/storage/local", "LxSpace", "Datastore.Audit,Datastore.AllocateSpace")
	grantRole(t, admin, "lxcreate@pve", "panel", "/vms", "LxCreate", createPrivs)
	grantRole(t, admin, "lxcreate@pve", "panel", "/storage/local", "LxSpaceTmpl", "Datastore.Audit,Datastore.AllocateSpace,Datastore.AllocateTemplate")
	grantRole(t, admin, "lxcreate@pve", "panel", "/storage/local-lvm", "LxSpace", "")
	grantRole(t, admin, "lxcreate@pve", "panel", "/sdn/zones/localnetwork", "LxBridge", "SDN.Audit,SDN.Use")

	const ct = "/nodes/pve1/lxc/101"
	newCT := "vmid=900|ostemplate=" + debian12 + "|rootfs=local-lvm:1|hostname=x|memory=256|net0=name=eth0,bridge=vmbr0,ip=dhcp|unprivileged=1"
	tests := []struct {
		name, method, path, params string
		watch, operate, create     int // status
	}{
		{"list", "GET", "/cluster/resources", "", 200, 200, 200},
		{"config", "GET", ct + "/config", "", 200, 200, 200},
		{"cluster status", "GET", "/cluster/status", "", 200, 200, 200},
		{"tasks", "GET", "/cluster/tasks", "", 200, 200, 200},
		{"bridges", "GET", "/nodes/pve1/network", "type=any_bridge", 200, 200, 200},
		{"not backed up", "GET", "/cluster/backup-info/not-backed-up", "", 200, 200, 200},
		{"stop", "POST", ct + "/status/stop", "", 403, 200, 500},
		{"snapshot", "POST", ct + "/snapshot", "snapname=s1", 403, 200, 200},
		{"change", "PUT", ct + "/config", "memory=512", 403, 403, 200},
		{"backup", "POST", "/nodes/pve1/vzdump", "vmid=101|storage=local", 403, 200, 200},
		{"console", "POST", ct + "/termproxy", "", 403, 200, 200},
		{"create", "POST", "/nodes/pve1/lxc", newCT, 403, 403, 200},
		{"create privileged", "POST", "/nodes/pve1/lxc", strings.Replace(newCT, "unprivileged=1", "unprivileged=0", 1), 403, 403, 500},
		{"keyctl", "PUT", ct + "/config", "features=nesting=1,keyctl=1", 403, 403, 403},
		{"migrate", "GET", "/nodes/pve3/lxc/103/migrate", "", 403, 403, 403},
	}
	for _, tc := range tests {
		for i, u := range []*asUser{watch, operate, create} {
			want := []int{tc.watch, tc.operate, tc.create}[i]
			var pairs []string
			if tc.params != "" {
				pairs = strings.Split(tc.params, "|")
			}
			r := u.do(t, tc.method, tc.path, pairs...)
			if r.status != want {
				t.Errorf("%s as %s: %d %s, want %d", tc.name, u.token, r.status, r.reason, want)
			}
			if upid, is := r.data.(string); is && strings.HasPrefix(upid, "UPID:") && tc.name != "console" {
				s.waitTask(t, upid)
			}
		}
	}
	if n := len(watch.ok(t, "GET", "/nodes/pve1/storage/local/content", "content=backup").([]any)); n != 0 {
		t.Errorf("watch sees %d backups", n)
	}
	if n := len(operate.ok(t, "GET", "/nodes/pve1/storage/local/content", "content=backup", "vmid=101").([]any)); n == 0 {
		t.Error("operate does not see its backups")
	}
}

func TestGrants(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	admin := root(t, s)
	visible := func(u *asUser) int { return len(u.ok(t, "GET", "/cluster/resources", "type=vm").([]any)) }
	t.Run("token without grants of its own sees nothing", func(t *testing.T) {
		u := newToken(t, admin, "a@pve")
		admin.ok(t, "PUT", "/access/acl", "path=/", "roles=PVEAuditor", "users=a@pve")
		if n := visible(u); n != 0 {
			t.Errorf("sees %d containers", n)
		}
		if p := u.ok(t, "GET", "/access/permissions").(map[string]any); len(p) != 0 {
			t.Errorf("permissions: %v", p)
		}
		admin.ok(t, "PUT", "/access/acl", "path=/", "roles=PVEAuditor", "tokens=a@pve!panel")
		if n := visible(u); n != 40 {
			t.Errorf("with both grants it sees %d containers", n)
		}
	})
	t.Run("deeper role replaces the inherited one", func(t *testing.T) {
		u := newToken(t, admin, "b@pve")
		grantRole(t, admin, "b@pve", "panel", "/", "Watch", watchPrivs)
		grantRole(t, admin, "b@pve", "panel", "/vms/137", "Power", "VM.PowerMgmt")
		if n := visible(u); n != 39 {
			t.Errorf("sees %d containers", n)
		}
		if r := u.do(t, "GET", "/nodes/pve1/lxc/137/config"); r.reason != "Permission check failed (/vms/137, VM.Audit)" {
			t.Errorf("config: %s", r.reason)
		}
	})
	t.Run("pool grants add up", func(t *testing.T) {
		u := newToken(t, admin, "c@pve")
		grantRole(t, admin, "c@pve", "panel", "/", "Watch", watchPrivs)
		grantRole(t, admin, "c@pve", "panel", "/pool/media", "Power", "VM.PowerMgmt")
		if n := visible(u); n != 40 {
			t.Errorf("sees %d containers", n)
		}
		if r := u.do(t, "POST", "/nodes/pve3/lxc/103/status/start"); r.reason != "CT 103 already running" {
			t.Errorf("start of a pool member: %d %s", r.status, r.reason)
		}
		if r := u.do(t, "POST", "/nodes/pve1/lxc/101/status/start"); r.status != 403 {
			t.Errorf("start outside the pool: %d", r.status)
		}
	})
	t.Run("token does not see its own tasks in the cluster list", func(t *testing.T) {
		u := newToken(t, admin, "d@pve")
		grantRole(t, admin, "d@pve", "panel", "/vms", "Op", operatePrivs)
		if got := u.task(t, "POST", "/nodes/pve1/lxc/110/status/stop"); got != "OK" {
			t.Fatal(got)
		}
		if n := len(u.ok(t, "GET", "/cluster/tasks").([]any)); n != 0 {
			t.Errorf("sees %d tasks", n)
		}
		if n := len(u.ok(t, "GET", "/nodes/pve1/tasks").([]any)); n != 1 {
			t.Errorf("sees %d tasks of the node", n)
		}
	})
	t.Run("grants of a container end with it", func(t *testing.T) {
		grantRole(t, admin, "d@pve", "panel", "/vms/140", "Op", operatePrivs)
		if err := s.SetLock(140, ""); err != nil {
			t.Fatal(err)
		}
		if got := admin.task(t, "DELETE", "/nodes/pve1/lxc/140"); got != "OK" {
			t.Fatal(got)
		}
		for _, row := range admin.ok(t, "GET", "/access/acl").([]any) {
			if path := row.(map[string]any)["path"]; path == "/vms/140" {
				t.Errorf("grant is left: %v", row)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	type want struct {
		vmid       any
		interfaces int
		message    bool
		locked     int    // status of starting a locked container
		badToken   string // reason
		pressure   bool
		unpriv     bool
	}
	tests := map[string]want{
		"7.4": {"101", 501, false, 500, "invalid token value!", false, false},
		"8.4": {101.0, 200, true, 200, "invalid token value!", false, false},
		"9.2": {101.0, 200, true, 200, "Authentication failed!", true, true},
	}
	for version, w := range tests {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			o := quick()
			o.Version = version
			s := startSim(t, o)
			u := root(t, s)
			if got := u.ok(t, "GET", "/version").(map[string]any)["release"]; got != version {
				t.Errorf("release %v", got)
			}
			row := u.ok(t, "GET", "/nodes/pve1/lxc").([]any)[0].(map[string]any)
			if row["vmid"] != w.vmid {
				t.Errorf("vmid %#v, want %#v", row["vmid"], w.vmid)
			}
			if _, has := row["pressurecpusome"]; has != w.pressure {
				t.Errorf("pressure figures: %v", has)
			}
			if r := u.do(t, "GET", "/nodes/pve1/lxc/101/interfaces"); r.status != w.interfaces {
				t.Errorf("interfaces: %d", r.status)
			}
			r := u.do(t, "GET", "/nodes/pve1/lxc/999/config")
			if _, has := r.fields["message"]; has != w.message || !strings.HasPrefix(r.reason, "Configuration file") {
				t.Errorf("error: %s %s", r.reason, r.body)
			}
			if r := u.do(t, "POST", "/nodes/pve3/lxc/136/status/start"); r.status != w.locked {
				t.Errorf("start of a locked container: %d %s", r.status, r.reason)
			}
			bad := as(s, "root@pam!berth=wrong")
			defer bad.client.CloseIdleConnections()
			if r := bad.do(t, "GET", "/version"); r.reason != w.badToken {
				t.Errorf("bad token: %s", r.reason)
			}
			if got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=900", "ostemplate=local:vztmpl/alpine-3.22-default_20250617_amd64.tar.xz", "rootfs=local-lvm:1"); got != "OK" {
				t.Fatal(got)
			}
			config := u.ok(t, "GET", "/nodes/pve1/lxc/900/config").(map[string]any)
			if (config["unprivileged"] == 1.0) != w.unpriv {
				t.Errorf("config of a new container: %v", config)
			}
		})
	}
	if _, err := New(Options{Version: "6.4"}); err == nil {
		t.Error("version 6.4 is accepted")
	}
}

func TestNoQuorum(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	s.SetQuorate(false)
	u.ok(t, "GET", "/cluster/resources")
	status := rows(t, u.ok(t, "GET", "/cluster/status"), "type")
	if status["cluster"]["quorate"] != 0.0 {
		t.Errorf("cluster status: %v", status["cluster"])
	}
	tests := []struct{ method, path, params, want string }{
		{"POST", "/nodes/pve2/lxc/126/status/start", "", "cluster not ready - no quorum?"},
		{"POST", "/nodes/pve1/lxc", "vmid=900|ostemplate=" + debian12 + "|rootfs=local-lvm:1", "cluster not ready - no quorum?"},
		{"PUT", "/nodes/pve1/lxc/101/config", "memory=512", "unable to open file '/etc/pve/nodes/pve1/lxc/101.conf.tmp.1101' - Permission denied"},
	}
	for _, tc := range tests {
		var pairs []string
		if tc.params != "" {
			pairs = strings.Split(tc.params, "|")
		}
		if r := u.do(t, tc.method, tc.path, pairs...); r.status != 500 || r.reason != tc.want {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, r.status, r.reason)
		}
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/snapshot", "snapname=s1"); !strings.HasSuffix(got, "Permission denied") {
		t.Errorf("snapshot: %s", got)
	}
	s.SetQuorate(true)
	if got := u.task(t, "POST", "/nodes/pve2/lxc/126/status/start"); got != "OK" {
		t.Errorf("start after quorum is back: %s", got)
	}
}

func TestEnvMakesTheConfigUnreadable(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	admin := root(t, s)
	u := newToken(t, admin, "e@pve")
	grantRole(t, admin, "e@pve", "panel", "/vms", "Audit", "VM.Audit")
	u.ok(t, "GET", "/nodes/pve1/lxc/101/config")
	if err := s.SetConfig(101, "env", "A=b"); err != nil {
		t.Fatal(err)
	}
	if r := u.do(t, "GET", "/nodes/pve1/lxc/101/config"); r.reason != "Permission check failed (/vms/101, VM.Config.Options)" {
		t.Errorf("config: %d %s", r.status, r.reason)
	}
	u.ok(t, "GET", "/nodes/pve1/lxc/101/status/current")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	s.mu.Lock()
	n := s.world.nodes[0]
	set := s.world.storage("local").set(n)
	day := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for i := range 6 { // two a day
		made := day.Add(time.Duration(i) * 12 * time.Hour)
		name := fmt.Sprintf("backup/vzdump-lxc-101-%s.tar.zst", made.Format("2006_01_02-15_04_05"))
		set[name] = &volume{name: name, content: "backup", vmid: 101, made: made, protected: i == 0}
	}
	s.mu.Unlock()
	marks := map[string]int{}
	for _, row := range u.ok(t, "GET", "/nodes/pve1/storage/local/prunebackups", "vmid=101", "prune-backups=keep-last=1,keep-daily=2").([]any) {
		marks[row.(map[string]any)["mark"].(string)]++
	}
	if marks["protected"] != 1 || marks["keep"] != 3 || marks["remove"] != 2 {
		t.Errorf("marks: %v", marks)
	}
	if got := u.task(t, "DELETE", "/nodes/pve1/storage/local/prunebackups", "vmid=101", "prune-backups=keep-last=1,keep-daily=2"); got != "OK" {
		t.Fatal(got)
	}
	if n := len(u.ok(t, "GET", "/nodes/pve1/storage/local/content", "content=backup", "vmid=101").([]any)); n != 4 {
		t.Errorf("%d backups left", n)
	}
}
