package pvetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/pve"
)

func (e *exercise) history(ctx context.Context, t *testing.T) {
	points, err := e.client.ContainerHistory(ctx, e.Node, e.vmid, pve.HistoryQuery{Span: "hour"})
	if pve.Classify(err).Kind != pve.KindNotFound { // it may be too young to have any
		must(t, "history", err)
		t.Logf("%d points of history", len(points))
	}
	nodePoints, err := e.client.NodeHistory(ctx, e.Node, pve.HistoryQuery{Span: "hour"})
	if must(t, "history of the node", err); len(nodePoints) == 0 || nodePoints[0].Time.IsZero() {
		t.Errorf("got %d points of the node, want some with times", len(nodePoints))
	}
	rows, err := e.client.NodeTasks(ctx, e.Node, pve.TaskQuery{VMID: e.vmid, Source: "all"})
	must(t, "tasks", err)
	i := slices.IndexFunc(rows, func(r pve.TaskRow) bool { return r.Type == "vzstart" })
	if i < 0 || rows[i].Running() || rows[i].Err() != nil || rows[i].EndTime.Before(rows[i].StartTime) {
		t.Fatalf("got tasks %+v, want a start that succeeded", rows)
	}
	_, err = e.client.ClusterTasks(ctx)
	must(t, "cluster tasks", err)
	_, err = e.client.ClusterLog(ctx, 10)
	must(t, "cluster log", err)
	_, err = e.client.ClusterOptions(ctx)
	must(t, "cluster options", err)
	_, err = e.client.Pools(ctx)
	must(t, "pools", err)
	_, err = e.client.BackupJobs(ctx)
	cannot(t, "backup jobs", err)
	uncovered, err := e.client.NotBackedUp(ctx)
	cannot(t, "guests without backup jobs", err)
	t.Logf("%d guests without backup jobs", len(uncovered))
}

func (e *exercise) errorsWhileRunning(ctx context.Context, t *testing.T) {
	task, err := e.client.Start(ctx, e.Node, e.vmid)
	e.failsAs(ctx, t, "start of a running container", pve.KindAlreadyRunning, task, err)
	task, err = e.client.Delete(ctx, e.Node, e.vmid, pve.DeleteOptions{})
	e.failsAs(ctx, t, "delete of a running container", pve.KindMustBeStopped, task, err)
	task, err = e.client.Clone(ctx, e.Node, e.vmid, pve.CloneRequest{NewID: 999999998, Full: true})
	e.failsAs(ctx, t, "clone of a running container", pve.KindMustBeStopped, task, err)
}

// nobody is a VMID that no guest has, the largest one; lookAround makes sure of that.
const nobody = 999999999

// creation is a request that would work.
func (e *exercise) creation(change func(*pve.CreateRequest)) pve.CreateRequest {
	r := pve.CreateRequest{VMID: nobody, OSImage: e.OSImage, Unprivileged: new(true), Settings: pve.Settings{RootFS: &pve.Mount{Volume: e.Storage + ":1"}}}
	change(&r)
	return r
}

func (e *exercise) errors(ctx context.Context, t *testing.T) {
	for _, test := range e.badCreations() {
		task, err := e.client.Create(ctx, e.Node, e.creation(test.change))
		problem := e.failsAs(ctx, t, test.name, test.kind, task, err)
		if _, named := problem.Fields[test.field]; test.field != "" && !named {
			t.Errorf("%s: got fields %v, want %s", test.name, problem.Fields, test.field)
		}
	}
	for _, test := range e.badCalls() {
		e.failsAs(ctx, t, test.name, test.kind, "", test.call(ctx))
	}
	task, err := e.client.DeleteSnapshot(ctx, e.Node, e.vmid, "nope", false)
	e.failsAs(ctx, t, "delete of an unknown snapshot", pve.KindNotFound, task, err)
	task, err = e.client.CreateSnapshot(ctx, e.Node, e.vmid, "1 bad", "")
	if p := e.failsAs(ctx, t, "bad snapshot name", pve.KindInvalid, task, err); p.Fields["snapname"] == "" {
		t.Errorf("bad snapshot name: got fields %v, want snapname", p.Fields)
	}
}

type badCreation struct {
	name   string
	kind   pve.Kind
	field  string // of Problem.Fields
	change func(*pve.CreateRequest)
}

func (e *exercise) badCreations() []badCreation {
	return []badCreation{
		{"VMID that is taken", pve.KindExists, "", func(r *pve.CreateRequest) { r.VMID = e.vmid }},
		{"VMID that is too small", pve.KindInvalid, "vmid", func(r *pve.CreateRequest) { r.VMID = 5 }},
		{"host name with a space", pve.KindInvalid, "hostname", func(r *pve.CreateRequest) { r.Hostname = "a b" }},
		{"too little memory", pve.KindInvalid, "memory", func(r *pve.CreateRequest) { r.MemoryMiB = new(1) }},
		{"short password", pve.KindInvalid, "password", func(r *pve.CreateRequest) { r.Password = "abc" }},
		{"bad address", pve.KindInvalid, "net0", func(r *pve.CreateRequest) {
			r.Networks = map[int]pve.Network{0: {Name: "eth0", Bridge: "vmbr0", IP: "300.0.0.1/24"}}
		}},
		{"unknown storage", pve.KindNotFound, "", func(r *pve.CreateRequest) { r.RootFS.Volume = "berth-nosuch:1" }},
		{"unknown OS image", pve.KindNotFound, "", func(r *pve.CreateRequest) { r.OSImage += ".nosuch.tar.gz" }},
		{"unknown pool", pve.KindForbidden, "", func(r *pve.CreateRequest) { r.Pool = "berth-nosuch" }},
		{"no OS image", pve.KindInvalid, "ostemplate", func(r *pve.CreateRequest) { r.OSImage = "" }},
	}
}

