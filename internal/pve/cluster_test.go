package pve

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/pve/pvesim"
)

// inCluster is a client with all rights on a simulated cluster of three nodes.
func inCluster(t *testing.T, version string) (*pvesim.Sim, *Client) {
	t.Helper()
	sim := newSim(t, version)
	client, err := New(Config{Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint(), Token: sim.Token()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return sim, client
}

// find returns the first container of the cluster that fits.
func find(t *testing.T, c *Client, fits func(ContainerResource) bool) ContainerResource {
	t.Helper()
	r, err := c.Resources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(r.Containers, fits)
	if i < 0 {
		t.Fatal("no container of the simulated cluster fits")
	}
	return r.Containers[i]
}

func stoppedOn(node string) func(ContainerResource) bool {
	return func(c ContainerResource) bool {
		return c.Node == node && c.Status == "stopped" && c.Lock == "" && !c.Template && c.HAState == ""
	}
}

func runningOn(node string) func(ContainerResource) bool {
	return func(c ContainerResource) bool { return c.Node == node && c.Status == "running" && c.HAState == "" }
}

// wait waits for a task that must succeed.
func wait(t *testing.T, c *Client, u UPID, err error) {
	t.Helper()
	if err == nil {
		_, err = c.Wait(t.Context(), u)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestMigratedContainerIsOnTheOtherNode(t *testing.T) {
	t.Parallel()
	_, c := inCluster(t, "9.2")
	ct := find(t, c, runningOn("pve1"))
	check, err := c.CheckMigration(t.Context(), "pve1", ct.VMID)
	if err != nil || !check.Running || !slices.Contains(check.AllowedNodes, "pve2") {
		t.Fatalf("got %+v, %v, want running, and pve2 allowed", check, err)
	}
	u, err := c.Migrate(t.Context(), "pve1", ct.VMID, MigrateRequest{TargetNode: "pve2", Restart: true, Timeout: 5 * time.Second})
	wait(t, c, u, err)
	if _, err := c.ContainerStatus(t.Context(), "pve1", ct.VMID); Classify(err).Kind != KindNoContainer {
		t.Errorf("on the old node: got %v, want no container", err)
	}
	if s, err := c.ContainerStatus(t.Context(), "pve2", ct.VMID); err != nil || s.Name != ct.Name {
		t.Errorf("on the new node: got %+v, %v, want %s", s, err, ct.Name)
	}
}

func TestHAContainerIsRunningWhenTheWaitForItsStartEnds(t *testing.T) {
	t.Parallel()
	_, c := inCluster(t, "9.2")
	ct := find(t, c, func(r ContainerResource) bool { return r.HAState != "" && r.Status == "running" })
	for _, want := range []string{"stopped", "running"} {
		act := func() (UPID, error) { return c.Start(t.Context(), ct.Node, ct.VMID) }
		if want == "stopped" {
			act = func() (UPID, error) { return c.Stop(t.Context(), ct.Node, ct.VMID, StopOptions{}) }
		}
		u, err := act()
		if err != nil || !strings.HasPrefix(u.Type(), "ha") {
			t.Fatalf("got %s, %v, want a task of the HA manager", u, err)
		}
		wait(t, c, u, nil)
		if s, err := c.ContainerStatus(t.Context(), ct.Node, ct.VMID); err != nil || s.Status != want || !s.HA.Managed {
			t.Errorf("got %+v, %v, want it to be %s and managed", s, err, want)
		}
	}
}

func TestOfflineNodeIsNoEmptyNode(t *testing.T) {
	t.Parallel()
	sim, c := inCluster(t, "8.4")
	ct := find(t, c, runningOn("pve2"))
	sim.SetNodeOnline("pve2", false)
	if rows, err := c.Containers(t.Context(), "pve2"); Classify(err).Kind != KindNodeUnreachable || rows != nil {
		t.Errorf("got %d rows, %v, want node unreachable", len(rows), err)
	}
	if _, err := c.Start(t.Context(), "pve2", ct.VMID); Classify(err).Kind != KindNodeUnreachable {
		t.Errorf("start: got %v, want node unreachable", err)
	}
	r, err := c.Resources(t.Context())
	if err != nil || !slices.ContainsFunc(r.Nodes, func(n NodeResource) bool { return n.Node == "pve2" && n.Status == "offline" }) ||
		!slices.ContainsFunc(r.Containers, func(x ContainerResource) bool { return x.VMID == ct.VMID }) {
		t.Errorf("got %+v, %v, want pve2 offline and its containers still listed", r.Nodes, err)
	}
}

func TestWithoutQuorumReadingWorksAndWritingSaysWhy(t *testing.T) {
	t.Parallel()
	sim, c := inCluster(t, "9.2")
	ct := find(t, c, stoppedOn("pve1"))
	sim.SetQuorate(false)
	status, err := c.ClusterStatus(t.Context())
	if err != nil || status.Quorate {
		t.Errorf("got %+v, %v, want no quorum", status, err)
	}
	_, startErr := c.Start(t.Context(), "pve1", ct.VMID)
	changeErr := c.UpdateConfig(t.Context(), "pve1", ct.VMID, ConfigChange{Settings: Settings{MemoryMiB: new(200)}})
	for _, err := range []error{startErr, changeErr} {
		if Classify(err).Kind != KindNoQuorum {
			t.Errorf("got %v, want no quorum", err)
		}
	}
}

func TestMovedVolumeIsOnTheOtherStorage(t *testing.T) {
	t.Parallel()
	_, c := inCluster(t, "9.2")
	ct := find(t, c, stoppedOn("pve1"))
	before, err := c.ContainerConfig(t.Context(), "pve1", ct.VMID, ConfigQuery{})
	if err != nil {
		t.Fatal(err)
	}
	target := "tank"
	if before.RootFS.Storage() == target {
		target = "local-lvm"
	}
	u, err := c.MoveVolume(t.Context(), "pve1", ct.VMID, MoveVolumeRequest{Volume: "rootfs", Storage: target})
	wait(t, c, u, err)
	after, err := c.ContainerConfig(t.Context(), "pve1", ct.VMID, ConfigQuery{})
	if err != nil || after.RootFS.Storage() != target || !slices.Contains([]string{after.Unused[0]}, before.RootFS.Volume) {
		t.Errorf("got root %s and unused %v, %v, want %s and %s", after.RootFS, after.Unused, err, target, before.RootFS.Volume)
	}
}

func TestImagesAreDownloadedAndPulled(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"8.4", "9.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			_, c := inCluster(t, version)
			catalogue, err := c.Appliances(t.Context(), "pve1")
			if err != nil || len(catalogue) == 0 || catalogue[0].Template == "" || catalogue[0].Section == "" {
				t.Fatalf("got %+v, %v, want appliances", catalogue, err)
			}
			u, err := c.DownloadAppliance(t.Context(), "pve1", "local", catalogue[len(catalogue)-1].Template)
			wait(t, c, u, err)
			u, err = c.DownloadImage(t.Context(), "pve1", "local", DownloadRequest{URL: "https://images.example.org/a.tar.zst", FileName: "a.tar.zst"})
			wait(t, c, u, err)
			volumes, err := c.StorageContent(t.Context(), "pve1", "local", ContentQuery{Content: "vztmpl"})
			if err != nil || !slices.ContainsFunc(volumes, func(v Volume) bool { return v.ID == "local:vztmpl/a.tar.zst" }) {
				t.Errorf("got %+v, %v, want the download among them", volumes, err)
			}

			tags, err := c.OCITags(t.Context(), "pve1", "registry.example/library/nginx")
			if version == "8.4" {
				if Classify(err).Kind != KindUnsupported {
					t.Errorf("got %v, want unsupported", err)
				}
				return
			}
			if err != nil || len(tags) == 0 {
				t.Fatalf("got tags %v, %v, want some", tags, err)
			}
			u, err = c.PullOCI(t.Context(), "pve1", "local", "registry.example/library/nginx:"+tags[0], "")
			wait(t, c, u, err)
		})
	}
}

func TestLimitedTokenGetsTheTextOfItsRefusal(t *testing.T) {
	t.Parallel()
	sim, c := inCluster(t, "9.2")
	token, err := c.CreateToken(t.Context(), "root@pam", "limited", TokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	limited, err := New(Config{Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint(), Token: token.Name() + "=" + token.Secret})
	if err != nil {
		t.Fatal(err)
	}
	defer limited.Close()
	_, err = limited.Start(t.Context(), "pve1", 101)
	want := Problem{Kind: KindForbidden, Message: "Permission check failed (/vms/101, VM.PowerMgmt)", Path: "/vms/101", Privileges: []string{"VM.PowerMgmt"}}
	if got := Classify(err); got.Kind != want.Kind || got.Message != want.Message || got.Path != want.Path || !slices.Equal(got.Privileges, want.Privileges) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
