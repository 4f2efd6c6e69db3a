package fleet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestCreationsSurviveKill9(t *testing.T) {
	t.Parallel()
	made := moment{name: "just before the order gets there", method: "POST", part: "/lxc?", early: true}
	lost := moment{name: "before it learns of the order's task", method: "POST", part: "/lxc?"}
	late := moment{name: "while its order waits in the queue of Proxmox", method: "POST", part: "/lxc?", late: true}
	starting := moment{name: "before it learns of the start's task", method: "POST", part: "/status/start?"}
	for _, c := range []struct {
		database string
		moment   moment
	}{
		{storetest.SQLite, made},
		{storetest.SQLite, lost},
		{storetest.SQLite, late},
		{storetest.SQLite, waiting},
		{storetest.SQLite, starting},
		{storetest.Postgres, lost},
		{storetest.Postgres, waiting},
	} {
		t.Run(fmt.Sprintf("%s on %s", c.moment.name, c.database), func(t *testing.T) {
			t.Parallel()
			surviveKilledCreation(t, storetest.Options(t, c.database), c.moment)
		})
	}
}

func surviveKilledCreation(t *testing.T, o store.Options, m moment) {
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Cluster: "home", TaskTime: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s := storetest.OpenWith(t, o)
	spec := newSpec(t, sim, 990)
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	k := killProxy(t, s, sim, m, "990")
	key := berth.ContainerKey("home", 990)
	killOtherBerth(t, o, berth.ActionRequest{Action: berth.ActionCreate}, key, k, otherSpec+"="+string(text))

	r := resume(t, s, hurried)
	r.sim = sim
	active, err := s.JobsOfSubject(t.Context(), key, 10)
	if err != nil || len(active) != 1 {
		t.Fatalf("after the crash there are jobs %+v (%v), want one", active, err)
	}
	r.wantEnd(active[0], berth.JobSucceeded, "fresh is there and running.")
	accepted := 0 // one that comes after a late one is refused
	for _, q := range sim.Requests() {
		if q.Method == "POST" && strings.HasSuffix(q.Path, "/lxc") && q.Status == http.StatusOK {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d accepted requests for one container", accepted)
	}
	r.wait("it is ready", func(s *Snapshot) bool {
		c, found := s.Find("home", 990)
		return found && c.Lifecycle == berth.LifecycleReady && c.Status == berth.StatusRunning
	})
	r.wantNothingHeld()
}
