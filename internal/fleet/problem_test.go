package fleet

import (
	"net"
	"strings"
	"testing"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

func TestAConnectionThatIsCutIsAlwaysTheSameProblem(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // closed already if the test went well
	cut := make(chan error, 1)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				cut <- nil
				return
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				_ = c.(*net.TCPConn).SetLinger(0) // reset
			}
			_ = c.Close()
		}
	}()
	client, err := pve.New(pve.Config{Endpoints: []string{"https://" + listener.Addr().String()}, Token: "root@pam!xx=aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", Fingerprint: strings.Repeat("AA:", 31) + "AA"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 3 {
		_, err := client.Version(t.Context())
		if got := plainProblem(err); !strings.HasPrefix(got, "The connection is cut before there is an answer") {
			t.Errorf("got %q of %v", got, err)
		}
	}
	_ = listener.Close()
	<-cut
	if got, want := sentence("über alles"), "Über alles."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheNodesAreAskedThoughTheQuorumIsNotForTheToken(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	f := serveFixture(t, s, map[string]func(int) string{"/cluster/resources": always(rows(nodeRow("pve1", 10))), "/cluster/tasks": always("[]")})
	pace := quick
	pace.Details = pace.WatchedTasks
	r := run(t, s, pace)
	watcher := r.Watch()
	defer watcher.Close()
	watcher.ShowNodes()
	r.eventually("both were asked for", func() bool { return f.callsTo("/cluster/status") > 0 && f.callsTo("/nodes/pve1/status") > 0 })
}

func TestRebootOfAContainerThatDiedMeanwhileSaysSo(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{}, hurried)
	c := r.one(berth.LiveRunning)
	r.sim.Fail(pvesim.Fault{Method: "POST", Path: "/nodes/*/lxc/*/status/reboot", Status: 500, Reason: "CT " + vmidText(c) + " not running"})
	r.wantEnd(r.ask(c, berth.ActionRequest{Action: berth.ActionReboot}), berth.JobFailed, "Proxmox says: CT "+vmidText(c)+" not running")
}
