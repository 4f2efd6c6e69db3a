package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/live"
	"berth/internal/web/ui"
)

// nodesView is the live part of the page of clusters and nodes.
type nodesView struct {
	Banners  []banner
	Clusters []clusterCard
	Limited  bool // the figures of clusters and nodes are for those who see everything
	Admin    bool
}

// clusterCard is a cluster and its nodes as the page of nodes shows them.
type clusterCard struct {
	Name     string
	Href     templ.SafeURL // of its own page; empty: not for this reader
	State    statusView
	Quorum   statusView // of no name: not known
	Now      time.Time
	Answered time.Time
	Problem  string
	RetryAt  time.Time
	Facts    []clusterFact
	Counts   []countLink
	Nodes    []nodeRow
	Storages []storageRow
	NoSight  string // why no storage is shown
}

// clusterFact is a property of the connection; Warn says what is wrong with it.
type clusterFact struct{ Name, Value, Warn string }

type nodeRow struct {
	Name             string
	State            statusView
	Since, StartedAt time.Time
	Now              time.Time
	CPU, Memory      figureView
	Load, Version    string
	Containers       []countLink
	NoLoad           bool
}

type storageRow struct {
	Name, Type, Content, Nodes string
	Fill                       figureView
	Known, Available           bool
}

type countLink struct {
	Text, Class, Icon string
	Href              templ.SafeURL
}

func newNodesView(snapshot *fleet.Snapshot, admin bool, now time.Time) nodesView {
	v := nodesView{Banners: newBanners(snapshot, now), Limited: snapshot.Limited, Admin: admin}
	for _, view := range snapshot.Clusters {
		v.Clusters = append(v.Clusters, newClusterCard(view, snapshot.Limited, now))
	}
	return v
}

func newClusterCard(view *fleet.ClusterView, limited bool, now time.Time) clusterCard {
	c := clusterCard{Name: view.Cluster.Name, State: clusterState(view.Health.State), Now: now, Answered: view.Health.AnsweredAt,
		Problem: view.Health.Problem, RetryAt: view.Health.RetryAt, Counts: newCountLinks(view.Counts, "cluster:"+view.Cluster.Name)}
	for _, n := range view.Nodes {
		c.Nodes = append(c.Nodes, newNodeRow(n, view.Health.State, now))
	}
	if limited {
		return c
	}
	c.Href = clusterPath(view.Cluster.Name)
	if view.Connection.QuorumKnown && view.Health.State == fleet.Answering {
		c.Quorum = quorumView(view.Connection.Quorate)
	}
	c.Facts = newClusterFacts(view, now)
	c.Storages, c.NoSight = newStorageRows(view.Storages), storagesUnseen(view)
	return c
}

func clusterPath(name string) templ.SafeURL {
	return templ.SafeURL("/clusters/" + url.PathEscape(name))
}

func clusterState(state fleet.HealthState) statusView {
	switch state {
	case fleet.Answering:
		return statusView{Name: "answering", Class: "tone-running", Icon: "circle-check"}
	case fleet.Failing:
		return statusView{Name: "does not answer", Class: "tone-error", Icon: "circle-x"}
	}
	return statusView{Name: "connecting", Class: "tone-creating", Icon: "loader-circle"}
}

func quorumView(quorate bool) statusView {
	if quorate {
		return statusView{Name: "quorum", Class: "tone-running", Icon: "circle-check"}
	}
	return statusView{Name: "no quorum: nothing can be changed", Class: "tone-error", Icon: "triangle-alert"}
}

const (
	certificateWarning = 30 * 24 * time.Hour // before its end
	skewWarning        = 30 * time.Second    // Proxmox VE refuses tickets from another time, and times of events are wrong
)

func newClusterFacts(view *fleet.ClusterView, now time.Time) []clusterFact {
	c := view.Connection
	var facts []clusterFact
	add := func(name, value, warn string) {
		if value != "" {
			facts = append(facts, clusterFact{name, value, warn})
		}
	}
	add("Proxmox VE", c.Version, "")
	endpoint := c.Endpoint
	if more := len(view.Cluster.Endpoints) - 1; endpoint != "" && more > 0 {
		endpoint += fmt.Sprintf(" (%s more)", strconv.Itoa(more))
	}
	if endpoint == "" {
		endpoint = strings.Join(view.Cluster.Endpoints, ", ")
	}
	add("Address", endpoint, "")
	if !c.CertificateEnds.IsZero() {
		warn := ""
		if left := c.CertificateEnds.Sub(now); left < 0 {
			warn = "The certificate has expired."
		} else if left < certificateWarning {
			warn = "The certificate expires soon. Once the server has a new one, pin that one on the cluster's page."
		}
		add("Certificate until", c.CertificateEnds.In(now.Location()).Format("2 January 2006"), warn)
	}
	if skew := c.ClockSkew; skew.Abs() > skewWarning {
		way := "ahead of"
		if skew < 0 {
			way = "behind"
		}
		add("Clock", skew.Abs().Round(time.Second).String()+" "+way+" this one", "The clocks differ: times in histories and charts are off. Set up time synchronisation on both machines.")
	}
	return facts
}

