package berth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// queryField is a field that queries know.
type queryField struct {
	name    string
	aliases []string
	about   string   // a few words for completion
	values  []string // all there are; nil: any
	parts   bool     // : searches for a part, = for the whole
	ordered bool     // goes with > >= < <=
	read    valueReader
}

// valueReader makes an alternative of one value of a term. Its error is the end of a sentence that begins with the
// value, without the full stop.
type valueReader func(op string, p pattern) (alternative, error)

// queryFields are all fields, in the order in which people most likely want them.
var queryFields = []queryField{
	{name: "status", about: "running, stopped, error, creating, unknown", values: texts(Statuses()),
		read: oneOf("a status", texts(Statuses()), func(c *Container) string { return string(c.Status) })},
	{name: "name", aliases: []string{"hostname"}, about: "the hostname contains", parts: true,
		read: wholeOrPart(func(c *Container, is func(string) bool) bool { return is(c.Hostname) })},
	{name: "node", about: "on this node", read: exactly(func(c *Container) string { return c.Node })},
	{name: "cluster", about: "in this cluster", read: exactly(func(c *Container) string { return c.Cluster })},
	{name: "tag", aliases: []string{"tags"}, about: "has this tag",
		read: wholeText(func(c *Container, is func(string) bool) bool { return slices.ContainsFunc(c.Tags, is) })},
	{name: "template", about: "made from this template", read: exactly(func(c *Container) string { return c.Template })},
	{name: "service", aliases: []string{"services"}, about: "runs a service whose name contains", parts: true, read: wholeOrPart(anyService)},
	{name: "ip", aliases: []string{"address"}, about: "address, network or beginning: 10.0.3.0/24", read: readAddress},
	{name: "mem", aliases: []string{"memory"}, about: "memory in use: mem>80%, mem>2G", ordered: true, read: compared(&sizes, memoryUsed, memoryShare)},
	{name: "cpu", about: "share of its cores, or cores in use: cpu>50%, cpu>0.5", ordered: true, read: compared(&cores, coresUsed, cpuShare)},
	{name: "disk", about: "disk space in use: disk>90%, disk>20G", ordered: true, read: compared(&sizes, diskUsed, diskShare)},
	{name: "is", about: "tracked, locked, gone, ...", values: keywordNames(), read: readKeyword},
	{name: "vmid", about: "number or range: vmid:100-199", ordered: true, read: compared(&whole, vmidOf, nil)},
	{name: "uptime", about: "how long it has been running: uptime<1h", ordered: true, read: compared(&period, uptimeOf, nil)},
	{name: "created", about: "how long ago it was created: created<7d", ordered: true, read: compared(&period, ageOf, nil)},
	{name: "lock", about: "has this Proxmox VE lock: backup, snapshot, ...", read: exactly(func(c *Container) string { return c.Lock })},
	{name: "pool", about: "in this resource pool", read: exactly(func(c *Container) string { return c.Pool })},
	{name: "ha", about: "in this high-availability state", read: exactly(func(c *Container) string { return c.HAState })},
	{name: "live", about: "what Proxmox VE says: running, stopped, unknown", values: texts(liveStatuses),
		read: oneOf("a live status", texts(liveStatuses), func(c *Container) string { return string(c.Live) })},
	{name: "id", about: "Berth's own id", read: exactly(func(c *Container) string { return c.ID })},
}

var liveStatuses = []LiveStatus{LiveRunning, LiveStopped, LiveUnknown}

// findField finds a field by name or alias; nil if there is none.
func findField(name string) *queryField {
	name = strings.ToLower(name)
	for i := range queryFields {
		if f := &queryFields[i]; f.name == name || slices.Contains(f.aliases, name) {
			return f
		}
	}
	return nil
}

func fieldNames() []string {
	var names []string
	for i := range queryFields {
		names = append(names, queryFields[i].name)
		names = append(names, queryFields[i].aliases...)
	}
	return names
}

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// textsOf tells whether is holds for one of the texts that a field has of a container.
type textsOf func(c *Container, is func(string) bool) bool

func anyService(c *Container, is func(string) bool) bool {
	for i := range c.Services {
		if is(c.Services[i].Name) {
			return true
		}
	}
	return false
}

// wholeText compares a value with the whole of a text.
func wholeText(of textsOf) valueReader {
	return func(_ string, p pattern) (alternative, error) { return textAlternative(of, p, p.fits), nil }
}

// wholeOrPart compares a value with the whole of a text after = and with a part after a colon.
func wholeOrPart(of textsOf) valueReader {
	return func(op string, p pattern) (alternative, error) {
		if op == "=" {
			return textAlternative(of, p, p.fits), nil
		}
		return textAlternative(of, p, p.isIn), nil
	}
}

func textAlternative(of textsOf, p pattern, is func(string) bool) alternative {
	return alternative{p.valueText(), func(c *Container, _ time.Time) bool { return of(c, is) }}
}

func exactly(of func(*Container) string) valueReader {
	return func(_ string, p pattern) (alternative, error) {
		return alternative{p.valueText(), func(c *Container, _ time.Time) bool { return p.fits(of(c)) }}, nil
	}
}

// oneOf is exactly for a field whose values are all known.
func oneOf(what string, values []string, of func(*Container) string) valueReader {
	read := exactly(of)
	return func(op string, p pattern) (alternative, error) {
		if !slices.ContainsFunc(values, p.fits) {
			last := len(values) - 1
			return alternative{}, fmt.Errorf("is not %s; choose %s or %s", what, strings.Join(values[:last], ", "), values[last])
		}
		return read(op, p)
	}
}
