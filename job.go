package berth

import (
	"strings"
	"time"
)

// Job is durable work: it survives crashes and restarts, and it always ends in one of the final states.
type Job struct {
	ID       string
	Kind     string
	Action   string // what it does to its subject: start, stop, ...; empty for work on nothing in particular
	Subject  string // what nobody else may work on meanwhile: the Key of a container; empty: nothing
	Title    string // "Stop web1 (101 on pve1)"
	Args     string // JSON; what it was asked to do
	ParentID string // of the job that it is a part of, if any

	Actor, ActorID, Source string // who asked for it, as in Actor

	State      JobState
	Step       string // what it does now, in words
	Done       int    // how much of Total is done; both 0 when that is not known
	Total      int
	Checkpoint string // JSON; what its kind keeps for going on after a crash
	Ref        string // Proxmox's task (UPID), if any
	Message    string // how it ended, in words
	Attempts   int    // how often it failed for reasons of Berth's own, and was tried again
	CancelBy   string // who asked to cancel it, if anybody

	CreatedAt time.Time
	StartedAt time.Time // zero while it is queued
	EndedAt   time.Time // zero while it is not over
}

// Ended tells whether the job is over.
func (j *Job) Ended() bool { return !j.EndedAt.IsZero() }

// JobState is how a job is doing.
type JobState string

// The states of jobs; the last three are final.
const (
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobSucceeded JobState = "succeeded"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// JobStep is a part of a job that was begun. A step that has ended is not done again when the job goes on after a crash.
type JobStep struct {
	Name      string
	StartedAt time.Time
	EndedAt   time.Time // zero: not over, or the job ended in it
}

// JobLine is a line of a job's log.
type JobLine struct {
	Number int // from 1
	At     time.Time
	Text   string
}

// Pending is what is being done to a container.
type Pending struct {
	Action string // start, stop, ...
	By     string // name of the user
	JobID  string
	Since  time.Time
}

// Task is a task of Proxmox VE, from whoever: the web interface of Proxmox, a backup plan, pct on a node, or a job of Berth.
type Task struct {
	Cluster   string
	Node      string
	UPID      string
	Type      string // vzstart, vzdump, ...
	Subject   string // key of the container; empty if it is about none or several
	User      string // USER@REALM or USER@REALM!TOKEN
	Own       bool   // Berth's token started it
	Former    bool   // of a container that was destroyed: another one may have its VMID
	StartedAt time.Time
	EndedAt   time.Time // zero while it runs
	Exit      string    // OK, WARNINGS: 2, or why it failed; empty while it runs
}

// Failed tells whether the task has ended without success.
func (t *Task) Failed() bool {
	return !t.EndedAt.IsZero() && t.Exit != "OK" && !strings.HasPrefix(t.Exit, "WARNINGS: ")
}
