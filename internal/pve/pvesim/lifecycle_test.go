package pvesim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const debian12 = "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst"

func TestContainerFromCreationToDeletion(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	id := u.ok(t, "GET", "/cluster/nextid").(string)
	ct := "/nodes/pve1/lxc/" + id
	steps := []struct{ name, method, path, params, want string }{
		{"create", "POST", "/nodes/pve1/lxc", "vmid=" + id + "|ostemplate=" + debian12 + "|rootfs=local-lvm:8|hostname=new|net0=name=eth0,bridge=vmbr0,ip=dhcp|features=nesting=1|memory=1024|cores=2|tags=B;a|start=0", "OK"},
		{"start", "POST", ct + "/status/start", "", "OK"},
		{"snapshot", "POST", ct + "/snapshot", "snapname=s1|description=before", "OK"},
		{"snapshot twice", "POST", ct + "/snapshot", "snapname=s1", "snapshot name 's1' already used"},
		{"resize", "PUT", ct + "/resize", "disk=rootfs|size=+2G", "OK"},
		{"backup", "POST", "/nodes/pve1/vzdump", "vmid=" + id + "|storage=local|mode=snapshot|compress=zstd|notes-template={{guestname}}", "OK"},
		{"rollback", "POST", ct + "/snapshot/s1/rollback", "", "OK"},
		{"delete snapshot", "DELETE", ct + "/snapshot/s1", "", "OK"},
		{"clone", "POST", ct + "/clone", "newid=900|hostname=copy|full=1", "OK"},
		{"delete", "DELETE", ct, "", "OK"},
	}
	for _, st := range steps {
		var pairs []string
		if st.params != "" {
			pairs = strings.Split(st.params, "|")
		}
		if got := u.task(t, st.method, st.path, pairs...); got != st.want {
			t.Fatalf("%s ends with %q, want %q", st.name, got, st.want)
		}
	}
	copied := u.ok(t, "GET", "/nodes/pve1/lxc/900/config").(map[string]any)
	if copied["hostname"] != "copy" || copied["tags"] != "a;b" || !strings.HasSuffix(copied["rootfs"].(string), "size=8G") {
		t.Errorf("config of the clone: %v", copied)
	}
	list := u.ok(t, "GET", "/nodes/pve1/storage/local/content", "content=backup", "vmid="+id).([]any)
	if len(list) != 1 {
		t.Fatalf("%d backups, want 1", len(list))
	}
	volid := list[0].(map[string]any)["volid"].(string)
	if got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=901", "ostemplate="+volid, "restore=1", "storage=local-lvm"); got != "OK" {
		t.Fatalf("restore: %s", got)
	}
	if got := u.ok(t, "GET", "/nodes/pve1/lxc/901/config").(map[string]any)["hostname"]; got != "new" {
		t.Errorf("restored hostname: %v", got)
	}
	if r := u.do(t, "GET", ct+"/config"); r.status != 500 || !strings.HasPrefix(r.reason, "Configuration file 'nodes/pve1/lxc/") {
		t.Errorf("config after delete: %d %s", r.status, r.reason)
	}
}

func TestNewContainerIsUnknownUntilTheNextStatistics(t *testing.T) {
	t.Parallel()
	o := quick()
	o.StatisticsCycle = time.Hour
	s := startSim(t, o)
	u := root(t, s)
	lock := s.flock(900)
	lock <- struct{}{} // the task waits for it
	upid := u.ok(t, "POST", "/nodes/pve1/lxc", "vmid=900", "ostemplate="+debian12, "rootfs=local-lvm:1", "features=nesting=1").(string)
	row := rows(t, u.ok(t, "GET", "/cluster/resources", "type=vm"), "vmid")["900"]
	if row["status"] != "unknown" || row["lock"] != "create" || row["name"] != nil || row["maxmem"] != nil {
		t.Errorf("row while it is created: %v", row)
	}
	<-lock
	if got := s.waitTask(t, upid); got != "OK" {
		t.Fatalf("create: %s", got)
	}
	row = rows(t, u.ok(t, "GET", "/cluster/resources", "type=vm"), "vmid")["900"]
	if row["status"] != "unknown" || row["lock"] != nil {
		t.Errorf("row after creation, before the next statistics: %v", row)
	}
}

func TestFailedCreationLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=900", "ostemplate=local:vztmpl/none.tar.gz", "rootfs=local-lvm:1")
	if want := "unable to create CT 900 - volume 'local:vztmpl/none.tar.gz' does not exist"; got != want {
		t.Errorf("exit status %q, want %q", got, want)
	}
	if _, there := rows(t, u.ok(t, "GET", "/cluster/resources", "type=vm"), "vmid")["900"]; there {
		t.Error("container is still listed")
	}
	for _, row := range u.ok(t, "GET", "/nodes/pve1/storage/local-lvm/content", "vmid=900").([]any) {
		t.Errorf("volume left: %v", row)
	}
}

