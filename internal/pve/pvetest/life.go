package pvetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/pve"
)

func (e *exercise) lookAround(ctx context.Context, t *testing.T) {
	version, err := e.client.Version(ctx)
	must(t, "version", err)
	t.Logf("Proxmox VE %s", version.Version)
	nodes, err := e.client.Nodes(ctx)
	must(t, "nodes", err)
	if !slices.ContainsFunc(nodes, func(n pve.NodeResource) bool { return n.Node == e.Node && n.Status == "online" }) {
		t.Fatalf("got nodes %+v, want %s to be online", nodes, e.Node)
	}
	resources, err := e.client.Resources(ctx)
	must(t, "resources", err)
	if slices.ContainsFunc(resources.Containers, func(c pve.ContainerResource) bool { return c.VMID == nobody }) {
		t.Fatalf("VMID %d is taken; the exercise needs one that certainly is not", nobody)
	}
	rights, err := e.client.Permissions(ctx)
	must(t, "permissions", err)
	if len(rights) == 0 {
		t.Fatal("the caller has no right at all")
	}
	realms, err := e.client.Realms(ctx)
	must(t, "realms", err)
	if !slices.ContainsFunc(realms, func(r pve.Realm) bool { return r.Name == "pam" }) {
		t.Errorf("got realms %+v, want pam among them", realms)
	}
	certificates, err := e.client.NodeCertificates(ctx, e.Node)
	must(t, "certificates", err)
	if len(certificates) == 0 || certificates[0].NotAfter.IsZero() {
		t.Errorf("got certificates %+v, want some with an end", certificates)
	}
	status, err := e.client.ClusterStatus(ctx)
	cannot(t, "cluster status", err)
	if !slices.ContainsFunc(status.Members, func(m pve.ClusterMember) bool { return m.Node == e.Node && m.Online }) {
		t.Errorf("got members %+v, want %s online", status.Members, e.Node)
	}
	node, err := e.client.NodeStatus(ctx, e.Node)
	cannot(t, "node status", err)
	if node.Memory.TotalBytes <= 0 || node.Uptime <= 0 || node.CPUInfo.CPUs <= 0 || len(node.LoadAvg) != 3 {
		t.Errorf("got node status %+v, want memory, uptime, CPUs and load", node)
	}
}

func (e *exercise) storages(ctx context.Context, t *testing.T) {
	all, err := e.client.Storages(ctx, e.Node, "rootdir")
	must(t, "storages", err)
	if !slices.ContainsFunc(all, func(s pve.StorageStatus) bool { return s.Storage == e.Storage && s.Active }) {
		t.Fatalf("got storages %+v, want %s to be active", all, e.Storage)
	}
	images, _, _ := strings.Cut(e.OSImage, ":")
	content, err := e.client.StorageContent(ctx, e.Node, images, pve.ContentQuery{Content: "vztmpl"})
	must(t, "OS images", err)
	if !slices.ContainsFunc(content, func(v pve.Volume) bool { return v.ID == e.OSImage && v.SizeBytes > 0 }) {
		t.Fatalf("got OS images %+v, want %s among them", content, e.OSImage)
	}
	backups, err := e.client.Storages(ctx, e.Node, "backup")
	must(t, "storages for backups", err)
	if i := slices.IndexFunc(backups, func(s pve.StorageStatus) bool { return s.Active }); i >= 0 {
		e.backup = backups[i]
	}
	bridges, err := e.client.Bridges(ctx, e.Node)
	must(t, "bridges", err)
	if len(bridges) > 0 {
		e.bridge = bridges[0].Name
	}
	_, err = e.client.Appliances(ctx, e.Node)
	must(t, "appliances", err)
}

func (e *exercise) create(ctx context.Context, t *testing.T) {
	vmid, err := e.client.NextID(ctx)
	must(t, "next id", err)
	request := pve.CreateRequest{
		VMID: vmid, OSImage: e.OSImage, Unprivileged: new(true), Password: "berth-" + e.name,
		Settings: pve.Settings{
			Hostname: e.name, Description: new("Füße 日本 🙂; a&b=100%"), Tags: []string{"berth-test", "b"},
			Cores: new(1), MemoryMiB: new(128), SwapMiB: new(0), RootFS: &pve.Mount{Volume: e.Storage + ":1"},
		},
	}
	if e.bridge != "" {
		request.Networks = map[int]pve.Network{0: {Name: "eth0", Bridge: e.bridge, IP: "manual"}}
	}
	task, err := e.client.Create(ctx, e.Node, request)
	must(t, "create", err)
	e.vmid = vmid
	e.forget(e.whole, vmid)
	last := ""
	for line, err := range e.client.FollowLog(ctx, task, 0) {
		must(t, "log of the creation", err)
		last = line.Text
	}
	e.finish(ctx, t, "create", task, nil)
	if last != "TASK OK" && !strings.HasPrefix(last, "TASK WARNINGS") {
		t.Errorf("got last line %q, want TASK OK", last)
	}
	e.checkCreated(ctx, t)
}