type badCall struct {
	name string
	kind pve.Kind
	call func(context.Context) error
}

func (e *exercise) badCalls() []badCall {
	unknown := pve.UPID("UPID:" + e.Node + ":00000001:00000001:60000000:vzstart:100:root@pam:")
	return []badCall{
		{"status of nobody", pve.KindNoContainer, func(ctx context.Context) error { _, err := e.client.ContainerStatus(ctx, e.Node, nobody); return err }},
		{"config of nobody", pve.KindNoContainer, func(ctx context.Context) error {
			_, err := e.client.ContainerConfig(ctx, e.Node, nobody, pve.ConfigQuery{})
			return err
		}},
		{"snapshots of nobody", pve.KindNoContainer, func(ctx context.Context) error { _, _, err := e.client.Snapshots(ctx, e.Node, nobody); return err }},
		{"delete of nobody", pve.KindNoContainer, func(ctx context.Context) error {
			_, err := e.client.Delete(ctx, e.Node, nobody, pve.DeleteOptions{})
			return err
		}},
		{"unknown node", pve.KindNodeUnreachable, func(ctx context.Context) error { _, err := e.client.Containers(ctx, "berth-nosuch"); return err }},
		{"content of an unknown storage", pve.KindNotFound, func(ctx context.Context) error {
			_, err := e.client.StorageContent(ctx, e.Node, "berth-nosuch", pve.ContentQuery{})
			return err
		}},
		{"unknown task", pve.KindNotFound, func(ctx context.Context) error { _, err := e.client.TaskStatus(ctx, unknown); return err }},
		{"unknown span of history", pve.KindInvalid, func(ctx context.Context) error {
			_, err := e.client.ContainerHistory(ctx, e.Node, e.vmid, pve.HistoryQuery{Span: "eon"})
			return err
		}},
		{"unset of an unknown key", pve.KindInvalid, func(ctx context.Context) error {
			return e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Delete: []string{"nope"}})
		}},
		{"unset of the root file system", pve.KindInvalid, func(ctx context.Context) error {
			return e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Delete: []string{"rootfs"}})
		}},
		{"empty change", pve.KindInvalid, func(ctx context.Context) error { return e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{}) }},
		{"bad tag", pve.KindInvalid, func(ctx context.Context) error {
			return e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Settings: pve.Settings{Tags: []string{"bad!"}}})
		}},
		{"migration to an unknown node", pve.KindNotFound, func(ctx context.Context) error {
			_, err := e.client.Migrate(ctx, e.Node, e.vmid, pve.MigrateRequest{TargetNode: "berth-nosuch"})
			return err
		}},
		{"unknown appliance", pve.KindNotFound, func(ctx context.Context) error {
			_, err := e.client.DownloadAppliance(ctx, e.Node, e.imageStorage(), "berth-nosuch")
			return err
		}},
	}
}

// imageStorage is the storage of the OS image.
func (e *exercise) imageStorage() string {
	storage, _, _ := strings.Cut(e.OSImage, ":")
	return storage
}

// privileges makes a token without any right for the user of the client and checks that it is refused.
func (e *exercise) privileges(ctx context.Context, t *testing.T) {
	if e.Second == nil {
		t.Skip("no way to make a second client")
	}
	token, err := e.client.CreateToken(ctx, "root@pam", e.name, pve.TokenRequest{Comment: "for a test", Expires: time.Now().Add(time.Hour)})
	cannot(t, "make a token", err)
	defer func() {
		must(t, "delete the token", e.client.DeleteToken(context.WithoutCancel(ctx), "root@pam", e.name))
	}()
	list, err := e.client.Tokens(ctx, "root@pam")
	must(t, "tokens", err)
	i := slices.IndexFunc(list, func(i pve.TokenInfo) bool { return i.ID == e.name })
	if i < 0 || !list[i].PrivilegeSeparation || list[i].Expires.IsZero() {
		t.Errorf("got tokens %+v, want the new one, with an end", list)
	}
	second, err := e.Second(token.Name() + "=" + token.Secret)
	must(t, "second client", err)
	defer second.Close()
	_, err = second.ContainerStatus(ctx, e.Node, e.vmid)
	if p := e.failsAs(ctx, t, "status without a right", pve.KindForbidden, "", err); p.Path == "" || !slices.Equal(p.Privileges, []string{"VM.Audit"}) {
		t.Errorf("got %+v, want path and VM.Audit", p)
	}
	rights, err := second.PermissionsAt(ctx, "/vms")
	if must(t, "permissions", err); rights.Has("/vms", "VM.Audit") {
		t.Errorf("got rights %v, want none", rights)
	}
	resources, err := second.Resources(ctx)
	if must(t, "resources", err); len(resources.Containers) != 0 || len(resources.Nodes) == 0 {
		t.Errorf("got %d containers and %d nodes, want none and some", len(resources.Containers), len(resources.Nodes))
	}
}