func TestKilledWorkerLeavesTheLock(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	s.Fail(Fault{Task: "vzcreate", Drop: true})
	if got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=900", "ostemplate="+debian12, "rootfs=local-lvm:1"); got != "unexpected status" {
		t.Fatalf("exit status %q", got)
	}
	row := rows(t, u.ok(t, "GET", "/cluster/resources", "type=vm"), "vmid")["900"]
	if row["lock"] != "create" {
		t.Errorf("row: %v", row)
	}
	if r := u.do(t, "DELETE", "/nodes/pve1/lxc/900"); r.reason != "CT is locked (create)" {
		t.Errorf("delete: %d %s", r.status, r.reason)
	}
}

func TestChangeOfRunningContainerWaitsWhereItMust(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	ct := "/nodes/pve1/lxc/101"
	u.ok(t, "PUT", ct+"/config", "memory=2048", "cmode=shell", "description=hello")
	now := u.ok(t, "GET", ct+"/config", "current=1").(map[string]any)
	next := u.ok(t, "GET", ct+"/config").(map[string]any)
	if now["memory"] != 2048.0 || now["cmode"] != nil || next["cmode"] != "shell" || now["description"] != "hello\n" {
		t.Errorf("current %v, next %v", now, next)
	}
	pending := rows(t, u.ok(t, "GET", ct+"/pending"), "key")
	if pending["cmode"]["pending"] != "shell" || pending["cmode"]["value"] != nil {
		t.Errorf("pending: %v", pending["cmode"])
	}
	if got := u.task(t, "POST", ct+"/status/reboot"); got != "OK" {
		t.Fatalf("reboot: %s", got)
	}
	if now := u.ok(t, "GET", ct+"/config", "current=1").(map[string]any); now["cmode"] != "shell" {
		t.Errorf("after reboot: %v", now)
	}
}

func TestStopDuringShutdown(t *testing.T) {
	t.Parallel()
	o := quick()
	o.Speed, o.TaskTime = 100, 4*time.Second
	s := startSim(t, o)
	u := root(t, s)
	if err := s.SetStuck(101, true); err != nil {
		t.Fatal(err)
	}
	shutdown := u.ok(t, "POST", "/nodes/pve1/lxc/101/status/shutdown", "timeout=3600").(string)
	want := "can't lock file '/run/lock/lxc/pve-config-101.lock' - got timeout"
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/stop"); got != want {
		t.Errorf("stop: %q, want %q", got, want)
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/status/stop", "overrule-shutdown=1"); got != "OK" {
		t.Errorf("stop that overrules: %q", got)
	}
	if got := s.waitTask(t, shutdown); got != "received interrupt" {
		t.Errorf("shutdown ends with %q", got)
	}
}

func TestOfflineNodeIsUnreachableAndItsSamplesExpire(t *testing.T) {
	t.Parallel()
	o := quick()
	o.Speed = 6000 // 5 minutes pass in 50 ms
	o.StatisticsCycle = 10 * time.Second
	s := startSim(t, o)
	u := root(t, s)
	s.SetNodeOnline("pve2", false)
	if r := u.do(t, "GET", "/nodes/pve2/lxc"); r.status != 595 || r.reason != "No route to host" || len(r.body) != 0 {
		t.Errorf("list of the offline node: %d %s %q", r.status, r.reason, r.body)
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		row := rows(t, u.ok(t, "GET", "/cluster/resources"), "id")["lxc/102"]
		if row["status"] == "unknown" && row["name"] == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("samples of the offline node do not expire: %v", row)
		}
	}
	node := rows(t, u.ok(t, "GET", "/cluster/resources", "type=node"), "node")["pve2"]
	if node["status"] != "offline" || node["mem"] != nil {
		t.Errorf("node row: %v", node)
	}
}

func TestMigrationMovesTheContainer(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	if r := u.do(t, "POST", "/nodes/pve1/lxc/101/migrate", "target=pve1"); r.fields["errors"].(map[string]any)["target"] != "target is local node." {
		t.Errorf("to itself: %d %s", r.status, r.body)
	}
	u.ok(t, "PUT", "/nodes/pve1/lxc/101/config", "mp0=tank:1,mp=/data")
	info := u.ok(t, "GET", "/nodes/pve1/lxc/101/migrate").(map[string]any)
	if got := fmt.Sprint(info["allowed-nodes"], info["not-allowed-nodes"]); got != "[pve2] map[pve3:map[unavailable-storages:[tank]]]" {
		t.Errorf("where it may go: %s", got)
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/migrate", "target=pve3", "restart=1"); !strings.Contains(got, "storage 'tank' is not available on node 'pve3'") {
		t.Errorf("to a node without its storage: %s", got)
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc/101/migrate", "target=pve3", "restart=1", "target-storage=tank:local-lvm,local-lvm:local-lvm"); got != "OK" {
		t.Fatalf("migrate: %s", got)
	}
	if r := u.do(t, "GET", "/nodes/pve1/lxc/101/status/current"); r.status != 500 {
		t.Errorf("old node still answers %d", r.status)
	}
	if got := u.ok(t, "GET", "/nodes/pve3/lxc/101/status/current").(map[string]any)["status"]; got != "running" {
		t.Errorf("on the new node: %v", got)
	}
}

