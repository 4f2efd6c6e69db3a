package pvesim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// privilegeLine is one recorded call of a token that had all privileges of the call except one.
type privilegeLine struct {
	Call, Without, Method, Path, Body, Reason string
	Status                                    int
}

// readLines reads a JSON-lines file of testdata.
func readLines[T any](t *testing.T, name string) []T {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var line T
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	return out
}

// notSimulated are recorded calls that docs/pve.md lists as left out.
var notSimulated = []string{"metrics-export", "node-disks", "node-termproxy"}

// grantPath is where the recordings put a privilege.
func grantPath(call, priv string) string {
	family, _, _ := strings.Cut(priv, ".")
	inPool := strings.HasSuffix(call, "-pool") && family == "VM" && priv != "VM.Clone"
	switch {
	case call == "cluster-status-narrow":
		return "/nodes/pve1"
	case inPool:
		return "/pool/mtx"
	case strings.HasPrefix(call, "create") && priv == "Datastore.AllocateSpace":
		return "/storage/tank"
	case strings.HasPrefix(call, "create") && priv == "Datastore.Audit":
		return "/storage/local"
	}
	switch family {
	case "VM", "Permissions":
		return "/vms"
	case "Datastore":
		return "/storage"
	case "SDN":
		return "/sdn/zones/localnetwork"
	case "Pool":
		return "/pool/mtx"
	}
	return "/"
}

// privilegeSim is the world in which a call was recorded.
func privilegeSim(t *testing.T, call string) *Sim {
	s := recordedSim(t)
	w := &s.world
	w.users["mtx@pve"] = &user{id: "mtx@pve", tokens: map[string]*token{"tk": {secret: "43fb825c-9957-4985-965a-53d0716ea4b7", privsep: true}}}
	w.users["test@pve"] = &user{id: "test@pve", tokens: map[string]*token{}}
	w.pools["mtx"] = &pool{comment: "m", members: map[int]bool{}, storages: map[string]bool{}}
	config := "hostname=m201|unprivileged=1|cores=1|memory=64|net0=name=eth0,bridge=vmbr0,hwaddr=BC:24:11:91:53:2D,ip=manual,type=veth"
	switch call {
	case "cfg-features-nesting-1", "cfg-features-keyctl-1":
		config += "|features=nesting=1"
	case "ct-config-env":
		config += "|env=FOO=bar"
	case "cfg-delete-net1":
		config += "|net1=name=eth1,bridge=vmbr0,ip=manual"
	}
	s.placeBackup(s.placeRecorded(201, false, config), "vzdump-lxc-201-2026_11_23-03_32_29.tar.zst")
	ct := s.placeRecorded(202, strings.HasPrefix(call, "snap"), "hostname=m202|unprivileged=1|rootfs=bt:1")
	ct.snaps["x1"] = &snapshot{conf: map[string]string{"hostname": "m202", "rootfs": ct.conf["rootfs"]}}
	if call == "snap-create" {
		ct.snaps = map[string]*snapshot{}
	}
	s.placeRecorded(203, false, "hostname=m203")
	running := !slices.Contains([]string{"st-start", "cluster-bulk-start", "startall"}, call)
	s.placeBackup(s.placeRecorded(204, running, "hostname=m204|unprivileged=1"), "vzdump-lxc-204-2026_11_23-03_38_55.tar.zst")
	store := "tank:1"
	if call == "resize" {
		store = "bt:1"
	}
	s.placeRecorded(205, false, "hostname=m205|unprivileged=1|rootfs="+store)
	for _, id := range []int{206, 207, 208, 209, 212, 220} {
		s.placeRecorded(id, false, fmt.Sprintf("hostname=m%d|unprivileged=1", id))
	}
	s.placeTask("UPID:pve1:0000462C:0007C6D0:6B03B554:vzstart:204:root@pam!full:", "OK", "TASK OK")
	s.placeTask("UPID:pve1:00004693:0007C7FA:6B03B557:vzstart:204:mtx@pve!tk:", "OK", "TASK OK")
	for _, ct := range w.containers {
		ct.firewall.rules = []params{{"type": "in", "action": "ACCEPT"}}
	}
	return s
}

// TestRecordedPrivileges replays how each call was recorded: begin with all privileges that were tried, take one away at a
// time, and leave those away that turned out not to be needed.
func TestRecordedPrivileges(t *testing.T) {
	t.Parallel()
	byCall := map[string][]privilegeLine{}
	var calls []string
	for _, l := range readLines[privilegeLine](t, "privileges.jsonl") {
		if byCall[l.Call] == nil {
			calls = append(calls, l.Call)
		}
		byCall[l.Call] = append(byCall[l.Call], l)
	}
	for _, call := range calls {
		if slices.Contains(notSimulated, call) {
			continue
		}
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			replayPrivileges(t, call, byCall[call])
		})
	}
}

func replayPrivileges(t *testing.T, call string, list []privilegeLine) {
	var full privilegeLine
	var have []string
	for _, l := range list {
		if l.Without == "" {
			full = l
		} else {
			have = append(have, l.Without)
		}
	}
	for _, l := range list {
		s := privilegeSim(t, call)
		for _, priv := range have {
			if priv != l.Without {
				s.world.roles["only "+priv] = []string{priv}
				s.grantAll("mtx@pve", "tk", grantPath(call, priv), "only "+priv)
			}
		}
		got := sendRecorded(t, s, "mtx@pve!tk=43fb825c-9957-4985-965a-53d0716ea4b7", l.Method, l.Path, l.Body)
		if want := expected(l); got.status != want.Status || !sameRefusal(got.reason, want, full) {
			t.Errorf("without %q, with %v: got %d %s, recorded %d %s", l.Without, have, got.status, got.reason, l.Status, l.Reason)
		}
		if full.Status == 200 && l.Without != "" && l.Status == 200 {
			have = slices.DeleteFunc(have, func(p string) bool { return p == l.Without })
		}
		s.Close()
	}
}

// expected corrects what the recording set-up, not Proxmox, made fail: it could not write backup jobs.
func expected(l privilegeLine) privilegeLine {
	if strings.HasPrefix(l.Reason, "unable to open file '/var/lib/pve-manager/jobs/") {
		l.Status, l.Reason = 200, "OK"
	}
	return l
}

// sameRefusal compares reasons. Of a call that is refused twice, for a missing privilege and as root-only, Proxmox tells
// either reason: it checks config keys in random order.
func sameRefusal(got string, want, full privilegeLine) bool {
	if got == want.Reason {
		return true
	}
	return full.Status == 403 && (got == full.Reason || strings.HasSuffix(got, ", "+want.Without+")"))
}

// sendRecorded repeats a recorded request.
func sendRecorded(t *testing.T, s *Sim, token, method, path, body string) reply {
	t.Helper()
	u := as(s, token)
	defer u.client.CloseIdleConnections()
	req, err := http.NewRequest(method, s.URL()+"/api2/json"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" || method == "PUT" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return u.send(t, req)
}
