package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth"
	"berth/internal/web/ui"
)

func cloneFields(a *orderAsk) []orderField {
	nodes, node := a.node("Node")
	fields := []orderField{nodes, a.vmid(), a.text("hostname", "Hostname", hostname(a.container)+"-copy", "")}
	full := true
	if a.container.PVETemplate {
		kind := a.choice("kind", "Kind", "", a.kinds())
		kind.Again, full = true, kind.Value != "linked"
		fields = append(fields, kind)
	}
	if len(a.choices.Snapshots) > 0 {
		fields = append(fields, a.choice("snapshot", "State", "", a.states()))
	}
	if full {
		fields = append(fields, a.storage(node, "As the original"))
	}
	return append(append(fields, a.pool()...), a.lines("description", "Notes", "Empty: those of the original."))
}

// kinds are the ways to clone a template.
func (a *orderAsk) kinds() []choiceText {
	linked := choiceText{Value: "linked", Text: "Linked: quick, and bound to the template"}
	if !a.choices.Linked {
		linked.Refusal = "The storage of the template cannot do that."
	}
	return []choiceText{linked, {Value: "full", Text: "Full: a copy of all data"}}
}

// states are what can be cloned: a running container only as one of its snapshots was.
func (a *orderAsk) states() []choiceText {
	now := choiceText{Text: "As it is now"}
	if a.running() {
		now.Refusal = "It runs."
	}
	states := []choiceText{now}
	for _, name := range a.choices.Snapshots {
		states = append(states, choiceText{Value: name, Text: "Snapshot " + name})
	}
	return states
}

// storage is the field of the storage for disks on a node.
func (a *orderAsk) storage(node berth.NodeChoice, keep string) orderField {
	storages := storageTexts(node.Storages)
	if node.Keep {
		storages = slices.Insert(storages, 0, choiceText{Text: keep})
	}
	help := ""
	if !node.Keep && node.Name != "" {
		help = node.Name + " does not have the storages on which its disks are."
	}
	return a.choice("storage", "Storage", help, storages)
}

func migrateFields(a *orderAsk) []orderField {
	nodes, node := a.node("Node")
	fields := []orderField{nodes, a.storage(node, "Storages of the same names")}
	if a.container.HAState != "" {
		fields[1].Help = "High availability moves it, and asks for no other storage."
	}
	if a.running() {
		fields = append(fields, a.choice("mode", "It runs now", "", []choiceText{{Value: "restart", Text: "Shut it down, move it, start it there"},
			{Value: "online", Text: "Move it while it runs", Refusal: "Containers cannot."}}))
	}
	return fields
}

func resizeFields(a *orderAsk) []orderField {
	disk, chosen := a.disk()
	size := orderField{Kind: "number", Name: "gib", Label: "New size in GiB", Value: a.value("gib", ""), Min: chosen.GiB() + 1, Needed: true}
	if chosen.SizeBytes > 0 {
		size.Help = "Now " + ui.Bytes(chosen.SizeBytes) + "."
	}
	return []orderField{disk, size}
}

func moveVolumeFields(a *orderAsk) []orderField {
	disk, chosen := a.disk()
	var storages []choiceText
	for _, n := range a.choices.Nodes {
		storages = storageTexts(slices.DeleteFunc(slices.Clone(n.Storages), func(s berth.StorageChoice) bool { return s.Name == chosen.Storage }))
	}
	if len(storages) == 0 && a.refusal == "" {
		a.refusal = "There is no other storage for disks on " + a.container.Node + " that Berth's API token may fill."
	}
	fields := []orderField{disk, a.choice("storage", "To the storage", "", storages)}
	if len(a.choices.Snapshots) == 0 {
		fields = append(fields, a.check("delete-source", "Delete the disk on "+chosen.Storage+" afterwards", true))
	}
	return fields
}

