package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"berth"
	"berth/internal/fleet"
	"berth/internal/live"
	"berth/internal/web/ui"
)

const (
	keepAlive    = 25 * time.Second // a comment at least this often, so that proxies do not end a silent stream
	writeTimeout = 30 * time.Second // a browser that takes nothing for so long is gone
)

// getLive is the event stream of one page: first whatever the page has missed, then every change of what it shows.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request) error {
	params, err := parseViewParams(r.URL.Query(), preferences{})
	if err != nil {
		return err
	}
	seen := r.Header.Get("Last-Event-ID")
	if seen == "" {
		seen = r.URL.Query().Get("seen")
	}
	watcher := s.fleet.Watch()
	defer watcher.Close()
	return s.sendChanges(r, startStream(w, r), watcher, params, seen)
}

// sendChanges sends until the browser has gone or the server closes; neither is an error.
func (s *Server) sendChanges(r *http.Request, out *stream, watcher *fleet.Watcher, params viewParams, seen string) error {
	news, jobNews := s.hub.Subscribe(live.Fleet), s.hub.Subscribe(live.Jobs)
	defer news.Close()
	defer jobNews.Close()
	outcomes := s.newToasts(r)
	beat := time.NewTicker(s.beat)
	defer beat.Stop()
	shown := ""
	for {
		current, err := s.views.of(accessOf(r), params)
		if err != nil {
			return s.brokeOff(r, err)
		}
		if shown != current.digest {
			shown = current.digest
			watcher.Show(current.keys)
		}
		if m := current.message(seen); m != nil {
			out.send(m)
			seen = current.digest
		}
		out.send(freshEvent(current.snapshot, s.now()))
		if out.flush() != nil {
			return nil
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.closing.Done():
			return nil
		case <-beat.C:
			if s.auth.Check(r.Context(), whoIs(r)) != nil {
				return nil // the page connects again and is told why it may not
			}
		case <-news.News():
		case <-jobNews.News():
			if err := outcomes.send(r.Context(), out); err != nil {
				return s.brokeOff(r, err)
			}
		}
	}
}

// brokeOff ends a stream that has begun, in which an error can no more be told: the page connects again, and is told then.
func (s *Server) brokeOff(r *http.Request, err error) error {
	if sentence(err) == "" && r.Context().Err() == nil {
		s.log.Error("a stream broke off", "path", r.URL.Path, "error", err)
	}
	return nil
}

func freshEvent(snapshot *fleet.Snapshot, now time.Time) *message {
	f := newFreshness(snapshot, now)
	if !f.Known {
		return newMessage("", ": waiting\n\n")
	}
	return newEvent("fresh", strconv.FormatInt(f.AgeMS, 10))
}

// newFreshness tells how old the data is: the age of the last answer of the answering cluster that has been silent longest.
// Clusters that fail have a banner of their own.
func newFreshness(snapshot *fleet.Snapshot, now time.Time) ui.Freshness {
	f := ui.Freshness{Shown: len(snapshot.Clusters) > 0}
	at := snapshot.OldestAnswer()
	if !at.IsZero() {
		f.Known, f.AgeMS = true, max(now.Sub(at).Milliseconds(), 0)
	}
	return f
}

// stream writes messages to one browser, compressed when it can take that.
type stream struct {
	w          http.ResponseWriter
	control    *http.ResponseController
	compressed bool
	err        error
}

func startStream(w http.ResponseWriter, r *http.Request) *stream {
	out := &stream{w: w, control: http.NewResponseController(w), compressed: acceptsGzip(r)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if out.compressed {
		h.Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(http.StatusOK)
	if out.compressed {
		out.write(gzipHeader)
	}
	return out
}

func (out *stream) send(m *message) {
	if out.compressed {
		out.write(m.deflated())
		return
	}
	out.write(m.plain)
}

func (out *stream) write(b []byte) {
	if out.err != nil {
		return
	}
	if out.err = out.control.SetWriteDeadline(time.Now().Add(writeTimeout)); out.err == nil {
		_, out.err = out.w.Write(b)
	}
}

// flush sends what was written and gives the first error since the start.
func (out *stream) flush() error {
	if out.err == nil {
		out.err = out.control.Flush()
	}
	return out.err
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// newBanners tells of clusters and nodes that fail.
func newBanners(snapshot *fleet.Snapshot, now time.Time) []banner {
	var all []banner
	for _, view := range snapshot.Clusters {
		switch view.Health.State {
		case fleet.Failing:
			all = append(all, banner{Tone: "error", Icon: "plug", Title: "Cluster " + view.Cluster.Name + " does not answer.",
				Text: view.Health.Problem, SinceText: sinceText(view), Since: view.Health.Since, Now: now, Retry: true})
			continue
		case fleet.Connecting:
			continue
		}
		all = append(all, nodeBanners(view, now)...)
	}
	return all
}

func sinceText(view *fleet.ClusterView) string {
	if view.Health.AnsweredAt.IsZero() {
		return "It has not answered for"
	}
	return "The last known state is shown; it has not answered for"
}

func nodeBanners(view *fleet.ClusterView, now time.Time) []banner {
	var all []banner
	for _, n := range view.Nodes {
		if n.Online {
			continue
		}
		all = append(all, banner{Tone: "warning", Icon: "server", Title: "Node " + n.Name + " of cluster " + n.Cluster + " is offline.",
			Text: nodeText(n.Containers), SinceText: "It has been offline for", Since: n.Since, Now: now})
	}
	return all
}

func nodeText(counts berth.Counts) string {
	if counts.Total == 0 {
		return "It has no containers."
	}
	return "The state of its " + containers(counts.Total) + " is the last known one."
}

// banner tells of something that concerns the whole page.
type banner struct {
	Tone, Icon, Title, Text string
	SinceText               string
	Since, Now              time.Time
	Retry                   bool
}
