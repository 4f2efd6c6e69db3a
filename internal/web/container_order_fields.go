package web

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"berth"
	"berth/internal/web/ui"
)

// orderField is an input of an orderForm.
type orderField struct {
	Name, Label, Value, Help string
	Kind                     string // text, number, lines, choice, check or hidden
	Choices                  []choiceText
	On                       bool // of a check
	Again                    bool // others depend on it: the dialog is made anew when it changes
	Min                      int
	Needed                   bool
}

// choiceText is something to choose. With a reason why not it is shown, but cannot be chosen.
type choiceText struct{ Value, Text, Refusal string }

// orderAsk is what the fields of a dialog are made of.
type orderAsk struct {
	container *berth.Container
	choices   berth.OrderChoices
	query     url.Values // what the dialog was opened for, or what was chosen in it before
	again     bool       // the latter
	stamp     string     // the time, for names
	refusal   string     // why there is nothing to choose
}

// value is what was given before, or what most people want.
func (a *orderAsk) value(name, first string) string {
	if a.again {
		return a.query.Get(name)
	}
	return first
}

func (a *orderAsk) text(name, label, first, help string) orderField {
	return orderField{Kind: "text", Name: name, Label: label, Value: a.value(name, first), Help: help}
}

func (a *orderAsk) lines(name, label, help string) orderField {
	return orderField{Kind: "lines", Name: name, Label: label, Value: a.value(name, ""), Help: help}
}

func (a *orderAsk) check(name, label string, first bool) orderField {
	on := first
	if a.again {
		on = a.query.Has(name)
	}
	return orderField{Kind: "check", Name: name, Label: label, On: on}
}

func (a *orderAsk) hidden(name string) orderField {
	return orderField{Kind: "hidden", Name: name, Value: a.query.Get(name)}
}

func hiddenOnly(name string) func(*orderAsk) []orderField {
	return func(a *orderAsk) []orderField { return []orderField{a.hidden(name)} }
}

// choice has the value of before, or the first one that can be chosen.
func (a *orderAsk) choice(name, label, help string, choices []choiceText) orderField {
	f := orderField{Kind: "choice", Name: name, Label: label, Help: help, Choices: choices}
	can := func(c choiceText) bool { return c.Refusal == "" }
	before := a.query.Get(name)
	if i := slices.IndexFunc(choices, func(c choiceText) bool { return c.Value == before && can(c) }); a.again && i >= 0 {
		f.Value = before
	} else if i := slices.IndexFunc(choices, can); i >= 0 {
		f.Value = choices[i].Value
	}
	return f
}

func (a *orderAsk) running() bool { return a.container.Live == berth.LiveRunning }

func snapshotFields(a *orderAsk) []orderField {
	return []orderField{a.text("name", "Name", "manual-"+a.stamp, "Letters, digits, dashes and underscores."), a.lines("description", "Description", "")}
}

func rollbackFields(a *orderAsk) []orderField {
	fields := []orderField{a.hidden("name")}
	if a.choices.First {
		fields = append(fields, a.check("first", "Take a snapshot of the present state first", false))
	}
	return append(fields, a.check("start", "Start it afterwards", a.running()))
}

func backupFields(a *orderAsk) []orderField {
	storages := storageTexts(a.choices.Backups)
	if len(storages) == 0 {
		a.refusal = "There is no storage for backups on " + a.container.Node + " that Berth's API token may fill."
	}
	return []orderField{a.choice("storage", "Storage", "", storages),
		a.choice("mode", "Mode", "", []choiceText{{Value: "snapshot", Text: "Snapshot: it goes on running"}, {Value: "suspend", Text: "Suspend: a short pause"}, {Value: "stop", Text: "Stop: it is down meanwhile"}}),
		a.choice("compress", "Compression", "", []choiceText{{Value: "zstd", Text: "zstd: fast and small"}, {Value: "gzip", Text: "gzip"}, {Value: "lzo", Text: "lzo"}, {Value: "0", Text: "none"}}),
		a.text("notes", "Notes", hostname(a.container), ""), a.check("protected", "Protect it against being deleted", false)}
}

