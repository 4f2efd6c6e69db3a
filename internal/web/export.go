package web

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"berth"
)

// exportedEvent is a line of the history as JSON. Times are in UTC.
type exportedEvent struct {
	ID          string            `json:"id"`
	At          time.Time         `json:"at"`
	Actor       string            `json:"actor"`
	ActorID     string            `json:"actorId,omitempty"`
	Source      string            `json:"source"`
	Action      string            `json:"action"`
	Cluster     string            `json:"cluster,omitempty"`
	VMID        int               `json:"vmid,omitempty"`
	ContainerID string            `json:"containerId,omitempty"`
	Subject     string            `json:"subject"`
	Details     map[string]string `json:"details,omitempty"`
}

// exportHead are the columns of a table; what follows them is what an event's details tell under these names.
var (
	exportHead    = []string{"time", "actor", "source", "action", "cluster", "vmid", "container_id", "subject"}
	exportDetails = []string{"state", "before", "after", "message", "job", "upid"}
)

// getAuditExport gives everything that the filter lets through, as lines of JSON or as a table of comma separated values.
func (s *Server) getAuditExport(w http.ResponseWriter, r *http.Request) error {
	filter, err := parseAuditFilter(r.URL.Query()).of(s.now().Location())
	if err != nil {
		return err
	}
	if _, err := s.store.Events(r.Context(), filter, "", 1); err != nil {
		return err // while a page can still say so
	}
	out := &download{w: w, control: http.NewResponseController(w)}
	var write func(berth.Event) error
	finish := func() error { return nil }
	switch format := r.URL.Query().Get("format"); format {
	case "jsonl":
		out.begin("application/jsonl", "berth-audit-"+s.now().Format(time.DateOnly)+".jsonl")
		write = jsonLines(out)
	case "csv":
		out.begin("text/csv; charset=utf-8", "berth-audit-"+s.now().Format(time.DateOnly)+".csv")
		write, finish = csvRows(out)
	default:
		return berth.Errorf(berth.Invalid, "“%s” is no form of a history; choose csv or jsonl.", format)
	}
	err = s.actions.EachEvent(r.Context(), actorOf(r), filter, write)
	if err == nil {
		err = finish()
	}
	if err != nil && r.Context().Err() == nil {
		s.log.Error("an export of the history broke off", "error", err)
		panic(http.ErrAbortHandler) // a file that ends too early must not look whole
	}
	return nil
}

// download is an answer that may take long: it gets more time with everything that is written.
type download struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (d *download) begin(contentType, name string) {
	h := d.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
}

func (d *download) Write(b []byte) (int, error) {
	if err := d.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return d.w.Write(b)
}

func jsonLines(out io.Writer) func(berth.Event) error {
	lines := json.NewEncoder(out)
	return func(e berth.Event) error {
		return lines.Encode(exportedEvent{ID: e.ID, At: e.At.UTC(), Actor: e.Actor, ActorID: e.ActorID, Source: e.Source, Action: e.Action,
			Cluster: e.Cluster, VMID: e.VMID, ContainerID: e.ContainerID, Subject: e.Subject, Details: e.Details})
	}
}

func csvRows(out io.Writer) (write func(berth.Event) error, finish func() error) {
	table := csv.NewWriter(out)
	write = func(e berth.Event) error {
		row := []string{e.At.UTC().Format(time.RFC3339Nano), e.Actor, e.Source, e.Action, e.Cluster, strconv.Itoa(e.VMID), e.ContainerID, e.Subject}
		for _, name := range exportDetails {
			row = append(row, e.Details[name])
		}
		for i := range row {
			row[i] = plainCell(row[i])
		}
		return table.Write(row)
	}
	_ = table.Write(append(exportHead, exportDetails...)) // kept in memory: Error tells
	return write, func() error { table.Flush(); return table.Error() }
}

// plainCell keeps spreadsheets from taking a text for a formula: names and messages come from anybody.
func plainCell(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r\n") || strings.HasPrefix(text, "＝") || strings.HasPrefix(text, "＋") ||
		strings.HasPrefix(text, "－") || strings.HasPrefix(text, "＠") {
		return "'" + text
	}
	return text
}
