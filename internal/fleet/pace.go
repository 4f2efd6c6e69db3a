package fleet

import (
	"math/rand/v2"
	"time"
)

// Pace is how often a cluster is asked. A watched cluster gets 60 looks at its tasks, 15 lists and at most 23 reads of single
// containers a minute, which is 98 calls.
//
// With it a change made by a task is seen after at most one look at the tasks and one read, so within 1.5 s while calls
// are quick. A death without a task is seen after the 10 s of Proxmox's statistics and one list: 95 % within 12 s.
type Pace struct {
	WatchedResources time.Duration // between lists, while somebody watches
	WatchedTasks     time.Duration // between looks at the tasks, while somebody watches
	Idle             time.Duration // between both, while nobody does
	Reads            time.Duration // between reads of single containers, on average
	Addresses        time.Duration // between reads that keep addresses and configurations fresh
	FirstFill        time.Duration // the same, until every container has been read once
	Details          time.Duration // between looks at quorum and load of nodes, while somebody has the page of nodes open
	Clusters         time.Duration // how often the database is asked whether clusters were added or removed
}

// DefaultPace keeps a watched cluster under 100 calls a minute and shows a change made by a task within 1.5 s.
func DefaultPace() Pace {
	return Pace{WatchedResources: 4 * time.Second, WatchedTasks: time.Second, Idle: 12 * time.Second,
		Reads: 2600 * time.Millisecond, Addresses: 3 * time.Second, FirstFill: 200 * time.Millisecond, Details: 3 * time.Second, Clusters: 2 * time.Second}
}

// beat is when a call that is repeated is due.
type beat struct {
	next     time.Time
	asked    time.Time // when the latest call began
	underWay bool
	again    bool // something happened during the call that its answer may lack
	failures int  // in a row
}

func (b *beat) due(now time.Time) bool { return !b.underWay && !b.next.After(now) }

func (b *beat) begin(now time.Time) { b.asked, b.underWay, b.again = now, true, false }

// end sets the time of the next call: at its pace, but a slow server is asked less often.
func (b *beat) end(now time.Time, pace, gap time.Duration) {
	b.underWay, b.failures = false, 0
	b.next = b.asked.Add(max(pace, min(2*now.Sub(b.asked), slowest)))
	if b.again {
		b.soon(gap)
	}
}

// fail sets the time of the next call after a failed one: in a second or two, then ever later up to longest. Chance keeps
// those who wait for the same server from coming back all at once.
func (b *beat) fail(now time.Time, longest time.Duration) {
	b.underWay = false
	b.next = now.Add(backOff(b.failures, time.Second, longest))
	b.failures++
	if b.again {
		b.next = now
	}
}

// soon brings the next call forward, to gap after the one before at the earliest.
func (b *beat) soon(gap time.Duration) {
	if b.underWay {
		b.again = true
		return
	}
	if at := b.asked.Add(gap); at.Before(b.next) {
		b.next = at
	}
}

// atOnce has the call made now, or again when it is under way.
func (b *beat) atOnce() {
	b.again, b.next = b.underWay, time.Time{}
}

// slowest is the longest time between two calls that a slow server gets.
const slowest = 2 * callTimeout

// backOff is how long to wait after so many failures in a row before: first, twice that, ..., up to longest, each
// between half and all of it.
func backOff(failures int, first, longest time.Duration) time.Duration {
	wait := min(first<<min(failures, 16), longest)
	return wait/2 + rand.N(wait/2+1)
}

// budget is how many reads of single containers may be made: one each interval, and those that were saved up while little
// happened. Most of what is saved is for news: reads for the sake of freshness wait until it is saved up again, so that
// the average stays what it is.
type budget struct {
	saved float64
	at    time.Time
}

const (
	mostSaved       = 60 // reads that can be saved up
	savedForNews    = 52 // left by reads that keep addresses and configurations fresh
	savedForUrgent  = 30 // left by reads of the addresses of containers that just started, and by second looks at a status
	savedForAnybody = 0
)

// take takes a read if more than keep are left after it.
func (b *budget) take(now time.Time, every time.Duration, keep int) bool {
	if b.at.IsZero() {
		b.saved = mostSaved
	} else if every > 0 {
		b.saved = min(mostSaved, b.saved+float64(now.Sub(b.at))/float64(every))
	}
	b.at = now
	if b.saved < float64(keep)+1 {
		return false
	}
	b.saved--
	return true
}
