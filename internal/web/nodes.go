package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// clusterCard is a cluster and its nodes as the page of nodes shows them.
type clusterCard struct {
	Name, State, StateClass, StateIcon string
	Problem                            string
	Endpoints                          []string
	Now, AnsweredAt, Since             time.Time
	Containers                         string
	Nodes                              []nodeRow
}

type nodeRow struct {
	Name                 string
	State                statusView
	Since, StartedAt     time.Time
	Now                  time.Time
	CPU, Memory          figureView
	Containers           []countLink
	NoContainers, NoLoad bool
}

type countLink struct {
	Text, Class, Icon string
	Href              templ.SafeURL
}

func newClusterCards(snapshot *fleet.Snapshot, now time.Time) []clusterCard {
	cards := make([]clusterCard, 0, len(snapshot.Clusters))
	for _, view := range snapshot.Clusters {
		c := clusterCard{Name: view.Cluster.Name, Problem: view.Health.Problem, Endpoints: view.Cluster.Endpoints, Now: now,
			AnsweredAt: view.Health.AnsweredAt, Since: view.Health.Since, Containers: containers(view.Counts.Total)}
		c.State, c.StateClass, c.StateIcon = clusterState(view.Health.State)
		for _, n := range view.Nodes {
			c.Nodes = append(c.Nodes, newNodeRow(n, view.Health.State, now))
		}
		cards = append(cards, c)
	}
	return cards
}

func clusterState(state fleet.HealthState) (text, class, icon string) {
	switch state {
	case fleet.Answering:
		return "answering", "tone-running", "circle-check"
	case fleet.Failing:
		return "does not answer", "tone-error", "circle-x"
	default:
		return "connecting", "tone-creating", "loader-circle"
	}
}

func newNodeRow(n berth.Node, state fleet.HealthState, now time.Time) nodeRow {
	row := nodeRow{Name: n.Name, Now: now, Since: n.Since, NoContainers: n.Containers.Total == 0}
	row.State = statusView{Name: "online", Class: "tone-running", Icon: "circle-check"}
	switch {
	case state != fleet.Answering:
		row.State = statusView{Name: "unknown", Class: "tone-unknown", Icon: "circle-question-mark"}
	case !n.Online:
		row.State = statusView{Name: "offline", Class: "tone-error", Icon: "circle-x"}
	default:
		row.StartedAt = n.StartedAt
	}
	row.NoLoad = n.MemoryLimitBytes == 0 // the token may not see it, or the node is offline
	row.CPU = figureView{Used: ui.Percent(n.CPU), Of: ui.Cores(n.CPUs), Fraction: n.CPU}
	row.Memory = amount(n.MemoryBytes, n.MemoryLimitBytes, true)
	row.Containers = newCountLinks(n)
	return row
}

func newCountLinks(n berth.Node) []countLink {
	var links []countLink
	for _, s := range berth.Statuses() {
		if count := n.Containers.Of(s); count > 0 {
			view := newStatusView(s)
			q := url.Values{"q": {"status:" + string(s) + " node:" + berth.QuoteValue(n.Name) + " cluster:" + n.Cluster}}
			links = append(links, countLink{Text: strconv.Itoa(count) + " " + string(s), Class: view.Class, Icon: view.Icon,
				Href: templ.SafeURL("/?" + q.Encode())})
		}
	}
	return links
}

func (s *Server) getNodes(w http.ResponseWriter, r *http.Request) error {
	now := s.now()
	snapshot := s.seen(r)
	frame := s.frame(r, "Nodes", ui.Nodes)
	return render(w, r, http.StatusOK, nodes(frame, newClusterCards(snapshot, now), newBanners(snapshot, now)))
}
