package pvetest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"berth/internal/pve"
	"berth/internal/pve/pvesim"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExerciseSimulatedServers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		version string
		login   bool
		skipped []string
	}{
		"7.4 with a token":  {"7.4", false, []string{"console"}},
		"8.4 with a token":  {"8.4", false, []string{"console"}},
		"8.4 with a ticket": {"8.4", true, nil},
		"9.2 with a token":  {"9.2", false, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, err := pvesim.New(pvesim.Options{Seed: 1, Version: test.version, Containers: 6, TaskTime: 20 * time.Millisecond, StatisticsCycle: 100 * time.Millisecond, AuthDelay: -1})
			if err != nil {
				t.Fatal(err)
			}
			if err := sim.Start("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sim.Close)
			second := func(token string) (*pve.Client, error) {
				return pve.New(pve.Config{Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint(), Token: token})
			}
			client, err := second(sim.Token())
			if test.login {
				client, err = pve.New(pve.Config{Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint(), Login: &pve.Login{User: "root@pam", Password: "berth-demo"}})
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			before := guests(t, client)
			t.Cleanup(func() { // after the cleaning up of Exercise itself
				if after := guests(t, client); !slices.Equal(before, after) {
					t.Errorf("got guests %v after the exercise, want %v as before", after, before)
				}
			})
			skipped := Exercise(t, client, Where{Node: "pve1", Storage: rootStorage(t, client), OSImage: image(t, client), Second: second})
			if !slices.Equal(skipped, test.skipped) {
				t.Errorf("skipped %q, want %q", skipped, test.skipped)
			}
		})
	}
}

// TestExerciseRealServer runs against a server that the environment names. It makes containers and removes them again.
func TestExerciseRealServer(t *testing.T) {
	env := func(name string) string { return os.Getenv("BERTH_TEST_PVE_" + name) }
	if env("URL") == "" {
		t.Skip("BERTH_TEST_PVE_URL is not set")
	}
	connect := func(token string) (*pve.Client, error) {
		return pve.New(pve.Config{Endpoints: []string{env("URL")}, Fingerprint: env("FINGERPRINT"), Token: token})
	}
	client, err := connect(env("TOKEN"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	Exercise(t, client, Where{Node: env("NODE"), Storage: env("STORAGE"), OSImage: env("OSIMAGE"), Second: connect})
}

// guests lists what is there, by the live list of each node.
func guests(t *testing.T, client *pve.Client) []string {
	t.Helper()
	ctx := context.Background() // also used after the test
	nodes, err := client.Nodes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, n := range nodes {
		rows, err := client.Containers(ctx, n.Node)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			all = append(all, fmt.Sprintf("%s/%d %s", n.Node, row.VMID, row.Name))
		}
	}
	slices.Sort(all)
	return all
}

func rootStorage(t *testing.T, client *pve.Client) string {
	t.Helper()
	all, err := client.Storages(t.Context(), "pve1", "rootdir")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s pve.StorageStatus) bool { return s.Active && !s.Shared })
	if i < 0 {
		t.Fatalf("got storages %+v, want an active one of the node", all)
	}
	return all[i].Storage
}

func image(t *testing.T, client *pve.Client) string {
	t.Helper()
	all, err := client.StorageContent(t.Context(), "pve1", "local", pve.ContentQuery{Content: "vztmpl"})
	if err != nil || len(all) == 0 {
		t.Fatalf("got OS images %+v, %v, want some", all, err)
	}
	return all[0].ID
}
