package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// otherProcess is the environment variable that makes the test program open a store instead of testing: it holds the
// name of the cluster to add.
const otherProcess = "BERTH_STORE_TEST_PROCESS"

// runOtherProcess says that it is up, waits until its input ends, opens the store and adds a cluster, which needs the key.
func runOtherProcess() int {
	fmt.Println("up")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Println(err)
		return 1
	}
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{DataDir: os.Args[1], Database: os.Args[2]})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	name := os.Getenv(otherProcess)
	_, err = s.AddCluster(ctx, berth.Actor{Name: "system", Source: "cli"}, berth.Cluster{Name: name, Endpoints: []string{"https://pve:8006"}, TokenID: "a@pve!b"}, "secret of "+name)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if err := s.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestProcessesOpenTheSameNewDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	t.Run(storetest.SQLite, func(t *testing.T) {
		t.Parallel()
		openAtOnce(t, store.Options{DataDir: t.TempDir()})
	})
	t.Run(storetest.Postgres, func(t *testing.T) {
		t.Parallel()
		openAtOnce(t, store.Options{DataDir: t.TempDir(), Database: storetest.EmptyPostgresURL(t)})
	})
}

func openAtOnce(t *testing.T, o store.Options) {
	names := []string{"alpha", "beta", "gamma"}
	var finish []func()
	var starts []io.Closer
	for _, name := range names {
		start, wait := startProcess(t, o, name)
		starts, finish = append(starts, start), append(finish, wait)
	}
	for _, start := range starts {
		if err := start.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, wait := range finish {
		wait()
	}
	s := storetest.OpenWith(t, o)
	var got []string
	for _, c := range must(s.Clusters(t.Context()))(t) {
		got = append(got, must(s.ClusterSecret(t.Context(), c.ID))(t))
	}
	wantEqual(t, got, []string{"secret of alpha", "secret of beta", "secret of gamma"})
}

// startProcess runs this program as another process and waits until it is up. Closing start lets it go on.
func startProcess(t *testing.T, o store.Options, cluster string) (start io.Closer, wait func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), must(os.Executable())(t), o.DataDir, o.Database)
	cmd.Env = append(os.Environ(), otherProcess+"="+cluster)
	in := must(cmd.StdinPipe())(t)
	out := bufio.NewReader(must(cmd.StdoutPipe())(t))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line := must(out.ReadString('\n'))(t); line != "up\n" {
		t.Fatalf("the other process says %q, want up", line)
	}
	return in, func() {
		said := must(io.ReadAll(out))(t)
		if err := cmd.Wait(); err != nil {
			t.Errorf("process for %s: %v: %s", cluster, err, said)
		}
	}
}
