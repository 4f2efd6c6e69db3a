package berth

// Lifecycle is Berth's own state of a tracked container.
type Lifecycle string

// The lifecycles.
const (
	LifecycleCreating Lifecycle = "creating"
	LifecycleReady    Lifecycle = "ready"
	LifecycleError    Lifecycle = "error"
)

// LiveStatus is what Proxmox VE says of a container now; empty when it does not say anything.
type LiveStatus string

// The live statuses.
const (
	LiveRunning LiveStatus = "running"
	LiveStopped LiveStatus = "stopped"
	LiveUnknown LiveStatus = "unknown"
)

// Status is what the user sees of a container.
type Status string

// The statuses.
const (
	StatusRunning  Status = "running"
	StatusStopped  Status = "stopped"
	StatusCreating Status = "creating"
	StatusError    Status = "error"
	StatusUnknown  Status = "unknown"
)

// Statuses lists every status, in the order people read them.
func Statuses() []Status {
	return []Status{StatusRunning, StatusStopped, StatusError, StatusCreating, StatusUnknown}
}

// UnknownReason says why nothing is known of a container's live status.
type UnknownReason string

// The reasons for status unknown.
const (
	UnknownGone        UnknownReason = "gone"         // deleted outside Berth: a full answer of a cluster with quorum did not have it
	UnknownNode        UnknownReason = "node-offline" // its node is offline, or has sent no statistics for a while
	UnknownCluster     UnknownReason = "no-answer"    // the cluster does not answer
	UnknownNotSampled  UnknownReason = "not-sampled"  // Proxmox has no sample of it, or does not list it in an answer that proves no deletion
	UnknownNeverPolled UnknownReason = "never-polled" // last known state from before a restart; Proxmox has not answered yet
)

// MergeStatus is the merge rule: Berth's own lifecycle wins while it is creating or in error, then what Proxmox says,
// and without an answer the status is unknown.
func MergeStatus(lifecycle Lifecycle, live LiveStatus, reachable bool) Status {
	switch {
	case lifecycle == LifecycleCreating:
		return StatusCreating
	case lifecycle == LifecycleError:
		return StatusError
	case reachable && live == LiveRunning:
		return StatusRunning
	case reachable && live == LiveStopped:
		return StatusStopped
	default:
		return StatusUnknown
	}
}

// Counts is how many containers there are, in all and by status.
type Counts struct {
	Total, Running, Stopped, Creating, Error, Unknown int
}

// Add counts one more container of status s.
func (c *Counts) Add(s Status) {
	c.Total++
	if n := c.of(s); n != nil {
		*n++
	}
}

// AddAll counts everything that other counted.
func (c *Counts) AddAll(other Counts) {
	c.Total += other.Total
	for _, s := range Statuses() {
		*c.of(s) += other.Of(s)
	}
}

// Of is the number of containers of status s.
func (c *Counts) Of(s Status) int {
	if n := c.of(s); n != nil {
		return *n
	}
	return 0
}

func (c *Counts) of(s Status) *int {
	switch s {
	case StatusRunning:
		return &c.Running
	case StatusStopped:
		return &c.Stopped
	case StatusCreating:
		return &c.Creating
	case StatusError:
		return &c.Error
	case StatusUnknown:
		return &c.Unknown
	}
	return nil
}