func newStorageRows(storages []berth.Storage) []storageRow {
	var rows []storageRow
	nodes := 0
	for i, s := range storages {
		if i > 0 && storages[i-1].Name == s.Name && s.Shared {
			nodes++
			rows[len(rows)-1].Nodes = "shared by " + strconv.Itoa(nodes) + " nodes"
			rows[len(rows)-1].Available = rows[len(rows)-1].Available || s.Available
			continue
		}
		nodes = 1
		row := storageRow{Name: s.Name, Type: s.Type, Content: contentText(s.Content), Nodes: s.Node, Available: s.Available, Known: s.Bytes > 0}
		if row.Known {
			row.Fill = amount(s.UsedBytes, s.Bytes, true)
		}
		rows = append(rows, row)
	}
	return rows
}

var contentWords = map[string]string{"rootdir": "disks", "vztmpl": "OS images", "backup": "backups", "iso": "ISO images", "images": "disks of VMs", "snippets": "snippets", "import": "imports"}

func contentText(content []string) string {
	words := make([]string, len(content))
	for i, c := range content {
		words[i] = c
		if word := contentWords[c]; word != "" {
			words[i] = word
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// storagesUnseen says why there are no storages: "not permitted to see" must not look like "none".
func storagesUnseen(view *fleet.ClusterView) string {
	switch {
	case len(view.Storages) > 0 || view.Health.AnsweredAt.IsZero():
		return ""
	case view.Rights != nil && !view.Rights.Has("/storage", "Datastore.Audit") && len(view.Rights.Listed("/storage/")) == 0:
		return "Berth's token may not see storages (Datastore.Audit)."
	}
	return "The cluster lists no storage."
}

func newNodeRow(n berth.Node, state fleet.HealthState, now time.Time) nodeRow {
	row := nodeRow{Name: n.Name, Now: now, Since: n.Since, Version: n.Version}
	row.State = statusView{Name: "online", Class: "tone-running", Icon: "circle-check"}
	switch {
	case state != fleet.Answering:
		row.State = statusView{Name: "unknown", Class: "tone-unknown", Icon: "circle-question-mark"}
	case !n.Online:
		row.State = statusView{Name: "offline", Class: "tone-error", Icon: "circle-x"}
	default:
		row.StartedAt = n.StartedAt
		if n.Load != [3]float64{} {
			row.Load = fmt.Sprintf("%.2f · %.2f · %.2f", n.Load[0], n.Load[1], n.Load[2])
		}
	}
	row.NoLoad = n.MemoryLimitBytes == 0 // the token may not see it, or the node is offline
	row.CPU = figureView{Used: ui.Percent(n.CPU), Of: ui.Cores(n.CPUs), Fraction: n.CPU}
	row.Memory = amount(n.MemoryBytes, n.MemoryLimitBytes, true)
	row.Containers = newCountLinks(n.Containers, "node:"+berth.QuoteValue(n.Name)+" cluster:"+n.Cluster)
	return row
}

// newCountLinks are how many containers have which status, each a link to them; where says which containers.
func newCountLinks(counts berth.Counts, where string) []countLink {
	var links []countLink
	for _, s := range berth.Statuses() {
		if count := counts.Of(s); count > 0 {
			view := newStatusView(s)
			q := url.Values{"q": {"status:" + string(s) + " " + where}}
			links = append(links, countLink{Text: strconv.Itoa(count) + " " + string(s), Class: view.Class, Icon: view.Icon, Href: templ.SafeURL("/?" + q.Encode())})
		}
	}
	return links
}

// getNodes shows every cluster and its nodes.
func (s *Server) getNodes(w http.ResponseWriter, r *http.Request) error {
	frame := s.frame(r, "Nodes", ui.Nodes)
	return render(w, r, http.StatusOK, nodes(frame, newNodesView(s.seen(r), frame.Admin, s.now())))
}

// getNodesLive keeps the page current. While it is open, quorum and load of the nodes are read too.
func (s *Server) getNodesLive(w http.ResponseWriter, r *http.Request) error {
	watcher := s.fleet.Watch()
	defer watcher.Close()
	watcher.ShowNodes()
	isAdmin := accessOf(r).Everywhere().Includes(berth.RoleAdmin)
	return s.follow(w, r, s.hub.Subscribe(live.Fleet), func(context.Context) (id, html string, err error) {
		html, err = toHTML(partialOf("#nodes", nodeList(newNodesView(s.seen(r), isAdmin, s.now()))))
		return "", html, err
	})
}
