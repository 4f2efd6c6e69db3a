package fleet

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth"
	"berth/internal/pve"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestAddressesAreThoseOfConfiguredInterfaces(t *testing.T) {
	t.Parallel()
	eth0, eth1 := "bc:24:11:00:00:01", "bc:24:11:00:00:02"
	in := func(name, mac string, addresses ...string) pve.Interface {
		i := pve.Interface{Name: name, HardwareAddress: mac}
		for _, a := range addresses {
			p := netip.MustParsePrefix(a)
			i.Details = append(i.Details, pve.InterfaceRange{Address: p.Addr(), Prefix: p.Bits()})
		}
		return i
	}
	lo := in("lo", "00:00:00:00:00:00", "127.0.0.1/8", "::1/128")
	docker := in("docker0", "02:42:ac:11:00:01", "172.17.0.1/16")
	for name, test := range map[string]struct {
		nics   []store.NIC
		inside []pve.Interface
		want   string
	}{
		"static": {[]store.NIC{{Name: "eth0", MAC: eth0, IP: "10.0.3.5/24", IP6: "2001:db8::5/64"}},
			[]pve.Interface{lo, in("eth0", eth0, "2001:db8::5/64", "fe80::1/64", "10.0.3.5/24")}, "eth0 10.0.3.5/24 static, eth0 2001:db8::5/64 static"},
		"dhcp and router advertisement": {[]store.NIC{{Name: "eth0", MAC: eth0, IP: "dhcp", IP6: "auto"}},
			[]pve.Interface{lo, in("eth0", eth0, "10.0.3.7/24", "2001:db8::a/64", "2001:db8::b/64")}, "eth0 10.0.3.7/24 dhcp, eth0 2001:db8::a/64 dhcp, eth0 2001:db8::b/64 dhcp"},
		"inner interfaces are left out": {[]store.NIC{{Name: "eth0", MAC: eth0, IP: "dhcp"}},
			[]pve.Interface{lo, docker, in("wg0", "", "10.9.0.1/24"), in("eth0", eth0, "10.0.3.7/24", "169.254.1.1/16")}, "eth0 10.0.3.7/24 dhcp"},
		"a bridge inside that took the address": {[]store.NIC{{Name: "eth0", MAC: eth0, IP: "manual"}},
			[]pve.Interface{in("eth0", eth0), in("br0", strings.ToUpper(eth0), "10.0.3.8/24")}, "br0 10.0.3.8/24 static"},
		"several, in the order of the configuration": {[]store.NIC{{Name: "eth0", MAC: eth0, IP: "dhcp"}, {Name: "eth1", MAC: eth1, IP: "10.1.0.2/16"}},
			[]pve.Interface{in("eth1", eth1, "10.1.0.2/16"), in("eth0", eth0, "10.0.3.7/24")}, "eth0 10.0.3.7/24 dhcp, eth1 10.1.0.2/16 static"},
		"without a configuration": {nil, []pve.Interface{lo, docker, in("eth0", eth0, "10.0.3.7/24")}, "eth0 10.0.3.7/24 "},
		"nothing yet":             {[]store.NIC{{Name: "eth0", MAC: eth0, IP: "dhcp"}}, []pve.Interface{lo, in("eth0", eth0, "fe80::1/64")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, addressText(addressesOf(test.nics, test.inside))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func addressText(all []berth.Address) string {
	parts := make([]string, len(all))
	for i, a := range all {
		parts[i] = a.Interface + " " + a.Prefix.String() + " " + string(a.Source)
	}
	return strings.Join(parts, ", ")
}

func told(n int) func(*Snapshot) bool {
	return func(s *Snapshot) bool { return answering(n)(s) && allTold(s) }
}

func TestAddressesSurviveARestartAlsoOfDiscoveredContainers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{})
		r := run(t, s, quick)
		before := r.wait("all have told", told(40))
		r.stop()
		sim.Stop()
		again := run(t, s, quick)
		for _, want := range before.Clusters[0].Containers {
			got := again.container(want.VMID)
			if len(want.Addresses) > 0 && (addressText(got.Addresses) != addressText(want.Addresses) || got.OSType != want.OSType) {
				t.Errorf("container %d has %q and %q after the restart, want %q and %q", want.VMID, addressText(got.Addresses), got.OSType, addressText(want.Addresses), want.OSType)
			}
		}
	})
}

