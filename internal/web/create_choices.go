package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"berth"
	"berth/internal/fleet"
	"berth/internal/web/ui"
)

// createChoices is what a node offers for the form, with what is chosen.
type createChoices struct {
	Node       string
	Nodes      []listChoice
	Images     []listChoice
	Storages   []listChoice
	Bridges    []listChoice
	Pools      []listChoice // empty: there are none to choose
	VMID       int          // the next free one; 0: not known
	Appliances []berth.Appliance
	Stores     []listChoice // that OS images can be fetched to
	Problem    string       // why nothing is known
	Unknown    []string     // what is not known, as sentences
}

// placeOf is the cluster of that name; the first one if there is none.
func placeOf(places []fleet.CreatePlace, cluster string) fleet.CreatePlace {
	for _, p := range places {
		if p.Cluster == cluster {
			return p
		}
	}
	if len(places) > 0 {
		return places[0]
	}
	return fleet.CreatePlace{}
}

// nodeIn is the node if it is one of the place and online, otherwise the one with the most free memory.
func nodeIn(place fleet.CreatePlace, node string) string {
	if slices.ContainsFunc(place.Nodes, func(n berth.Node) bool { return n.Name == node && n.Online }) {
		return node
	}
	return place.Emptiest()
}

func clusterChoices(places []fleet.CreatePlace, chosen string) []listChoice {
	var all []listChoice
	for _, p := range places {
		all = append(all, listChoice{Value: p.Cluster, Text: p.Cluster, Selected: p.Cluster == chosen})
	}
	return all
}

func nodeChoices(place fleet.CreatePlace, chosen string) []listChoice {
	var all []listChoice
	for _, n := range place.Nodes {
		text := n.Name
		switch {
		case !n.Online:
			text += " (offline)"
		case n.MemoryLimitBytes > 0:
			text += fmt.Sprintf(" (CPU %s, memory %s)", ui.Percent(n.CPU), ui.Percent(float64(n.MemoryBytes)/float64(n.MemoryLimitBytes)))
		}
		all = append(all, listChoice{Value: n.Name, Text: text, Selected: n.Name == chosen, Disabled: !n.Online})
	}
	return all
}

// getCreateChoices asks a node what it offers. What was chosen before stays chosen where the node has it too.
func (s *Server) getCreateChoices(w http.ResponseWriter, r *http.Request) error {
	c, err := s.readCreateChoices(r, r.URL.Query())
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, createChoiceParts(c))
}

func (s *Server) readCreateChoices(r *http.Request, chosen url.Values) (createChoices, error) {
	place := placeOf(s.actions.CreatePlaces(actorOf(r)), chosen.Get("cluster"))
	node := nodeIn(place, chosen.Get("node"))
	c := createChoices{Node: node, Nodes: nodeChoices(place, node)}
	if node == "" {
		c.Problem = "No node is online there that you may create containers on."
		return c, nil
	}
	found, err := s.actions.CreateChoices(r.Context(), actorOf(r), place.Cluster, node)
	if c.Problem = sentence(err); c.Problem != "" {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	c.take(&found, chosen)
	return c, nil
}

// take makes choices of what was found.
func (c *createChoices) take(found *berth.CreateChoices, chosen url.Values) {
	c.VMID, c.Unknown, c.Appliances = found.VMID, found.Unknown, found.Appliances
	several := slices.ContainsFunc(found.Images, func(i berth.ImageChoice) bool { return storageOf(i.Volume) != storageOf(found.Images[0].Volume) })
	for _, i := range found.Images {
		text := i.Name
		if several {
			text += " (on " + storageOf(i.Volume) + ")"
		}
		c.Images = append(c.Images, listChoice{Value: i.Volume, Text: text})
	}
	c.Images = selecting(c.Images, chosen.Get("image"), imageLike(c.Images, chosen.Get("image")))
	for _, s := range found.Storages {
		c.Storages = append(c.Storages, listChoice{Value: s.Name, Text: fmt.Sprintf("%s (%s, %s free)", s.Name, s.Type, ui.Bytes(s.FreeBytes))})
	}
	c.Storages = selecting(c.Storages, chosen.Get("storage"), usualStorage(found.Storages))
	for _, b := range found.Bridges {
		text := b.Name
		if b.Comment != "" {
			text += " (" + strings.TrimSpace(b.Comment) + ")"
		}
		c.Bridges = append(c.Bridges, listChoice{Value: b.Name, Text: text})
	}
	c.Bridges = append(c.Bridges, listChoice{Value: "", Text: "No network"})
	first := c.Bridges[0].Value
	if chosen.Has("bridge") && chosen.Get("bridge") == "" {
		first = ""
	}
	c.Bridges = selecting(c.Bridges, chosen.Get("bridge"), first)
	for _, pool := range found.Pools {
		c.Pools = append(c.Pools, listChoice{Value: pool, Text: pool})
	}
	if len(c.Pools) > 0 && !found.PoolNeeded {
		c.Pools = append([]listChoice{{Value: "", Text: "No pool"}}, c.Pools...)
	}
	c.Pools = selecting(c.Pools, chosen.Get("pool"), "")
	for _, store := range found.ImageStore {
		c.Stores = append(c.Stores, listChoice{Value: store, Text: store})
	}
}

// usualStorage is the one with the most space, of those that are no file servers if there are such: disks of containers are
// slow on them.
func usualStorage(all []berth.StorageChoice) string {
	best, bestLocal := berth.StorageChoice{}, false
	for _, s := range all {
		local := !slices.Contains([]string{"nfs", "cifs", "cephfs", "glusterfs"}, s.Type)
		if best.Name == "" || local && !bestLocal || local == bestLocal && s.FreeBytes > best.FreeBytes {
			best, bestLocal = s, local
		}
	}
	return best.Name
}

// selecting selects the chosen value, or the usual one if that is not there.
func selecting(all []listChoice, chosen, usual string) []listChoice {
	if chosen == "" || !slices.ContainsFunc(all, func(c listChoice) bool { return c.Value == chosen }) {
		chosen = usual
	}
	for i := range all {
		all[i].Selected = all[i].Value == chosen
	}
	return all
}

// imageLike is the image of the same file on another storage, otherwise the first one.
func imageLike(images []listChoice, volume string) string {
	_, file, _ := strings.Cut(volume, ":")
	like := listChoice{}
	for _, i := range slices.Backward(images) {
		if _, other, _ := strings.Cut(i.Value, ":"); file != "" && other == file {
			return i.Value
		}
		like = i
	}
	return like.Value
}

func storageOf(volume string) string {
	storage, _, _ := strings.Cut(volume, ":")
	return cmp.Or(storage, volume)
}
