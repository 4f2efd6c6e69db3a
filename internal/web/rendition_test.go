package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/fleet"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// snapshotOf makes a snapshot of one answering cluster with the containers.
func snapshotOf(containers ...*berth.Container) *fleet.Snapshot {
	view := &fleet.ClusterView{Cluster: berth.Cluster{ID: "1", Name: "home"}, Health: fleet.Health{State: fleet.Answering, AnsweredAt: noon}, Containers: containers}
	s := &fleet.Snapshot{Clusters: []*fleet.ClusterView{view}}
	for _, c := range containers {
		s.Counts.Add(c.Status)
	}
	return s
}

func running(vmid int, name string) *berth.Container {
	return &berth.Container{Cluster: "home", VMID: vmid, Node: "pve1", Hostname: name, Live: berth.LiveRunning, Status: berth.StatusRunning,
		HasFigures: true, CPU: 0.1, CPUs: 2, MemoryBytes: 1 << 28, MemoryLimitBytes: 1 << 30, DiskBytes: 1 << 30, DiskLimitBytes: 8 << 30,
		StartedAt: noon.Add(-time.Hour), SeenAt: noon}
}

func mustRender(t testing.TB, s *fleet.Snapshot, query string, before *rendition) *rendition {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	params, err := parseViewParams(values, preferences{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := renderView(s, berth.Everywhere(berth.RoleAdmin), params, before, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOnlyWhatChangedIsSent(t *testing.T) {
	t.Parallel()
	a, b := running(101, "a"), running(102, "b")
	before := mustRender(t, snapshotOf(a, b), "", nil)
	busier, stopped := *b, *b
	busier.CPU = 0.9
	stopped.Live, stopped.Status = berth.LiveStopped, berth.StatusStopped
	for name, test := range map[string]struct {
		after    []*berth.Container
		want     []string
		notThere []string
	}{
		"nothing":           {[]*berth.Container{a, b}, nil, []string{"hx-partial"}},
		"figures":           {[]*berth.Container{a, &busier}, []string{`hx-target="#c-home-102-figures"`}, []string{"c-home-101", `hx-target="#c-home-102"`, "#summary"}},
		"status":            {[]*berth.Container{a, &stopped}, []string{`hx-target="#c-home-102"`, `hx-target="#summary"`}, []string{"c-home-101", "#list"}},
		"another container": {[]*berth.Container{a, b, running(103, "c")}, []string{`hx-target="#list"`, `hx-target="#matching"`}, nil},
		"container gone":    {[]*berth.Container{a}, []string{`hx-target="#list"`}, []string{"c-home-102"}},
		"last one gone":     {nil, []string{`hx-target="#list"`, "No containers yet"}, []string{"c-home"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := mustRender(t, snapshotOf(test.after...), "", before).partialsSince(before)
			for _, part := range test.want {
				if !strings.Contains(got, part) {
					t.Errorf("%s is not in the update %s", part, got)
				}
			}
			for _, part := range test.notThere {
				if strings.Contains(got, part) {
					t.Errorf("%s is in the update %s", part, got)
				}
			}
		})
	}
}

func TestPageThatIsUpToDateGetsNothing(t *testing.T) {
	t.Parallel()
	r := mustRender(t, snapshotOf(running(101, "a")), "", nil)
	again := mustRender(t, snapshotOf(running(101, "a")), "", nil) // as after a restart
	if m := again.message(r.digest); m != nil {
		t.Errorf("sent %s", m.plain)
	}
	if m := again.message("something else"); m == nil || !strings.Contains(string(m.plain), "#list") {
		t.Error("a page that is not up to date does not get everything")
	}
}

func TestHostileTextIsInert(t *testing.T) {
	t.Parallel()
	const evil = "<script>alert(1)</script>\r\n\r\nevent: goodbye\r\ndata: \"><img src=x onerror=alert(1)>"
	c := running(101, evil)
	c.Tags, c.Lock, c.Node, c.OddFields, c.Template = []string{evil}, evil, evil, []string{evil}, evil
	c.Services = []berth.Service{{Name: evil, WebURL: "javascript:alert(1)"}}
	r := mustRender(t, snapshotOf(c), "", nil)
	for _, bad := range []string{"<script", "<img", "javascript:alert"} {
		if strings.Contains(r.listHTML(), bad) {
			t.Errorf("%s is in the page: %s", bad, r.listHTML())
		}
	}
	wire := string(r.whole().plain)
	for line := range strings.Lines(wire) {
		if !strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, "id: ") && line != "\n" {
			t.Errorf("a line of the stream is %q", line)
		}
	}
	if strings.Contains(wire, "\r") || strings.Count(wire, "\n\n") != 1 {
		t.Error("text of Proxmox VE ends an event of the stream")
	}
}

func TestCompressedMessagesJoinToOneStream(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	wire.Write(gzipHeader)
	var want strings.Builder
	for i := range 50 {
		m := newEvent("fresh", strconv.Itoa(i))
		wire.Write(m.deflated())
		want.Write(m.plain)
	}
	zip, err := gzip.NewReader(&wire)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zip)
	if !errors.Is(err, io.ErrUnexpectedEOF) { // the stream has no end
		t.Fatalf("reading ended with %v", err)
	}
	if string(got) != want.String() {
		t.Errorf("got %d bytes, want %d", len(got), want.Len())
	}
}

func TestViewsThatNobodyUsesAreDropped(t *testing.T) {
	t.Parallel()
	now := noon
	all := newViews(fleet.New(nil, nil, nil, nil, fleet.Pace{}), func() time.Time { return now })
	show := func(query string) *rendition {
		t.Helper()
		params, err := parseViewParams(url.Values{"q": {query}}, preferences{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := all.of(berth.Everywhere(berth.RoleViewer), params)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	show("typed")
	watched := show("")
	for range 5 { // the stream of a page that stays open
		now = now.Add(keepAlive)
		if show("") != watched {
			t.Error("a view that is used was rendered again")
		}
	}
	if len(all.open) != 1 {
		t.Errorf("%d views are kept, want 1", len(all.open))
	}
}

func TestPagesAroundASharedPartAreOneGzipStream(t *testing.T) {
	t.Parallel()
	const start = "<ol>"
	part := start + strings.Repeat("<li>a part that others show too</li>", 1000)
	for name, page := range map[string]string{
		"in the middle": "<ul>" + part + "</ul>", "at the start": part + "</ul>", "at the end": "<ul>" + part, "nothing else": part, "not in it": "<ul></ul>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zip := zipAround([]byte(page), zippedPart{start: start, length: len(part), deflated: quick.deflate([]byte(part))})
			in, err := gzip.NewReader(bytes.NewReader(zip))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(in) // checks length and sum
			if err != nil || string(got) != page {
				t.Errorf("got %d bytes and %v, want %d", len(got), err, len(page))
			}
		})
	}
}

func TestAgesInWords(t *testing.T) {
	t.Parallel()
	c := running(101, "a")
	c.Status, c.Unknown, c.Since = berth.StatusUnknown, berth.UnknownCluster, noon.Add(-5*time.Minute)
	html := mustRender(t, snapshotOf(c), "", nil).listHTML()
	if !strings.Contains(html, "No answer from cluster home") || !strings.Contains(html, "5 minutes") {
		t.Errorf("the page does not say why and since when: %s", html)
	}
}

// fleetOf makes a snapshot of n containers on ten nodes.
func fleetOf(n int) *fleet.Snapshot {
	containers := make([]*berth.Container, n)
	for i := range containers {
		c := running(100+i, fmt.Sprintf("web-%d", i*7919%n))
		c.Node, c.Tags, c.CPU = fmt.Sprintf("pve%d", i%10), []string{"prod", "web"}, float64(i%100)/100
		containers[i] = c
	}
	return snapshotOf(containers...)
}

func benchmarkRender(b *testing.B, n int) {
	s := fleetOf(n)
	for b.Loop() {
		mustRender(b, s, "sort=-cpu", nil)
	}
}

func BenchmarkRender1000(b *testing.B)  { benchmarkRender(b, 1000) }
func BenchmarkRender10000(b *testing.B) { benchmarkRender(b, 10_000) }

// Otherwise whoever may look could fill the memory with views of the same.
func TestViewsAreBounded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ limit, total, want int }{{1, 0, 100}, {100, 42, 100}, {100_000, 42, 100}, {101, 1000, 200}, {99_999, 1000, 1100}} {
		if got := mostUseful(test.limit, test.total); got != test.want {
			t.Errorf("%d of %d: got %d, want %d", test.limit, test.total, got, test.want)
		}
	}
	all := newViews(fleet.New(nil, nil, nil, nil, fleet.Pace{}), func() time.Time { return noon })
	for n := range 10 {
		all.keep(all.find(strconv.Itoa(n), noon.Add(time.Duration(n))), bytesKept/3)
	}
	if all.size() > bytesKept || len(all.open) != 3 || all.open["9"] == nil || all.open["6"] != nil {
		t.Errorf("%d views of %d bytes are kept", len(all.open), all.size())
	}
}
