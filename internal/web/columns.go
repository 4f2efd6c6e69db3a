package web

import (
	"slices"

	"berth"
)

// column is a column of the table besides the name, which is always there.
type column struct {
	Key, Title string
	Sort       berth.SortField // empty: cannot be sorted by
	Usual      bool            // shown unless the user chose otherwise
	Narrow     bool            // holds figures: aligned to the right
}

// columns lists every column in the order of the table.
func columns() []column {
	return []column{
		{Key: "status", Title: "Status", Sort: berth.SortStatus, Usual: true},
		{Key: "vmid", Title: "VMID", Sort: berth.SortVMID, Usual: true, Narrow: true},
		{Key: "node", Title: "Node", Sort: berth.SortNode, Usual: true},
		{Key: "cluster", Title: "Cluster"},
		{Key: "addresses", Title: "Addresses", Usual: true},
		{Key: "cpu", Title: "CPU", Sort: berth.SortCPU, Usual: true, Narrow: true},
		{Key: "memory", Title: "Memory", Sort: berth.SortMemory, Usual: true, Narrow: true},
		{Key: "disk", Title: "Disk", Sort: berth.SortDisk, Usual: true, Narrow: true},
		{Key: "uptime", Title: "Uptime", Sort: berth.SortUptime, Usual: true, Narrow: true},
		{Key: "tags", Title: "Tags", Usual: true},
		{Key: "services", Title: "Services"},
		{Key: "template", Title: "Template"},
		{Key: "pool", Title: "Pool"},
		{Key: "created", Title: "Created", Sort: berth.SortCreated, Narrow: true},
	}
}

func defaultColumns() []string {
	var keys []string
	for _, c := range columns() {
		if c.Usual {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

// knownColumns gives those of keys that exist, in the order of the table.
func knownColumns(keys []string) []string {
	known := []string{}
	for _, c := range columns() {
		if slices.Contains(keys, c.Key) {
			known = append(known, c.Key)
		}
	}
	return known
}

// chosenColumns gives the columns of keys.
func chosenColumns(keys []string) []column {
	return slices.DeleteFunc(columns(), func(c column) bool { return !slices.Contains(keys, c.Key) })
}
