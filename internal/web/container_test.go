package web

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/fleet"
	"berth/internal/pve/pvesim"
)

// partAddress is where a page says that a part of it comes from.
var partAddress = regexp.MustCompile(`data-(?:part|history)="([^"]+)"`)

// The page of a container and each tab of it come without a call to Proxmox; what is loaded after the page takes few.
func TestCallsOfAContainersPage(t *testing.T) {
	t.Parallel()
	s, c := siteAtRest(t)
	client := s.as(berth.RoleOperator)
	calls := func() (n int) {
		for _, r := range s.sim.Requests() {
			if strings.Contains(r.Path, fmt.Sprintf("/lxc/%d/", c.VMID)) || strings.HasSuffix(r.Path, "/tasks") && r.Params["vmid"] == strconv.Itoa(c.VMID) {
				n++
			}
		}
		return n
	}
	for tab, most := range map[string]int{"": 3, "/events": 1, "/snapshots": 2, "/config": 2, "/console": 0} {
		before := calls()
		page := s.do(client, http.MethodGet, containerPath(c)+tab, nil)
		if page.StatusCode != http.StatusOK || !strings.Contains(page.body, c.Hostname) {
			t.Fatalf("the page at %q is %s: %s", tab, page.Status, page.body)
		}
		if n := calls() - before; n != 0 {
			t.Errorf("the page at %q took %d calls before it was there", tab, n)
		}
		for _, match := range partAddress.FindAllStringSubmatch(page.body, -1) {
			address := html.UnescapeString(match[1])
			if strings.HasSuffix(address, "/history") {
				address += "?span=hour"
			}
			if part := s.do(client, http.MethodGet, address, http.Header{"Hx-Request": {"true"}}); part.StatusCode != http.StatusOK {
				t.Errorf("the part at %s is %s: %s", address, part.Status, part.body)
			}
		}
		if n := calls() - before; n > most || most > 0 && n == 0 {
			t.Errorf("what is loaded after the page at %q took %d calls, want 1 to %d", tab, n, most)
		}
	}
}

// A node that does not answer delays no page: each comes with what is known before anybody has given up waiting.
func TestPageOfAContainerWhoseNodeHangs(t *testing.T) {
	t.Parallel()
	s, c := siteAtRest(t)
	client := s.as(berth.RoleOperator)
	s.sim.Fail(pvesim.Fault{Path: "/nodes/", Hang: true})
	for _, tab := range []string{"", "/events", "/snapshots", "/backups", "/config", "/console"} { // the client waits 10 s, a call to Proxmox longer
		if page := s.do(client, http.MethodGet, containerPath(c)+tab, nil); page.StatusCode != http.StatusOK || !strings.Contains(page.body, c.Hostname) {
			t.Errorf("the page at %q is %s", tab, page.Status)
		}
	}
}

// siteAtRest gives a site whose poller has read a container and will not read it again for an hour.
func siteAtRest(t *testing.T) (*site, *berth.Container) {
	t.Helper()
	pace := fleet.DefaultPace()
	pace.FirstFill, pace.Reads, pace.Addresses = time.Millisecond, time.Hour, time.Hour
	s := siteWithContainersAt(t, pace)
	insides, _ := s.sides()
	c := insides[0]
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	path := fmt.Sprintf("/nodes/%s/lxc/%d/", c.Node, c.VMID)
	for s.sim.CallsTo(path+"config") == 0 || s.sim.CallsTo(path+"interfaces") == 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the container is not read")
		}
	}
	return s, c
}
