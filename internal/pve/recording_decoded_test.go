package pve

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// unusedKeys are keys of recorded answers that the client knows and passes over: repetitions of other keys (id, type,
// hwaddr), figures that are always zero (memhost), and what is of no use for containers.
var unusedKeys = map[string][]string{
	"GET /nodes":                          {"id", "type"},
	"GET /cluster/tasks":                  {"saved", "pid"},
	"GET /cluster/log":                    {"uid", "pid", "pri"},
	"GET /nodes/{}/lxc":                   {"type"},
	"GET /nodes/{}/lxc/{}/status/current": {"type"},
	"GET /nodes/{}/lxc/{}/interfaces":     {"hardware-address", "ip-address-type"},
	"GET /nodes/{}/lxc/{}/rrddata":        {"memhost", "pressurecpufull", "pressureiofull", "pressurememoryfull"},
	"GET /nodes/{}/lxc/{}/snapshot":       {"digest", "running"},
	"GET /nodes/{}/lxc/{}/migrate":        {"not-allowed-nodes"},
	"GET /nodes/{}/tasks":                 {"saved", "pid", "pstart"},
	"GET /nodes/{}/tasks/{}/status":       {"pstart"},
	"POST /nodes/{}/lxc/{}/termproxy":     {"upid"},
	"GET /nodes/{}/storage":               {"used_fraction"},
	"GET /nodes/{}/storage/{}/content":    {"parent"},
	"GET /nodes/{}/network":               {"method", "method6", "families", "priority", "bridge_fd", "bridge_ports", "bridge_stp", "autostart", "exists"},
	"GET /nodes/{}/status":                {"boot-info", "idle", "ksm", "current-kernel", "avail", "vendor", "flags", "family", "user_hz", "hvm"},
	"GET /nodes/{}/rrddata": {"arcsize", "swaptotal", "swapused", "memavailable", "pressurecpusome", "pressurecpufull", "pressureiosome",
		"pressureiofull", "pressurememorysome", "pressurememoryfull"},
	"GET /cluster/resources": {"id", "type", "memhost"},
}

// checkDecoded compares every key of the recorded data with the field that holds it. A key that is neither held by a
// field nor listed as unused fails, so that nothing gets lost unnoticed.
func checkDecoded(t *testing.T, r recording, pattern string, result any) {
	t.Helper()
	if result == nil {
		return
	}
	var envelope struct {
		Data any `json:"data"`
	}
	decoder := json.NewDecoder(strings.NewReader(r.Body))
	decoder.UseNumber()
	if err := decoder.Decode(&envelope); err != nil {
		t.Fatalf("%s: %v", r.id(), err)
	}
	v := reflect.New(reflect.TypeOf(result)).Elem()
	v.Set(reflect.ValueOf(result))
	c := coverage{unused: unusedKeys[pattern]}
	switch x := result.(type) {
	case []Snapshot:
		sortByName(envelope.Data.([]any), x)
		c.compare("data", envelope.Data, v)
	case Resources:
		c.compareResources(envelope.Data.([]any), x)
	default:
		c.compare("data", envelope.Data, v)
	}
	for _, problem := range c.problems {
		t.Errorf("%s (%s): %s", r.id(), pattern, problem)
	}
}

// sortByName puts both lists in the same order: the client takes the present state out of the list of snapshots.
func sortByName(rows []any, snapshots []Snapshot) {
	name := func(row any) string { return row.(map[string]any)["name"].(string) }
	slices.SortFunc(rows, func(a, b any) int { return strings.Compare(name(a), name(b)) })
	slices.SortFunc(snapshots, func(a, b Snapshot) int { return strings.Compare(a.Name, b.Name) })
}

// compareResources compares the rows of each type with the list that they belong in.
func (c *coverage) compareResources(rows []any, got Resources) {
	byType := map[string][]any{}
	for _, row := range rows {
		kind := row.(map[string]any)["type"].(string)
		byType[kind] = append(byType[kind], row)
	}
	for kind, list := range map[string]any{"lxc": got.Containers, "node": got.Nodes, "storage": got.Storages, "pool": got.Pools} {
		if len(byType[kind]) > 0 {
			c.compare(kind, byType[kind], reflect.ValueOf(list))
		} else if n := reflect.ValueOf(list).Len(); n > 0 {
			c.problem(kind, "got %d rows, recorded none", n)
		}
	}
}

type coverage struct {
	unused   []string
	problems []string
}

func (c *coverage) problem(path, format string, args ...any) {
	c.problems = append(c.problems, path+": "+fmt.Sprintf(format, args...))
}

func (c *coverage) compare(path string, recorded any, v reflect.Value) {
	if recorded == nil {
		if !v.IsZero() {
			c.problem(path, "got %v, recorded null", v)
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			c.problem(path, "got nil, recorded %v", recorded)
			return
		}
		v = v.Elem()
	}
	switch x := recorded.(type) {
	case map[string]any:
		c.compareObject(path, x, v)
	case []any:
		c.compareList(path, x, v)
	default:
		c.compareScalar(path, fmt.Sprint(x), v)
	}
}

func (c *coverage) compareList(path string, recorded []any, v reflect.Value) {
	if v.Kind() != reflect.Slice || v.Len() != len(recorded) {
		c.problem(path, "got %v, recorded %d rows", v, len(recorded))
		return
	}
	for i, row := range recorded {
		c.compare(path+"."+strconv.Itoa(i), row, v.Index(i))
	}
}

func (c *coverage) compareObject(path string, recorded map[string]any, v reflect.Value) {
	if v.Kind() == reflect.Map {
		for key, value := range recorded {
			c.compare(path+"."+key, value, v.MapIndex(reflect.ValueOf(key)))
		}
		return
	}
	p := planOf(v.Type())
	if p.odd != nil && v.FieldByIndex(p.odd).Len() > 0 {
		c.problem(path, "odd fields %v", v.FieldByIndex(p.odd))
	}
	for key, value := range recorded {
		if f, known := p.fields[key]; known {
			c.compare(path+"."+key, value, v.FieldByIndex(f.index))
		} else if f, number, known := p.familyOf([]byte(key)); known {
			c.compare(path+"."+key, value, v.FieldByIndex(f.index).MapIndex(reflect.ValueOf(number)))
		} else if !slices.Contains(c.unused, key) {
			c.problem(path, "nothing holds key %q", key)
		}
	}
}

// compareScalar compares texts where the type keeps the text, numbers elsewhere. CPU figures below zero are clamped.
func (c *coverage) compareScalar(path, recorded string, v reflect.Value) {
	var got string
	switch x := v.Interface().(type) {
	case time.Time:
		got = "0"
		if !x.IsZero() {
			got = strconv.FormatInt(x.Unix(), 10)
		}
	case time.Duration:
		got = strconv.FormatFloat(x.Seconds(), 'f', -1, 64)
	case encoding.TextMarshaler:
		text, _ := x.MarshalText()
		got = string(text)
	case []string:
		got, recorded = strings.Join(x, ","), strings.Join(splitList(recorded), ",")
	case bool:
		got, recorded = fmt.Sprint(x), fmt.Sprint(recorded == "1")
	default:
		got = fmt.Sprint(x)
	}
	if got != recorded && !sameNumber(got, recorded) {
		c.problem(path, "got %q, recorded %q", got, recorded)
	}
}

func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && (math.Abs(x-y) <= 1e-9*math.Abs(y) || (x == 0 && y < 0))
}
