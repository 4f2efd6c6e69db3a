package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// nowView is what the overview tells of a container at this moment.
type nowView struct {
	detailView
	Path    string
	Bars    []barView
	Serves  []serviceLine
	Flows   []fact
	Sample  string // JSON of the latest reading for the charts; empty: there is none
	Problem string // why there is no reading
}

// serviceLine is a service with how it is run.
type serviceLine struct {
	serviceView
	How string // systemd, port 3000
}

// barView is a resource with a bar.
type barView struct {
	Label string
	figureView
}

// newNowView tells it from a reading, or from the snapshot while there is none.
func newNowView(d *fleet.Detail, role berth.Role, now time.Time) nowView {
	c := d.Container
	v := nowView{detailView: newDetailView(c, role), Path: containerPath(c), Problem: d.Problems[fleet.PartFigures]}
	v.Facts = append(v.Facts, keptFacts(d, now)...)
	for i := range c.Services {
		v.Serves = append(v.Serves, newServiceLine(&c.Services[i]))
	}
	v.Bars = []barView{{"CPU", cpuFigure(c)}}
	f := d.Figures
	if f == nil {
		v.Bars = append(v.Bars, barView{"Memory", memoryFigure(c)}, barView{"Disk", diskFigure(c)})
		return v
	}
	v.Bars = append(v.Bars, barView{"Memory", amount(f.MemoryBytes, f.MaxMemoryBytes, f.Running)}, barView{"Swap", amount(f.SwapBytes, f.MaxSwapBytes, f.Running)},
		barView{"Disk", amount(f.DiskBytes, f.MaxDiskBytes, f.Running)})
	if f.Running {
		v.Flows = newFlows(f)
		v.Sample = sampleText(c, f)
	}
	return v
}

func newServiceLine(s *berth.Service) serviceLine {
	line := serviceLine{serviceView: newServiceView(s), How: string(s.Kind)}
	if s.Port > 0 {
		line.How += ", port " + strconv.Itoa(s.Port)
	}
	return line
}

// keptFacts is what only Berth knows.
func keptFacts(d *fleet.Detail, now time.Time) []fact {
	var facts []fact
	if d.Template != "" {
		facts = append(facts, fact{"About its template", d.Template})
	}
	if d.Container.ID == "" {
		return append(facts, fact{"Known to Berth", "only as Proxmox lists it"})
	}
	at := func(t time.Time) string { return t.In(now.Location()).Format("2006-01-02 15:04") }
	return append(facts, fact{"Known to Berth since", at(d.TrackedAt)}, fact{"Record changed", at(d.UpdatedAt)}, fact{"Berth’s id", d.Container.ID})
}

func newFlows(f *fleet.Figures) []fact {
	rates := fleet.Rates{}
	if f.Rates != nil {
		rates = *f.Rates
	}
	flow := func(rate float64, total int64) string {
		text := ui.Bytes(total) + " since start"
		if f.Rates != nil {
			text = ui.Bytes(int64(rate)) + "/s · " + text
		}
		return text
	}
	flows := []fact{{"Network in", flow(rates.NetIn, f.NetInBytes)}, {"Network out", flow(rates.NetOut, f.NetOutBytes)},
		{"Read from disk", flow(rates.Read, f.ReadBytes)}, {"Written to disk", flow(rates.Written, f.WrittenBytes)}}
	if p := f.Pressure; p != (fleet.Pressure{}) {
		flows = append(flows, fact{"Waiting for CPU, memory, disk", fmt.Sprintf("%.1f %%, %.1f %%, %.1f %%", p.CPU, p.Memory, p.IO)})
	}
	return flows
}

// series is what the charts draw: times in seconds, and the figures of each; null where nothing was recorded.
type series struct {
	T      []int64    `json:"t"`
	CPU    []*float64 `json:"cpu"` // percent
	Memory []*float64 `json:"memory"`
	Limit  []*float64 `json:"limit"`
	NetIn  []*float64 `json:"netIn"`
	NetOut []*float64 `json:"netOut"`
	Read   []*float64 `json:"read"`
	Write  []*float64 `json:"write"`
}

func newSeries(samples []fleet.Sample) series {
	s := series{T: []int64{}}
	for _, each := range samples {
		if n := len(s.T); n > 0 && each.At.Unix() <= s.T[n-1] {
			continue
		}
		s.T = append(s.T, each.At.Unix())
		s.CPU = append(s.CPU, times(each.CPU, 100))
		s.Memory, s.Limit = append(s.Memory, each.Memory), append(s.Limit, each.MaxMemory)
		s.NetIn, s.NetOut = append(s.NetIn, each.NetIn), append(s.NetOut, each.NetOut)
		s.Read, s.Write = append(s.Read, each.Read), append(s.Write, each.Writes)
	}
	return s
}

func times(f *float64, factor float64) *float64 {
	if f == nil {
		return nil
	}
	product := *f * factor
	return &product
}

func sampleText(c *berth.Container, f *fleet.Figures) string {
	memory, limit, cpu := float64(f.MemoryBytes), float64(f.MaxMemoryBytes), c.CPU
	sample := fleet.Sample{At: f.At, CPU: &cpu, Memory: &memory, MaxMemory: &limit}
	if f.Rates != nil {
		sample.NetIn, sample.NetOut, sample.Read, sample.Writes = &f.Rates.NetIn, &f.Rates.NetOut, &f.Rates.Read, &f.Rates.Written
	}
	text, err := json.Marshal(newSeries([]fleet.Sample{sample}))
	if err != nil {
		return "" // a figure that is no number; the next reading has another
	}
	return string(text)
}

// showNow is the part of the overview that is read again every two seconds.
func (s *Server) showNow(d *fleet.Detail, r *http.Request) (templ.Component, error) {
	return nowPanel(newNowView(d, accessOf(r).On(d.Container), s.now())), nil
}

// getHistory gives the figures of the charts.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	samples, err := s.actions.History(r.Context(), actorOf(r), c.Key(), r.URL.Query().Get("span"))
	answer := struct {
		series
		Problem string `json:"problem,omitempty"`
	}{series: newSeries(samples)}
	if message := sentence(err); berth.CodeOf(err) == berth.Unavailable && message != "" {
		answer.Problem = message
	} else if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(answer)
}
