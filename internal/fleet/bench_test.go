package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/live"
	"berth/internal/pve"
	"berth/internal/store/storetest"
)

// largeCluster writes the list of a large cluster of which one container in a hundred differs from round to round.
func largeCluster(containers, round int) string {
	var b strings.Builder
	b.WriteByte('[')
	for node := range 40 {
		b.WriteString(nodeRow(fmt.Sprintf("pve%d", node), 1000+round) + ",")
	}
	for i := range containers {
		if i > 0 {
			b.WriteByte(',')
		}
		vmid, news := 100+(i*7919)%containers, 0 // the real list is in no order
		if vmid%100 == 0 {
			news = round
		}
		fmt.Fprintf(&b, `{"netin":%d,"diskread":4096,"name":"web%d.example.org","vmid":%d,"memhost":0,"node":"pve%d","status":"running","type":"lxc",`+
			`"maxmem":1073741824,"diskwrite":8192,"pool":"customer%d","maxdisk":8589934592,"id":"lxc/%d","netout":4711,"mem":%d,"uptime":%d,`+
			`"cpu":0.0%d,"tags":"prod;web;customer%d","template":0,"disk":1073741824,"maxcpu":2}`,
			i*7919, vmid*104729%containers, vmid, vmid%40, vmid%100, vmid, 200000000+vmid*1000+news, 86400+vmid, vmid%90000+1, vmid%100)
	}
	b.WriteByte(']')
	return b.String()
}

// twoRounds serves two lists in turn.
func twoRounds(b *testing.B, containers int) (*poller, *fixture) {
	b.Helper()
	bodies := []string{largeCluster(containers, 0), largeCluster(containers, 1)}
	s := storetest.Open(b, storetest.SQLite)
	f := serveFixture(b, s, map[string]func(int) string{"/cluster/resources": func(n int) string { return bodies[n%2] }})
	fleet := New(s, &live.Hub{}, slog.New(slog.DiscardHandler), clocktest.Now, DefaultPace())
	if err := fleet.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, p := range fleet.pollers {
		b.Cleanup(p.client.Close)
		return p, f
	}
	b.Fatal("no poller")
	return nil, nil
}

// pollOnce asks for the list and takes it in as the loop does: fetch, decode, merge, diff, new snapshot.
func pollOnce(b *testing.B, p *poller) {
	p.list.next = time.Time{}
	p.askList(b.Context())
	(<-p.outcomes)()
	if p.health.State != Answering {
		b.Fatal(p.health.Problem)
	}
	p.list.body = nil // the loop stores one a minute
	p.mergeAndPublish()
}

func BenchmarkPoll10000(b *testing.B) {
	p, _ := twoRounds(b, 10_000)
	pollOnce(b, p)
	b.ReportAllocs()
	for b.Loop() {
		pollOnce(b, p)
	}
	if got := p.fleet.Snapshot().Counts.Running; got != 10_000 {
		b.Fatalf("%d run", got)
	}
}

// BenchmarkFetchAndEncodingJSON10000 is the yardstick of BenchmarkPoll10000: the same fetch, and encoding/json into the
// leanest struct with the same fields.
func BenchmarkFetchAndEncodingJSON10000(b *testing.B) {
	_, f := twoRounds(b, 10_000)
	client := f.server.Client()
	b.ReportAllocs()
	for b.Loop() {
		r, err := client.Get(f.server.URL + "/api2/json/cluster/resources")
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.Fatal(err)
		}
		r.Body.Close()
		var answer struct {
			Data []leanRow `json:"data"`
		}
		if err := json.Unmarshal(body, &answer); err != nil || r.StatusCode != http.StatusOK || len(answer.Data) != 10_040 {
			b.Fatal(err, r.Status, len(answer.Data))
		}
	}
}

type leanRow struct {
	Type      string  `json:"type"`
	VMID      int     `json:"vmid"`
	Node      string  `json:"node"`
	Name      string  `json:"name"`
	Status    string  `json:"status"`
	Lock      string  `json:"lock"`
	Tags      string  `json:"tags"`
	Pool      string  `json:"pool"`
	HAState   string  `json:"hastate"`
	Template  int     `json:"template"`
	Uptime    int64   `json:"uptime"`
	CPU       float64 `json:"cpu"`
	MaxCPU    float64 `json:"maxcpu"`
	Mem       int64   `json:"mem"`
	MaxMem    int64   `json:"maxmem"`
	Disk      int64   `json:"disk"`
	MaxDisk   int64   `json:"maxdisk"`
	NetIn     int64   `json:"netin"`
	NetOut    int64   `json:"netout"`
	DiskRead  int64   `json:"diskread"`
	DiskWrite int64   `json:"diskwrite"`
}

func BenchmarkMerge10000(b *testing.B) {
	p, _ := twoRounds(b, 10_000)
	pollOnce(b, p)
	b.ReportAllocs()
	for b.Loop() {
		p.mergeAndPublish()
	}
}

// largeSnapshot is the snapshot of a cluster of n containers.
func largeSnapshot(tb testing.TB, n int) *Snapshot {
	tb.Helper()
	resources, err := pve.DecodeResources([]byte(`{"data":` + largeCluster(n, 0) + `}`))
	if err != nil {
		tb.Fatal(err)
	}
	f := New(nil, &live.Hub{}, slog.New(slog.DiscardHandler), clocktest.Now, DefaultPace())
	p := &poller{fleet: f, cluster: berth.Cluster{ID: "1", Name: "home"}, nodes: map[string]*nodeState{}, facts: facts{byVMID: map[int]*known{}},
		health: Health{State: Answering, AnsweredAt: noon}}
	p.list.set(resources, noon)
	p.merge()
	return newSnapshot([]*ClusterView{p.view()})
}

func BenchmarkView(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		snapshot := largeSnapshot(b, n)
		for _, text := range []string{"", "web12", "status:running"} {
			q, err := berth.ParseQuery(text)
			if err != nil {
				b.Fatal(err)
			}
			for _, order := range []berth.Sort{{By: berth.SortName}, {By: berth.SortCPU, Descending: true}, {By: berth.SortVMID}} {
				b.Run(fmt.Sprintf("%d/%q/%s", n, text, order), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if v := snapshot.View(q, order, 100, noon); v.Matching == 0 {
							b.Fatal("nothing matches")
						}
					}
				})
			}
		}
	}
}

// BenchmarkMemory10000 reports what the snapshot of 10,000 containers keeps alive, and what the whole poller does.
func BenchmarkMemory10000(b *testing.B) {
	for b.Loop() {
		before := liveBytes()
		snapshot := largeSnapshot(b, 10_000)
		b.ReportMetric(float64(liveBytes()-before)/1e6, "MB/snapshot")
		runtime.KeepAlive(snapshot)
		p, _ := twoRounds(b, 10_000)
		before = liveBytes()
		pollOnce(b, p)
		pollOnce(b, p)
		b.ReportMetric(float64(liveBytes()-before)/1e6, "MB/poller")
		runtime.KeepAlive(p)
	}
}

func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