func TestStoppedContainersAndTemplatesShowWhatIsConfigured(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	r := run(t, s, quick)
	snapshot := r.wait("all have told", told(40))
	templates := 0
	for _, c := range snapshot.Clusters[0].Containers {
		for _, a := range c.Addresses {
			if c.Live == berth.LiveStopped && a.Source != berth.AddressStatic {
				t.Errorf("stopped container %d shows %v", c.VMID, a)
			}
		}
		if c.PVETemplate {
			templates++
		}
	}
	if templates == 0 {
		t.Error("no container is marked as a template")
	}
	for _, request := range sim.Requests() {
		if c := r.containerAt(request.Path); c != nil && c.Live == berth.LiveStopped && strings.HasSuffix(request.Path, "/interfaces") {
			t.Errorf("%s was asked of a stopped container", request.Path)
		}
	}
}

// containerAt is the container of a request's path; nil if it is about none.
func (r *rig) containerAt(path string) *berth.Container {
	for _, c := range r.Snapshot().Clusters[0].Containers {
		if strings.HasPrefix(path, pathOf(c)+"/") {
			return c
		}
	}
	return nil
}

func TestConfigurationThatMayNotBeReadLeavesTheAddresses(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	sim.Fail(pvesim.Fault{Path: "/nodes/{node}/lxc/{vmid}/config", Status: 403, Reason: "Permission check failed (/vms/100, VM.Config.Options)"})
	r := run(t, s, quick)
	r.wait("the running ones have told", func(s *Snapshot) bool {
		for _, c := range s.Clusters[0].Containers {
			if c.Live == berth.LiveRunning && len(c.Addresses) == 0 {
				return false
			}
		}
		return answering(40)(s)
	})
}

func TestServerThatCannotTellAddressesLeavesTheConfiguredOnes(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{Version: "7.4", Nodes: 2})
	r := run(t, s, quick)
	snapshot := r.wait("all configurations are read", func(s *Snapshot) bool {
		for _, c := range s.Clusters[0].Containers {
			if c.OSType == "" {
				return false
			}
		}
		return answering(40)(s)
	})
	static := 0
	for _, c := range snapshot.Clusters[0].Containers {
		static += len(c.Addresses)
	}
	if static == 0 {
		t.Error("no configured address is shown")
	}
	if calls := sim.CallsTo("/nodes/{node}/lxc/{vmid}/interfaces"); calls > 2*readsAtNode {
		t.Errorf("%d calls for addresses to two nodes that do not know the call", calls)
	}
}

func TestContainerThatStartsTellsItsLeaseSoon(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{Speed: 20, TaskTime: time.Second})
	r := run(t, s, quick)
	snapshot := r.wait("all have told", told(40))
	i := 0
	for c := snapshot.Clusters[0].Containers; c[i].Status != berth.StatusStopped || len(c[i].Addresses) > 0 || c[i].PVETemplate || c[i].Lock != ""; i++ {
	}
	c := snapshot.Clusters[0].Containers[i]
	if _, err := simClient(t, sim).Start(t.Context(), c.Node, c.VMID); err != nil {
		t.Fatal(err)
	}
	r.wait("it has an address by DHCP", func(s *Snapshot) bool {
		got, _ := s.Find("home", c.VMID)
		return got.Status == berth.StatusRunning && len(got.Addresses) > 0 && got.Addresses[0].Source == berth.AddressDynamic
	})
}

func TestContainersOnSomebodysScreenAreKeptFresh(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	sim := simulate(t, s, pvesim.Options{})
	clock := &jumpingClock{}
	r := runWith(t, s, quick, clock.now)
	const interfaces = "/nodes/{node}/lxc/{vmid}/interfaces"
	shown := firstWith(r.wait("all have told", told(40)), berth.StatusRunning)
	r.wait("those with configured addresses were asked too", func(s *Snapshot) bool { return sim.CallsTo(interfaces) >= s.Counts.Running })
	watcher := r.Watch()
	defer watcher.Close()
	watcher.Show([]string{shown.Key()})
	sim.ResetCalls()
	clock.jump(addressesForShown + time.Second)
	r.Refresh()
	path := pathOf(shown) + "/interfaces"
	r.wait("the one on the screen is asked", func(*Snapshot) bool { return sim.CallsTo(path) > 0 })
	lists := sim.CallsTo("/cluster/resources")
	r.wait("a while has passed", func(*Snapshot) bool { return sim.CallsTo("/cluster/resources") > lists+3 })
	if all, its := sim.CallsTo(interfaces), sim.CallsTo(path); all != 1 || its != 1 {
		t.Errorf("%d calls for addresses, %d of them for the one on the screen; want just that one", all, its)
	}
}

func pathOf(c *berth.Container) string {
	return "/nodes/" + c.Node + "/lxc/" + strings.TrimPrefix(c.Key(), "home/")
}
