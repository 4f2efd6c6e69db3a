package pvesim

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestManagementCalls is a day in the life of a cluster: each line is a call and what it answers or how its task ends.
func TestManagementCalls(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	steps := []struct {
		call, params string
		want         string // reason of a refusal, exit status of a task, or "" for any 200
	}{
		{"POST /pools", "poolid=lab|comment=Lab", ""},
		{"PUT /pools/lab", "vms=137", ""},
		{"PUT /pools/lab", "vms=137", "update pools failed: VM 137 is already a pool member"},
		{"PUT /pools/lab", "vms=101", "update pools failed: VM 101 belongs already to pool 'dev' and 'allow-move' is not set"},
		{"PUT /pools/lab", "vms=101|allow-move=1", ""},
		{"DELETE /pools/lab", "", "delete pool failed: pool 'lab' is not empty"},
		{"PUT /pools/lab", "vms=101,137|delete=1", ""},
		{"DELETE /pools/lab", "", ""},
		{"POST /cluster/backup", "id=nightly|schedule=02:00|all=1|storage=nas", ""},
		{"POST /cluster/backup", "id=nightly|schedule=02:00|all=1|storage=nas", "Parameter verification failed."},
		{"GET /cluster/backup/nightly/included_volumes", "", ""},
		{"PUT /cluster/backup/nightly", "enabled=0", ""},
		{"DELETE /cluster/backup/nightly", "", ""},
		{"GET /cluster/backup/nightly", "", "Parameter verification failed."},
		{"POST /cluster/ha/resources", "sid=ct:101", ""},
		{"POST /cluster/ha/resources", "sid=101", "resource ID 'ct:101' already defined"},
		{"DELETE /nodes/pve1/lxc/101", "force=1", "unable to remove CT 101 - used in HA resources and purge parameter not set."},
		{"PUT /cluster/ha/resources/ct:101", "state=ignored", ""},
		{"DELETE /cluster/ha/resources/ct:101", "", ""},
		{"POST /nodes/pve1/lxc/101/firewall/rules", "type=in|action=ACCEPT|proto=tcp|dport=22|enable=1", ""},
		{"POST /nodes/pve1/lxc/101/firewall/rules", "type=in|action=DROP", ""},
		{"PUT /nodes/pve1/lxc/101/firewall/rules/0", "moveto=1", ""},
		{"DELETE /nodes/pve1/lxc/101/firewall/rules/0", "", ""},
		{"GET /nodes/pve1/lxc/101/firewall/rules/3", "", "no rule at position 3"},
		{"PUT /nodes/pve1/lxc/101/firewall/options", "enable=1|policy_in=DROP", ""},
		{"POST /nodes/pve1/lxc/101/firewall/aliases", "name=gw|cidr=10.0.3.1", ""},
		{"POST /nodes/pve1/aplinfo", "storage=local|template=fedora-42-default_20250428_amd64.tar.xz", "OK"},
		{"POST /nodes/pve1/aplinfo", "storage=local-lvm|template=fedora-42-default_20250428_amd64.tar.xz", "storage 'local-lvm' does not support templates"},
		{"POST /nodes/pve1/storage/local/download-url", "content=vztmpl|filename=x.tar.gz|url=https://example.org/x.tar.gz", "OK"},
		{"POST /nodes/pve1/storage/local/download-url", "content=vztmpl|filename=y.tar.gz|url=https://127.0.0.1:1/y.tar.gz", "download failed: connection refused"},
		{"DELETE /nodes/pve1/storage/local/content/local:vztmpl/x.tar.gz", "", "OK"},
		{"PUT /nodes/pve1/lxc/125/config", "mp0=local-lvm:4,mp=/data", ""},
		{"PUT /nodes/pve1/lxc/125/resize", "disk=mp0|size=+1G", "OK"},
		{"PUT /nodes/pve1/lxc/125/resize", "disk=mp0|size=1G", "unable to shrink disk size"},
		{"POST /nodes/pve1/lxc/125/move_volume", "volume=mp0|storage=tank|delete=1", "OK"},
		{"PUT /nodes/pve1/lxc/125/config", "delete=mp0", ""},
		{"PUT /nodes/pve1/lxc/125/config", "delete=unused0", ""},
		{"POST /nodes/pve1/lxc/125/template", "", ""},
		{"POST /nodes/pve1/startall", "vms=110", "OK"},
		{"POST /nodes/pve1/stopall", "vms=110", "OK"},
		{"POST /cluster/bulk-action/guest/start", "vms=110", "OK"},
		{"POST /cluster/bulk-action/guest/shutdown", "vms=110", "OK"},
		{"PUT /nodes/pve1/lxc/101/config", "net1=name=eth1,bridge=vmbr9", "Parameter verification failed."},
		{"PUT /nodes/pve1/lxc/101/config", "net1=name=eth1,bridge=vmbr1,ip=10.1.1.1/24", ""},
		{"PUT /nodes/pve1/lxc/101/config", "memory=1|cores=0", "Parameter verification failed."},
		{"POST /nodes/pve1/lxc", "vmid=990|ostemplate=" + debian12 + "|rootfs=8", "Only root can pass arbitrary filesystem paths."},
	}
	for _, st := range steps {
		method, path, _ := strings.Cut(st.call, " ")
		var pairs []string
		if st.params != "" {
			pairs = strings.Split(st.params, "|")
		}
		r := u.do(t, method, path, pairs...)
		upid, isTask := r.data.(string)
		isTask = isTask && strings.HasPrefix(upid, "UPID:")
		got := r.reason
		switch {
		case isTask:
			got = u.sim.waitTask(t, upid)
		case r.status == 200:
			got = ""
		}
		if got != st.want {
			t.Errorf("%s %s: got %q (%s), want %q", st.call, st.params, got, r.body, st.want)
		}
	}
}

