package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"berth"
)

// listItem is a line of the list: the head of a group, or a container.
type listItem struct {
	Group     groupHead
	Container *berth.Container // nil: the head of a group
	ID        string           // of its element on the page
}

// groupHead names a group and says how many containers of it match.
type groupHead struct {
	Title, Icon string
	Count       int
}

// newListItems arranges containers, which are in order, by groups, at most limit of them (0: all). A container with
// several tags is in several groups. many tells whether there is more than one cluster.
func newListItems(containers []*berth.Container, by group, limit int, many bool) []listItem {
	if limit <= 0 {
		limit = len(containers)
	}
	if by == noGroup {
		items := make([]listItem, 0, min(len(containers), limit))
		for _, c := range containers[:min(len(containers), limit)] {
			items = append(items, listItem{Container: c, ID: domID(c)})
		}
		return items
	}
	return groupedItems(containers, by, limit, many)
}

// entries counts the lines of the list besides the heads of groups: a container has one in each of its groups.
func entries(containers []*berth.Container, by group) int {
	if by == noGroup {
		return len(containers)
	}
	all := 0
	for _, c := range containers {
		all += len(groupsOf(c, by))
	}
	return all
}

func groupedItems(containers []*berth.Container, by group, limit int, many bool) []listItem {
	members := map[string][]*berth.Container{}
	for _, c := range containers {
		for _, name := range groupsOf(c, by) {
			members[name] = append(members[name], c)
		}
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return compareGroups(by, a, b) })
	var items []listItem
	for n, name := range names {
		if limit <= 0 {
			break
		}
		number := strconv.Itoa(n)
		items = append(items, listItem{Group: newGroupHead(by, name, len(members[name]), many), ID: "g-" + number})
		for _, c := range members[name][:min(len(members[name]), limit)] {
			id := domID(c)
			if by == byTag {
				id += "-" + number // it may be on the page more than once
			}
			items = append(items, listItem{Container: c, ID: id})
			limit--
		}
	}
	return items
}

func groupsOf(c *berth.Container, by group) []string {
	switch by {
	case byNode:
		return []string{c.Cluster + "\x00" + c.Node}
	case byCluster:
		return []string{c.Cluster}
	case byTemplate:
		return []string{c.Template}
	case byStatus:
		return []string{string(c.Status)}
	default:
		if len(c.Tags) == 0 {
			return []string{""}
		}
		return c.Tags
	}
}

// compareGroups puts groups in natural order, statuses as people read them, and "none" last.
func compareGroups(by group, a, b string) int {
	if by == byStatus {
		return cmp.Compare(slices.Index(berth.Statuses(), berth.Status(a)), slices.Index(berth.Statuses(), berth.Status(b)))
	}
	if (a == "") != (b == "") {
		return cmp.Compare(len(b), len(a))
	}
	return berth.CompareNatural(a, b)
}

func newGroupHead(by group, name string, count int, many bool) groupHead {
	switch by {
	case byNode:
		cluster, node, _ := strings.Cut(name, "\x00")
		if many {
			node += " · " + cluster
		}
		return groupHead{Title: node, Icon: "server", Count: count}
	case byCluster:
		return groupHead{Title: name, Icon: "network", Count: count}
	case byTemplate:
		return groupHead{Title: cmp.Or(name, "No template"), Icon: "box", Count: count}
	case byStatus:
		return groupHead{Title: capitalised(name), Icon: newStatusView(berth.Status(name)).Icon, Count: count}
	default:
		return groupHead{Title: cmp.Or(name, "No tag"), Icon: "tag", Count: count}
	}
}