// disk is the field of the disk, and the one that is chosen.
func (a *orderAsk) disk() (orderField, berth.DiskChoice) {
	choices := make([]choiceText, 0, len(a.choices.Disks))
	for _, d := range a.choices.Disks {
		choices = append(choices, diskChoice(d))
	}
	f := a.choice("name", "Disk", "", choices)
	f.Again = len(choices) > 1
	for _, d := range a.choices.Disks {
		if d.Name == f.Value {
			return f, d
		}
	}
	a.refusal = "It has no disk on a storage of Proxmox."
	if len(a.choices.Unknown) > 0 {
		a.refusal = strings.Join(a.choices.Unknown, " ")
	}
	return f, berth.DiskChoice{}
}

func restoreNewFields(a *orderAsk) []orderField {
	nodes, node := a.node("Node")
	storage := a.storage(berth.NodeChoice{Storages: node.Storages}, "")
	if len(a.choices.Disks) > 0 && !a.again { // where that of the original is
		root := a.choices.Disks[0].Storage
		if slices.ContainsFunc(storage.Choices, func(c choiceText) bool { return c.Value == root }) {
			storage.Value = root
		}
	}
	fields := []orderField{a.hidden("volume"), a.vmid(), a.text("hostname", "Hostname", "", "Empty: as in the backup."), nodes, storage}
	fields = append(fields, a.pool()...)
	return append(fields, a.check("new-macs", "Give it hardware addresses of its own", true), a.check("start", "Start it afterwards", false))
}

// orderRequest reads what the dialog of an order asks for.
func orderRequest(action berth.Action, form url.Values, now time.Time) berth.ActionRequest {
	request := berth.ActionRequest{Action: action, Start: form.Has("start"), StopFirst: form.Has("stop-first"),
		Snapshot: berth.SnapshotOrder{Name: strings.TrimSpace(form.Get("name")), Description: form.Get("description")},
		Backup: berth.BackupOrder{Mode: form.Get("mode"), Compress: form.Get("compress"), Notes: form.Get("notes"),
			Protected: form.Has("protected"), Volume: form.Get("volume")},
		Copy: berth.CopyOrder{Node: form.Get("node"), Storage: form.Get("storage"), VMID: number(form, "vmid"), Hostname: strings.TrimSpace(form.Get("hostname")), Pool: form.Get("pool"),
			Snapshot: form.Get("snapshot"), Full: form.Get("kind") != "linked", Restart: form.Get("mode") == "restart", Description: strings.TrimSpace(form.Get("description"))},
		Disk: berth.DiskOrder{Name: form.Get("name"), GiB: number(form, "gib"), Storage: form.Get("storage"), KeepSource: !form.Has("delete-source")}}
	if action == berth.ActionBackup {
		request.Backup.Storage = form.Get("storage")
	}
	if form.Has("first") {
		request.Snapshot.First = firstSnapshot(now)
	}
	return request
}

// restoreSpec is a new container as the dialog of its backup asks for it.
func restoreSpec(c *berth.Container, form url.Values) berth.CreateSpec {
	return berth.CreateSpec{Cluster: c.Cluster, Node: form.Get("node"), VMID: number(form, "vmid"), Backup: form.Get("volume"), Hostname: strings.TrimSpace(form.Get("hostname")),
		Pool: form.Get("pool"), DiskStorage: form.Get("storage"), Start: form.Has("start"), KeepMACs: !form.Has("new-macs")}
}

// number reads a number of a form; 0 if there is none, which checkNumbers tells from one that cannot be read.
func number(form url.Values, name string) int {
	n, err := strconv.Atoi(strings.TrimSpace(form.Get(name)))
	if err != nil {
		return 0
	}
	return n
}

// checkNumbers refuses what is no number.
func checkNumbers(action berth.Action, form url.Values) error {
	fields := map[string]string{}
	for _, name := range []string{"vmid", "gib"} {
		text := strings.TrimSpace(form.Get(name))
		if _, err := strconv.Atoi(text); err != nil && (text != "" || name == "gib" && action == berth.ActionResize) {
			fields[name] = "This is a whole number."
		}
	}
	if len(fields) > 0 {
		return berth.InvalidFields(fields)
	}
	return nil
}