func (e *exercise) checkCreated(ctx context.Context, t *testing.T) {
	t.Helper()
	c, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{})
	must(t, "config", err)
	if c.Hostname != e.name || strings.TrimSpace(c.Description) != "Füße 日本 🙂; a&b=100%" || !slices.Equal(c.Tags, []string{"b", "berth-test"}) ||
		c.Cores != 1 || c.MemoryMiB != 128 || c.SwapMiB == nil || *c.SwapMiB != 0 || !c.Unprivileged || c.Digest == "" || c.RootFS.Storage() != e.Storage {
		t.Errorf("got config %+v, want what was asked for", c)
	}
	if e.bridge != "" && (c.Networks[0].Bridge != e.bridge || c.Networks[0].HardwareAddress == "") {
		t.Errorf("got network %s, want bridge %s and a hardware address", c.Networks[0], e.bridge)
	}
	if len(c.Unknown)+len(c.Odd) > 0 {
		t.Errorf("got unknown keys %v and odd values %v, want none", c.Unknown, c.Odd)
	}
}

func (e *exercise) appear(ctx context.Context, t *testing.T) {
	eventually(ctx, t, "container in resources", func() (bool, error) {
		resources, err := e.client.Resources(ctx)
		i := slices.IndexFunc(resources.Containers, func(c pve.ContainerResource) bool { return c.VMID == e.vmid })
		if err != nil || i < 0 {
			return false, err
		}
		row := resources.Containers[i]
		if row.Node != e.Node || len(row.Odd) > 0 {
			t.Fatalf("got row %+v, want node %s", row, e.Node)
		}
		return row.Sampled() && row.Name == e.name && row.Status == "stopped", nil
	})
	rows, err := e.client.Containers(ctx, e.Node)
	must(t, "containers of the node", err)
	if !slices.ContainsFunc(rows, func(c pve.ContainerStatus) bool { return c.VMID == e.vmid && c.Name == e.name && c.Status == "stopped" }) {
		t.Errorf("got %d containers without %d", len(rows), e.vmid)
	}
}

func (e *exercise) start(ctx context.Context, t *testing.T) {
	task, err := e.client.Start(ctx, e.Node, e.vmid)
	e.finish(ctx, t, "start", task, err)
	s, err := e.client.ContainerStatus(ctx, e.Node, e.vmid)
	must(t, "status", err)
	if s.Status != "running" || s.PID == 0 || s.MaxMemoryBytes != 128<<20 || s.HA.Managed {
		t.Errorf("got status %+v, want running with 128 MiB", s)
	}
	eventually(ctx, t, "lo with an address", func() (bool, error) {
		interfaces, err := e.client.Interfaces(ctx, e.Node, e.vmid)
		if pve.Classify(err).Kind == pve.KindUnsupported {
			t.Logf("interfaces: the server says: %v", err)
			return true, nil
		}
		return slices.ContainsFunc(interfaces, func(i pve.Interface) bool { return i.Name == "lo" && len(i.Addresses()) > 0 }), err
	})
}

func (e *exercise) console(ctx context.Context, t *testing.T) {
	console, err := e.client.OpenConsole(ctx, e.Node, e.vmid)
	if errors.Is(err, pve.ErrConsoleRefused) {
		t.Skipf("console: the server says: %v", err)
	}
	cannot(t, "open console", err)
	must(t, "resize", console.Resize(120, 40))
	_, err = io.WriteString(console, "\recho the answer is $((6*7))\r")
	must(t, "type", err)
	stop := context.AfterFunc(ctx, func() { _ = console.Close() })
	defer stop()
	var said strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(said.String(), "the answer is 42") { // the configuration says cmode=shell
		n, err := console.Read(buffer)
		said.Write(buffer[:n])
		if err != nil {
			t.Fatalf("console of %s said only %q: %v", console.User, said.String(), err)
		}
	}
	must(t, "close", console.Close())
	if n, err := console.Read(buffer); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after close: got %d bytes, %v, want EOF", n, err)
	}
}

func (e *exercise) stop(ctx context.Context, t *testing.T) {
	task, err := e.client.Reboot(ctx, e.Node, e.vmid, pve.RebootOptions{Timeout: 5 * time.Second})
	e.finish(ctx, t, "reboot", task, err)
	task, err = e.client.Shutdown(ctx, e.Node, e.vmid, pve.ShutdownOptions{Timeout: 5 * time.Second, ForceStop: true})
	e.finish(ctx, t, "shutdown", task, err)
	task, err = e.client.Stop(ctx, e.Node, e.vmid, pve.StopOptions{})
	e.failsAs(ctx, t, "stop of a stopped container", pve.KindNotRunning, task, err)
	task, err = e.client.Reboot(ctx, e.Node, e.vmid, pve.RebootOptions{})
	e.failsAs(ctx, t, "reboot of a stopped container", pve.KindNotRunning, task, err)
	interfaces, err := e.client.Interfaces(ctx, e.Node, e.vmid)
	if pve.Classify(err).Kind != pve.KindUnsupported && (err != nil || len(interfaces) > 0) {
		t.Errorf("interfaces of a stopped container: got %v, %v, want none", interfaces, err)
	}
}

func (e *exercise) delete(ctx context.Context, t *testing.T) {
	task, err := e.client.Delete(ctx, e.Node, e.vmid, pve.DeleteOptions{Purge: true})
	e.finish(ctx, t, "delete", task, err)
	_, err = e.client.ContainerStatus(ctx, e.Node, e.vmid)
	e.failsAs(ctx, t, "status of a deleted container", pve.KindNoContainer, "", err)
}