func TestUploadedTemplateIsListed(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	send := func(name string) reply {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		w.WriteField("content", "vztmpl")
		f, err := w.CreateFormFile("filename", name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(make([]byte, 300_000))
		w.Close()
		req, err := http.NewRequest("POST", u.sim.URL()+"/api2/json/nodes/pve1/storage/local/upload", &body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", w.FormDataContentType())
		return u.send(t, req)
	}
	r := send("own_1.0_amd64.tar.zst")
	if r.status != 200 {
		t.Fatalf("upload: %d %s", r.status, r.body)
	}
	if got := u.sim.waitTask(t, r.data.(string)); got != "OK" {
		t.Fatal(got)
	}
	row := rows(t, u.ok(t, "GET", "/nodes/pve1/storage/local/content", "content=vztmpl"), "volid")["local:vztmpl/own_1.0_amd64.tar.zst"]
	if row["size"] != 300_000.0 || row["format"] != "tzst" {
		t.Errorf("row: %v", row)
	}
	if r := send("own.zip"); r.status != 400 {
		t.Errorf("upload of a zip: %d %s", r.status, r.reason)
	}
}

func TestParametersAreCheckedLikePVE(t *testing.T) {
	t.Parallel()
	u := root(t, startSim(t, quick()))
	tests := []struct {
		params string
		want   map[string]any
	}{
		{"vmid=50", map[string]any{"vmid": "invalid format - value does not look like a valid VM ID\n", "ostemplate": errMissing}},
		{"vmid=900|ostemplate=x|bogus=1", map[string]any{"bogus": errUnknown}},
		{"vmid=900|ostemplate=x|memory=8|cores=x", map[string]any{"memory": "value must have a minimum value of 16", "cores": "type check ('integer') failed - got 'x'"}},
		{"vmid=900|ostemplate=x|onboot=true", map[string]any{"onboot": "type check ('boolean') failed - got 'true'"}},
		{"vmid=900|ostemplate=x|cmode=none", map[string]any{"cmode": "value 'none' does not have a value in the enumeration 'shell, console, tty'"}},
		{"vmid=900|ostemplate=x|net0=foo=bar", map[string]any{"net0": "invalid format - format error\nnet0.foo: " + errUnknown + "\nnet0.name: " + errMissing + "\n"}},
		{"vmid=900|ostemplate=x|net32=name=eth0", map[string]any{"net32": errUnknown}},
		{"vmid=900|ostemplate=x|unique=1", map[string]any{"restore": "missing property - 'unique' requires this property"}},
	}
	for _, tc := range tests {
		r := u.do(t, "POST", "/nodes/pve1/lxc", strings.Split(tc.params, "|")...)
		if diff := cmp.Diff(map[string]any{"data": nil, "message": "Parameter verification failed.\n", "errors": tc.want}, r.fields); r.status != 400 || diff != "" {
			t.Errorf("%s: status %d, difference %s", tc.params, r.status, diff)
		}
	}
}

func TestCountersNeverFall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sh := &shape{cores: 2, memory: 1 << 30, swap: 1 << 29, disk: 8 << 30, load: rapid.Float64Range(0, 1).Draw(t, "load")}
		seed := rapid.Uint64().Draw(t, "seed")
		started := time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "started"))
		a := started + time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "first"))
		b := a + time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "later"))
		x, y := sh.figuresAt(seed, a, started), sh.figuresAt(seed, b, started)
		if y.netin < x.netin || y.netout < x.netout || y.read < x.read || y.write < x.write || y.uptime < x.uptime {
			t.Fatalf("counters fall from %+v to %+v", x, y)
		}
		if y.cpu <= 0 || y.cpu > 1 || y.mem <= 0 || y.mem >= sh.memory || y.disk <= 0 || y.disk >= sh.disk {
			t.Fatalf("figures out of range: %+v", y)
		}
	})
}

func TestFormsSplitLikePVE(t *testing.T) {
	t.Parallel()
	got := parseForm("a=1&b=x%3By;c=2&a=3&d=%2B2G+x")
	want := params{"a": "1\x003", "b": "x;y", "c": "2", "d": "+2G x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSpeedRunsTheClockFaster(t *testing.T) {
	t.Parallel()
	o := quick()
	o.Speed = 3600
	s := startSim(t, o)
	u := root(t, s)
	uptime := func() float64 {
		return u.ok(t, "GET", "/nodes/pve1/lxc/101/status/current").(map[string]any)["uptime"].(float64)
	}
	first, began := uptime(), time.Now()
	for uptime() == first {
	}
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("uptime stands still for %v", waited)
	}
	if row := fmt.Sprint(u.ok(t, "GET", "/nodes/pve1/rrddata", "timeframe=hour").([]any)[0]); !strings.Contains(row, "cpu") {
		t.Errorf("statistics of a node: %s", row)
	}
}