func TestHARequestFinishesBeforeTheContainerChanges(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	if got := u.task(t, "POST", "/nodes/pve1/lxc/104/status/stop"); got != "OK" {
		t.Fatalf("hastop: %s", got)
	}
	var work string
	for _, row := range u.ok(t, "GET", "/cluster/tasks").([]any) {
		if r := row.(map[string]any); r["type"] == "vzshutdown" && r["id"] == "104" {
			work = r["upid"].(string)
		}
	}
	if work == "" {
		t.Fatal("no task of the HA agent")
	}
	s.waitTask(t, work)
	current := u.ok(t, "GET", "/nodes/pve1/lxc/104/status/current").(map[string]any)
	if ha := current["ha"].(map[string]any); current["status"] != "stopped" || ha["managed"] != 1.0 || ha["state"] != "stopped" {
		t.Errorf("current: %v", current)
	}
}

func TestHARestartsAKilledContainer(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	u := root(t, s)
	if err := s.Kill(104); err != nil {
		t.Fatal(err)
	}
	for _, row := range u.ok(t, "GET", "/cluster/tasks").([]any) {
		if r := row.(map[string]any); r["type"] == "vzstart" && r["id"] == "104" && r["endtime"] == nil {
			s.waitTask(t, r["upid"].(string))
		}
	}
	if got := u.ok(t, "GET", "/nodes/pve1/lxc/104/status/current").(map[string]any)["status"]; got != "running" {
		t.Errorf("killed container under HA is %v", got)
	}
}

func TestOCIImageBecomesAContainer(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	if got := u.task(t, "POST", "/nodes/pve1/storage/local/oci-registry-pull", "reference=registry.example/library/nginx:latest"); got != "OK" {
		t.Fatal(got)
	}
	if r := u.do(t, "POST", "/nodes/pve1/storage/local/oci-registry-pull", "reference=registry.example/library/nginx:latest"); r.reason != "refusing to override existing file 'nginx_latest.tar'" {
		t.Errorf("second pull: %d %s", r.status, r.reason)
	}
	if got := u.task(t, "POST", "/nodes/pve1/lxc", "vmid=900", "ostemplate=local:vztmpl/nginx_latest.tar", "rootfs=local-lvm:1", "net0=name=eth0,bridge=vmbr0,ip=dhcp"); got != "OK" {
		t.Fatal(got)
	}
	conf := u.ok(t, "GET", "/nodes/pve1/lxc/900/config").(map[string]any)
	if conf["cmode"] != "console" || conf["env"] == nil || !strings.Contains(conf["net0"].(string), "host-managed=1") {
		t.Errorf("config: %v", conf)
	}
}

func TestBackupElsewhereAnswersOK(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	if got := u.ok(t, "POST", "/nodes/pve1/vzdump", "vmid=102", "storage=nas"); got != "OK" {
		t.Errorf("backup of a container on another node: %v", got)
	}
	if got := u.task(t, "POST", "/nodes/pve1/vzdump", "vmid=101", "storage=local-lvm"); !strings.Contains(got, "wrong content type") {
		t.Errorf("backup to a storage without backups: %s", got)
	}
	if got := u.task(t, "POST", "/nodes/pve1/vzdump", "vmid=999"); got != "job errors" {
		t.Errorf("backup of nothing: %s", got)
	}
}

func TestAbortedTaskCleansUp(t *testing.T) {
	t.Parallel()
	o := quick()
	o.TaskTime = 20 * time.Second
	s := startSim(t, o)
	u := root(t, s)
	upid := u.ok(t, "POST", "/nodes/pve1/vzdump", "vmid=101", "storage=nas").(string)
	path := "/nodes/pve1/tasks/" + upid
	for u.ok(t, "GET", "/nodes/pve1/lxc/101/config").(map[string]any)["lock"] != "backup" {
	}
	if r := u.do(t, "PUT", "/nodes/pve1/lxc/101/config", "memory=512"); r.reason != "CT is locked (backup)" {
		t.Errorf("change during a backup: %d %s", r.status, r.reason)
	}
	if got := u.ok(t, "GET", path+"/status").(map[string]any); got["status"] != "running" || got["exitstatus"] != nil {
		t.Errorf("status: %v", got)
	}
	u.ok(t, "DELETE", path)
	if got := u.ok(t, "GET", path+"/status").(map[string]any); got["exitstatus"] != "job errors" {
		t.Errorf("status after the abort: %v", got)
	}
	if lock := u.ok(t, "GET", "/nodes/pve1/lxc/101/config").(map[string]any)["lock"]; lock != nil {
		t.Errorf("lock %v is left", lock)
	}
	page := u.do(t, "GET", path+"/log", "start=1", "limit=2")
	if lines := page.data.([]any); len(lines) != 2 || lines[0].(map[string]any)["n"] != 2.0 || page.fields["total"].(float64) < 5 {
		t.Errorf("page of the log: %s", page.body)
	}
}
