package fleet

import (
	"slices"
	"strings"

	"berth"
	"berth/internal/pve"
)

// clusterStorages is what the snapshot knows of the storages of a cluster, and what the token may do there.
type clusterStorages struct {
	nodes  []berth.Node
	all    []berth.Storage
	rights berth.Rights // nil: not known
}

func storagesIn(s *Snapshot, cluster string) *clusterStorages {
	for _, view := range s.Clusters {
		if view.Cluster.Name == cluster {
			return &clusterStorages{nodes: view.Nodes, all: view.Storages, rights: view.Rights}
		}
	}
	return &clusterStorages{}
}

// on lists the storages of a node that hold such content, that can be used now and that the token may fill, by name.
func (s *clusterStorages) on(node, content string) []berth.StorageChoice {
	var found []berth.StorageChoice
	for i := range s.all {
		st := &s.all[i]
		mayFill := s.rights == nil || s.rights.Has(berth.StoragePath(st.Name), "Datastore.AllocateSpace")
		if st.Node == node && st.Available && slices.Contains(st.Content, content) && mayFill {
			found = append(found, berth.StorageChoice{Name: st.Name, Type: st.Type, FreeBytes: max(0, st.Bytes-st.UsedBytes), Shared: st.Shared})
		}
	}
	return found
}

// find gives the storage as a node has it; nil if it has none of that name.
func (s *clusterStorages) find(node, name string) *berth.Storage {
	for i := range s.all {
		if s.all[i].Node == node && s.all[i].Name == name {
			return &s.all[i]
		}
	}
	return nil
}

// zfsOf gives a storage of the disks that is ZFS; empty if none is.
func (s *clusterStorages) zfsOf(disks []Disk) string {
	for _, d := range disks {
		for i := range s.all {
			if d.Path != "" && s.all[i].Name == d.Storage && s.all[i].Type == "zfspool" {
				return d.Storage
			}
		}
	}
	return ""
}

// nodes are the nodes on which the actor may have the container or what is made of it, its own first.
func (o *orderChoices) nodes() []berth.NodeChoice {
	c := o.container
	var own, others []berth.NodeChoice
	for _, n := range o.storages.nodes {
		would := *c
		would.Node = n.Name
		if !o.by.Access.On(&would).Includes(berth.RoleOperator) {
			continue
		}
		choice := o.node(n)
		if choice.Own {
			own = append(own, choice)
		} else if o.request.Action != berth.ActionMoveVolume {
			others = append(others, choice)
		}
	}
	return append(own, others...)
}

func (o *orderChoices) node(n berth.Node) berth.NodeChoice {
	choice := berth.NodeChoice{Name: n.Name, Own: n.Name == o.container.Node, Keep: true, Storages: o.storages.on(n.Name, "rootdir")}
	switch {
	case !n.Online:
		choice.Refusal = n.Name + " is offline."
	case o.request.Action == berth.ActionMigrate:
		o.judgeMove(&choice)
	case o.request.Action == berth.ActionClone:
		o.judgeClone(&choice)
	case o.request.Action == berth.ActionCreate:
		o.judgeRestore(&choice)
	}
	return choice
}

// judgeMove tells whether the container can move there. Disks on shared storage stay where they are, others are copied to
// the storage of the same name or to a chosen one; directories and devices of the node cannot (pve-container 6.1.10 Migrate.pm).
func (o *orderChoices) judgeMove(choice *berth.NodeChoice) {
	if choice.Own {
		choice.Refusal = o.container.Hostname + " is there."
		return
	}
	if o.config == nil {
		return
	}
	if bound := boundMounts(o.config, false); len(bound) > 0 {
		choice.Refusal = strings.Join(bound, ", ") + " is a directory or device of " + o.container.Node + ", which cannot be moved."
		return
	}
	for _, d := range o.found.Disks {
		if o.storages.find(choice.Name, d.Storage) == nil {
			choice.Keep = false
		}
	}
	ha := o.container.HAState != "" // which moves a container as it is (pve-container 6.1.10 LXC.pm)
	switch {
	case !choice.Keep && (ha || len(choice.Storages) == 0):
		choice.Refusal = choice.Name + " does not have the storages on which its disks are."
	case choice.Keep && o.allowed != nil && !slices.Contains(o.allowed, choice.Name):
		choice.Refusal = "Proxmox does not allow it there."
	case ha:
		choice.Storages = nil
	}
}

// boundMounts are the mount points that are directories or devices of the node. Some are said to be shared: the same everywhere.
func boundMounts(c *pve.ContainerConfig, shared bool) []string {
	var bound []string
	for _, d := range disksOf(c, 0) {
		if d.Storage == "" && d.Path != "" && (shared || !mountNamed(c, d.Name).Shared) {
			bound = append(bound, d.Name)
		}
	}
	return bound
}

// judgeClone tells whether a copy can be there: the node of the container makes it, so elsewhere it takes shared storage
// (pve-container 6.1.10 LXC.pm).
func (o *orderChoices) judgeClone(choice *berth.NodeChoice) {
	if o.config != nil {
		if bound := boundMounts(o.config, true); len(bound) > 0 {
			choice.Refusal = strings.Join(bound, ", ") + " is a directory or device of " + o.container.Node + ", which cannot be cloned."
			return
		}
	}
	if choice.Own {
		return
	}
	var local []string
	for _, d := range o.found.Disks {
		if st := o.storages.find(choice.Name, d.Storage); st == nil || !st.Shared {
			local = append(local, d.Storage)
		}
	}
	choice.Keep = len(local) == 0
	here := o.storages.on(o.container.Node, "rootdir")
	choice.Storages = slices.DeleteFunc(choice.Storages, func(s berth.StorageChoice) bool {
		return !s.Shared || !slices.ContainsFunc(here, func(h berth.StorageChoice) bool { return h.Name == s.Name })
	})
	if !choice.Keep && len(choice.Storages) == 0 {
		choice.Refusal = strings.Join(slices.Compact(local), ", ") + " is not shared with " + choice.Name + ", and no other storage for disks is."
	}
}

// judgeRestore tells whether the backup can be read there.
func (o *orderChoices) judgeRestore(choice *berth.NodeChoice) {
	name, _, _ := strings.Cut(o.request.Backup.Volume, ":")
	st := o.storages.find(choice.Name, name)
	switch {
	case !choice.Own && (st == nil || !st.Shared):
		choice.Refusal = "The backup is on " + name + ", which is not shared with " + choice.Name + "."
	case len(choice.Storages) == 0:
		choice.Refusal = choice.Name + " has no storage for disks that Berth's token may fill."
	}
}
