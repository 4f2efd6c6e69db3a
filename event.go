package berth

import "time"

// Event is an entry in the history: what happened, when, and who did it.
type Event struct {
	ID          string
	At          time.Time
	Actor       string // user name; "system" for Berth itself
	ActorID     string // the user's id, if any
	Source      string // web, api, cli, proxmox
	Action      string // cluster.add, user.add, container.stop, ...
	Cluster     string // name of the cluster concerned, if any
	ContainerID string // Berth's id of the container concerned, if any; empty while it is only discovered
	VMID        int    // of the container concerned; 0: none
	Subject     string // what it was done to, in words that stay readable when the thing is gone
	Details     map[string]string
}
