package store_test

import (
	"bytes"
	"fmt"
	"testing"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// fill tracks 10,000 containers in the cluster, each third with two services. It writes past the store, for speed.
func fill(b *testing.B, o store.Options, c berth.Cluster) {
	b.Helper()
	tx := must(raw(b, o).BeginTx(b.Context(), nil))(b)
	defer tx.Rollback()
	run := func(statement string, args ...any) { must(tx.ExecContext(b.Context(), statement, args...))(b) }
	for i := range 10_000 {
		id := fmt.Sprintf("01990000-0000-7000-8000-%012d", i)
		run("INSERT INTO containers (id, cluster_id, vmid, node, hostname, lifecycle, created_at, updated_at) VALUES ($1, $2, $3, 'pve1', $4, 'ready', 0, 0)", id, c.ID, 100+i, fmt.Sprintf("web%d", i))
		for _, name := range []string{"nginx", "redis"} {
			if i%3 == 0 {
				run("INSERT INTO services (id, container_id, name, kind, port, web_url, status, created_at, updated_at) VALUES ($1, $2, $3, 'systemd', 80, 'http://10.0.3.5', 'healthy', 0, 0)", id+name, id, name)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

func benchEach(b *testing.B, f func(b *testing.B, s *store.Store, o store.Options, c berth.Cluster)) {
	for _, database := range []string{storetest.SQLite, storetest.Postgres} {
		b.Run(database, func(b *testing.B) {
			o := storetest.Options(b, database)
			s := storetest.OpenWith(b, o)
			f(b, s, o, addCluster(b, s, "home", "secret"))
		})
	}
}

func BenchmarkTrackedContainers10000(b *testing.B) {
	benchEach(b, func(b *testing.B, s *store.Store, o store.Options, c berth.Cluster) {
		fill(b, o, c)
		b.ReportAllocs()
		for b.Loop() {
			if got := len(must(s.TrackedContainers(b.Context(), c.ID))(b)); got != 10_000 {
				b.Fatalf("got %d containers, want 10000", got)
			}
		}
	})
}

func BenchmarkSaveAnswer10000(b *testing.B) {
	var body bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&body, `{"cpu":0.0%d,"disk":%d,"diskread":0,"id":"lxc/%d","maxcpu":2,"maxdisk":8350298112,"maxmem":536870912,"mem":%d,"name":"web%d","netin":%d,"netout":%d,"node":"pve%d","status":"running","tags":"web;prod","template":0,"type":"lxc","uptime":%d,"vmid":%d},`,
			i*7919, i*104729, i, i*15485863, i, i*32452843, i*49979687, i%3, i*611, i)
	}
	benchEach(b, func(b *testing.B, s *store.Store, _ store.Options, c berth.Cluster) {
		b.SetBytes(int64(body.Len()))
		for b.Loop() {
			if err := s.SaveAnswer(b.Context(), c.ID, noon, body.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkClustersRevision(b *testing.B) {
	benchEach(b, func(b *testing.B, s *store.Store, _ store.Options, _ berth.Cluster) {
		for b.Loop() {
			must(s.ClustersRevision(b.Context()))(b)
		}
	})
}
