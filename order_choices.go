package berth

// OrderChoices is what there is to choose from for an action on a container. What the action does not need is left out.
type OrderChoices struct {
	Refusal    string          // why it is not possible, as a sentence; empty: nothing that is known speaks against it
	Warning    string          // what is to be known before, as sentences
	VMID       int             // the next free one; 0: not known
	Nodes      []NodeChoice    // its own node first, the others by name
	Disks      []DiskChoice    // those that Proxmox manages, the root file system first
	Snapshots  []string        // newest first
	Backups    []StorageChoice // storages of its node for backups, by name
	Pools      []string
	PoolNeeded bool // the token may make containers in a pool only
	Linked     bool // clone: a linked one is possible
	First      bool // rollback: a snapshot can be taken before
	Unknown    []string
}

// NodeChoice is a node where a container, or what is made of it, could be.
type NodeChoice struct {
	Name     string
	Own      bool            // the container is there
	Refusal  string          // why it cannot be there, as a sentence; empty: it can
	Keep     bool            // its disks can be on storages of the same names there
	Storages []StorageChoice // that its disks could be on there, by name
}

// DiskChoice is a disk of a container.
type DiskChoice struct {
	Name, Path string // rootfs, mp0, ...; where the container has it
	Storage    string
	SizeBytes  int64 // 0: not known
}

// GiB is the size of the disk, rounded down: it can only grow beyond that.
func (d DiskChoice) GiB() int { return int(d.SizeBytes >> 30) }
