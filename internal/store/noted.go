package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"berth"
	"berth/internal/store/sqlc"
)

// Noted is how a container was when somebody last looked whether it had changed.
type Noted struct {
	VMID int // 0: there is none
	At   time.Time
	Live berth.LiveStatus // empty while Proxmox VE has not said
	Node string
}

// NotedChange is that a container is not as noted any more; the VMID of Was or Now is 0 when it is new or gone.
type NotedChange struct {
	Was, Now Noted
	At       time.Time    // of the look at which it had changed
	Event    *berth.Event // the entry for the history; nil: what happened has one already
}

// Noted lists how the containers of a cluster were, by VMID.
func (s *Store) Noted(ctx context.Context, clusterID string) ([]Noted, error) {
	rows, err := s.look().Noted(ctx, clusterID)
	if err != nil {
		return nil, explain("list what is noted of cluster "+clusterID, err)
	}
	all := make([]Noted, len(rows))
	for i, r := range rows {
		all[i] = Noted{VMID: int(r.VMID), At: fromMillis(r.At), Live: berth.LiveStatus(r.Live), Node: r.Node}
	}
	return all, nil
}

// NoteChanges notes what has changed, each with its entry in the history, in one transaction. Of several processes that see
// the same change one notes it; a look that is older than what is noted changes nothing. Returns NotFound if there is no
// such cluster.
func (s *Store) NoteChanges(ctx context.Context, clusterID string, changes []NotedChange) error {
	return s.change(ctx, "note changes of cluster "+clusterID, func(q *sqlc.Queries) error {
		if _, err := q.ClusterName(ctx, clusterID); err != nil {
			return missing(err, "This cluster is no longer connected.")
		}
		for _, c := range slices.SortedFunc(slices.Values(changes), byVMID) { // in order: replicas never wait for each other
			rows, err := noteChange(ctx, q, clusterID, c)
			if err == nil && rows > 0 && c.Event != nil {
				err = s.addEvent(ctx, q, *c.Event)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func byVMID(a, b NotedChange) int {
	return cmp.Compare(cmp.Or(a.Was.VMID, a.Now.VMID), cmp.Or(b.Was.VMID, b.Now.VMID))
}

func noteChange(ctx context.Context, q *sqlc.Queries, clusterID string, c NotedChange) (rows int64, err error) {
	switch {
	case c.Was.VMID == 0:
		return q.NoteNew(ctx, sqlc.NoteNewParams{ClusterID: clusterID, VMID: int64(c.Now.VMID), At: millis(c.At), Live: string(c.Now.Live), Node: c.Now.Node})
	case c.Now.VMID == 0:
		return q.NoteGone(ctx, sqlc.NoteGoneParams{ClusterID: clusterID, VMID: int64(c.Was.VMID), WasLive: string(c.Was.Live), WasNode: c.Was.Node, At: millis(c.At)})
	}
	return q.NoteChange(ctx, sqlc.NoteChangeParams{ClusterID: clusterID, VMID: int64(c.Was.VMID), WasLive: string(c.Was.Live), WasNode: c.Was.Node,
		At: millis(c.At), Live: string(c.Now.Live), Node: c.Now.Node})
}

// NotedConfig gives the sum of a container's configuration that NoteConfig kept; empty: none yet. Returns NotFound if the
// container is not noted.
func (s *Store) NotedConfig(ctx context.Context, clusterID string, vmid int) (string, error) {
	sum, err := s.look().NotedConfig(ctx, sqlc.NotedConfigParams{ClusterID: clusterID, VMID: int64(vmid)})
	return sum, explain("read what is noted of a configuration", missing(err, "This container is not noted."))
}

// NoteConfig keeps the sum of a container's configuration in place of the one that was, with the entry in the history
// unless it is nil. Of several processes that see the same change one notes it.
func (s *Store) NoteConfig(ctx context.Context, clusterID string, vmid int, was, now string, e *berth.Event) error {
	return s.change(ctx, "note a configuration", func(q *sqlc.Queries) error {
		rows, err := q.NoteConfig(ctx, sqlc.NoteConfigParams{ClusterID: clusterID, VMID: int64(vmid), Was: was, Config: now})
		if err != nil || rows == 0 || e == nil {
			return err
		}
		return s.addEvent(ctx, q, *e)
	})
}
