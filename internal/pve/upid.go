package pve

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// UPID names a task: UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER: with its trailing colon. The empty UPID means that
// no task was started. Make one from text with [ParseUPID].
type UPID string

// As pve-common UPID.pm has it. PSTART has nine digits on hosts that are up for more than 497 days; ID may be empty.
var upidForm = regexp.MustCompile(`^UPID:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s/]+:[^:\s/]*:[^:\s/]+:$`)

// ParseUPID checks that s has the form of a UPID.
func ParseUPID(s string) (UPID, error) {
	if !upidForm.MatchString(s) {
		return "", fmt.Errorf("not a task id (UPID): %.100q", s)
	}
	return UPID(s), nil
}

func (u UPID) part(n int) string {
	parts := strings.Split(string(u), ":")
	if len(parts) != 9 {
		return ""
	}
	return parts[n]
}

// Node is the node that runs the task, which may differ from the node of the container (clone, migration, HA).
func (u UPID) Node() string { return u.part(1) }

// Type is the kind of task, such as vzstart or vzdump.
func (u UPID) Type() string { return u.part(5) }

// ID is what the task works on: mostly a VMID (of the source, for a clone), "101@local" for a volume, or nothing.
func (u UPID) ID() string { return u.part(6) }

// User is who started the task, as USER@REALM or USER@REALM!TOKEN.
func (u UPID) User() string { return u.part(7) }

// StartTime is when the task started, in whole seconds of the node's clock; zero if u is not a UPID.
func (u UPID) StartTime() time.Time {
	seconds, err := strconv.ParseInt(u.part(4), 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
