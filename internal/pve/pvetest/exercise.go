// Package pvetest exercises the client of the Proxmox VE API against a server, real or simulated.
//
// [Exercise] makes containers, does with them everything that the client can do, and removes them again. It touches no
// guest, volume or token that it did not make itself. What a server cannot do, such as snapshots on a plain directory,
// is skipped with the reason that the server gave.
package pvetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/internal/pve"
)

// Where says where Exercise may work.
type Where struct {
	Node    string
	Storage string // for the disks of containers
	OSImage string // volume id of an OS image that boots in a few seconds, such as one of Alpine
	// Second makes a client of the same cluster with another API token. If it is nil, refusals for missing privileges
	// are not provoked.
	Second func(token string) (*pve.Client, error)
}

// exercise is the state that the steps share.
type exercise struct {
	Where
	client *pve.Client
	whole  *testing.T        // the test around the steps
	vmid   int               // of the container that is worked on
	name   string            // its host name
	bridge string            // empty if there is none that may be used
	backup pve.StorageStatus // a storage for backups; empty if there is none
}

// patience bounds a single step.
const patience = 2 * time.Minute

// Exercise goes through a container's life, one subtest a step, in the order in which a person would. Later steps need
// what earlier ones made, so it ends at the first step that fails. It returns the names of the skipped steps.
func Exercise(t *testing.T, client *pve.Client, where Where) (skipped []string) {
	e := &exercise{Where: where, client: client, whole: t, name: fmt.Sprintf("berth-test-%d", time.Now().Unix()%1_000_000)}
	steps := []struct {
		name string
		run  func(context.Context, *testing.T)
	}{
		{"look around", e.lookAround},
		{"storages and bridges", e.storages},
		{"create", e.create},
		{"appear in resources", e.appear},
		{"configure while stopped", e.configure},
		{"start", e.start},
		{"change while running", e.changeRunning},
		{"console", e.console},
		{"errors while running", e.errorsWhileRunning},
		{"stop", e.stop},
		{"snapshots", e.snapshots},
		{"resize", e.resize},
		{"back up and restore", e.backUpAndRestore},
		{"abort a task", e.abort},
		{"clone", e.clone},
		{"firewall", e.firewall},
		{"history and tasks", e.history},
		{"errors", e.errors},
		{"protection", e.protection},
		{"missing privileges", e.privileges},
		{"delete", e.delete},
	}
	for _, step := range steps {
		passed := t.Run(step.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			defer func() {
				if t.Skipped() {
					skipped = append(skipped, step.name)
				}
			}()
			step.run(ctx, t)
		})
		if !passed {
			break
		}
	}
	return skipped
}

// must ends the step if a call failed.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// finish waits for a task that must succeed.
func (e *exercise) finish(ctx context.Context, t *testing.T, what string, task pve.UPID, err error) {
	t.Helper()
	must(t, what, err)
	if _, err := e.client.Wait(ctx, task); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, e.log(ctx, task))
	}
}

// log is the log of a task, for messages.
func (e *exercise) log(ctx context.Context, task pve.UPID) string {
	var b strings.Builder
	lines, err := e.client.TaskLog(ctx, task, 0, 0)
	for _, line := range lines {
		fmt.Fprintf(&b, "  %s\n", line.Text)
	}
	if err != nil {
		fmt.Fprintf(&b, "  (%v)\n", err)
	}
	return b.String()
}

// failsAs checks that a call, or the task that it started, fails in a certain way.
func (e *exercise) failsAs(ctx context.Context, t *testing.T, what string, want pve.Kind, task pve.UPID, err error) pve.Problem {
	t.Helper()
	if err == nil && task != "" {
		_, err = e.client.Wait(ctx, task)
	}
	got := pve.Classify(err)
	if got.Kind != want {
		t.Errorf("%s: got %q (%v), want %q", what, got.Kind, err, want)
	}
	return got
}

// eventually polls until a condition holds.
func eventually(ctx context.Context, t *testing.T, what string, condition func() (bool, error)) {
	t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := condition()
		must(t, what, err)
		if ok {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// cannot skips the step if a failure says that the server has no such thing.
func cannot(t *testing.T, what string, err error) {
	t.Helper()
	if kind := pve.Classify(err).Kind; kind == pve.KindUnsupported || kind == pve.KindForbidden {
		t.Skipf("%s: the server says: %v", what, err)
	}
	must(t, what, err)
}

// forget removes a container at the end of t, whatever state it is in.
func (e *exercise) forget(t *testing.T, vmid int) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := e.client.UpdateConfig(ctx, e.Node, vmid, pve.ConfigChange{Settings: pve.Settings{Protection: new(false)}})
		if pve.Classify(err).Kind == pve.KindNoContainer {
			return
		}
		task, err := e.client.Delete(ctx, e.Node, vmid, pve.DeleteOptions{Force: true, Purge: true})
		if err == nil {
			_, err = e.client.Wait(ctx, task)
		}
		if err != nil && pve.Classify(err).Kind != pve.KindNoContainer {
			t.Errorf("container %d on %s is left behind: %v", vmid, e.Node, err)
		}
	})
}