func restoreFields(a *orderAsk) []orderField {
	fields := []orderField{a.hidden("volume")}
	if a.running() {
		fields = append(fields, a.check("stop-first", "It is running: stop it first", true))
	}
	return append(fields, a.check("start", "Start it afterwards", a.running()))
}

// storageTexts says "local-lvm (lvmthin), 120 GiB free".
func storageTexts(storages []berth.StorageChoice) []choiceText {
	texts := make([]choiceText, 0, len(storages))
	for _, s := range storages {
		texts = append(texts, choiceText{Value: s.Name, Text: s.Name + " (" + s.Type + "), " + ui.Bytes(s.FreeBytes) + " free"})
	}
	return texts
}

// vmid is the field of a new VMID.
func (a *orderAsk) vmid() orderField {
	first := ""
	if a.choices.VMID > 0 {
		first = strconv.Itoa(a.choices.VMID)
	}
	return orderField{Kind: "number", Name: "vmid", Label: "VMID", Value: a.value("vmid", first), Help: "Empty: the next free one.", Min: 100}
}

// pool is the field of the pool, if there is one to choose.
func (a *orderAsk) pool() []orderField {
	if len(a.choices.Pools) == 0 {
		return nil
	}
	var pools []choiceText
	if !a.choices.PoolNeeded {
		pools = append(pools, choiceText{Text: "None"})
	}
	for _, p := range a.choices.Pools {
		pools = append(pools, choiceText{Value: p, Text: p})
	}
	f := a.choice("pool", "Pool", "", pools)
	if own := a.container.Pool; !a.again && slices.Contains(a.choices.Pools, own) {
		f.Value = own
	}
	return []orderField{f}
}

// node is the field of the node, and the one that is chosen.
func (a *orderAsk) node(label string) (orderField, berth.NodeChoice) {
	choices := make([]choiceText, 0, len(a.choices.Nodes))
	for _, n := range a.choices.Nodes {
		text := n.Name
		if n.Own {
			text += " (where it is)"
		}
		choices = append(choices, choiceText{Value: n.Name, Text: text, Refusal: n.Refusal})
	}
	f := a.choice("node", label, "", choices)
	f.Again = true
	for _, n := range a.choices.Nodes {
		if n.Name == f.Value {
			return f, n
		}
	}
	a.refusal = "There is no node for it."
	if len(choices) > 0 {
		reasons := make([]string, 0, len(choices))
		for _, c := range choices {
			reasons = append(reasons, c.Refusal)
		}
		a.refusal = "There is no node for it: " + strings.Join(reasons, " ")
	}
	return f, berth.NodeChoice{}
}

// diskChoice says "rootfs (/) on local-lvm, 8 GiB".
func diskChoice(d berth.DiskChoice) choiceText {
	text := fmt.Sprintf("%s (%s) on %s", d.Name, d.Path, d.Storage)
	if d.SizeBytes > 0 {
		text += ", " + ui.Bytes(d.SizeBytes)
	}
	return choiceText{Value: d.Name, Text: text}
}

// describedBy names what says more of a field.
func describedBy(name string) string { return "help-" + name + " " + errorID(name) }

// errorID is the id of the place beside a field where it is said what is wrong with it.
func errorID(name string) string { return "error-" + notInIDs.ReplaceAllString(name, "-") }

var notInIDs = regexp.MustCompile(`[^A-Za-z0-9_-]`)

func sortedNames(fields map[string]string) []string { return slices.Sorted(maps.Keys(fields)) }

// againAttribute marks a field on which others depend.
func againAttribute(f orderField) templ.Attributes {
	if f.Again {
		return templ.Attributes{"data-sheet-again": true}
	}
	return nil
}
