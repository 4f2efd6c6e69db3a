// Package jobs does durable work: River on both databases, steps, log, cancelling, and what is under way for whom.
//
// The row of a job in Berth's own table is the truth: what it is, who asked for it, how far it came, how it ended, and
// that nobody else works on its subject. River brings it to a worker: its row is added in the same transaction. A worker
// claims a job, gives signs of life while it works, and names its claim in every write. A job whose worker is silent for
// five beats is given to River once more, so that it goes on elsewhere, or after a restart. Parts of other jobs have workers of
// their own, so that a large one makes nobody else wait.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"berth"
	"berth/internal/live"
	"berth/internal/store"
)

// Jobs runs the jobs of all registered kinds. Make one with New, Register the kinds, then Start it.
type Jobs struct {
	store  *store.Store
	hub    *live.Hub
	log    *slog.Logger
	beat   time.Duration
	worker string // the name of this process
	kinds  map[string]Kind
	queue  queue

	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	running  map[claim]context.CancelCauseFunc
	stopping bool
}

// Options are what a deployment or a test decides.
type Options struct {
	Beat    time.Duration // between the signs of life of a worker; 0: 3 s
	Workers int           // jobs under way at once in this process, and as many parts of jobs; 0: 100
}

const (
	beatsUntilAdopted = 5  // without a sign of life, until others take a job over
	beatsUntilLost    = 20 // without anybody claiming a job, until it is made sure that River knows of it
)

// Kind is a kind of work.
type Kind struct {
	Name string

	// Work does a job. It is called again, with the same job, after a crash or a restart: what it did before is in the
	// run's checkpoint. The message says how it ended, in words. An error made with Fail is final; after any other one
	// the job is tried again a few times. When ctx ends with cause ErrCancelled it is to undo or abort what it can.
	Work func(ctx context.Context, run *Run) (message string, err error)

	// Ended, if set, is called in the transaction that ends the job, for what is to be kept with it.
	Ended func(ctx context.Context, tx *store.Tx, job berth.Job) error
}

// ErrCancelled is the cause of the end of a job's context when a person cancelled the job.
var ErrCancelled = errors.New("cancelled")

// errStopping is the cause of the end of a job's context when this process stops; the job goes on later.
var errStopping = errors.New("stopping")

// New sets up River's tables in the store's database.
func New(ctx context.Context, s *store.Store, hub *live.Hub, log *slog.Logger, o Options) (*Jobs, error) {
	if o.Beat <= 0 {
		o.Beat = 3 * time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 100
	}
	j := &Jobs{store: s, hub: hub, log: log, beat: o.Beat, worker: uuid.NewString(), kinds: map[string]Kind{}, running: map[claim]context.CancelCauseFunc{}}
	var err error
	if j.queue, err = newQueue(ctx, s, log, o.Workers, j.work); err != nil {
		return nil, fmt.Errorf("set up the queue of jobs: %w", err)
	}
	return j, nil
}

// Register makes a kind of work known. Call it before Start.
func (j *Jobs) Register(k Kind) { j.kinds[k.Name] = k }

// Start works on jobs in the background until Stop.
func (j *Jobs) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel = cancel
	if err := j.queue.start(ctx); err != nil {
		cancel()
		return fmt.Errorf("start the queue of jobs: %w", err)
	}
	j.group.Go(func() { j.adoptLost(ctx) })
	j.group.Go(func() { j.followOthers(ctx) })
	return nil
}

// Stop gives the jobs under way back, so that they go on elsewhere or after a restart, and waits for their workers.
func (j *Jobs) Stop(ctx context.Context) error {
	j.mu.Lock()
	j.stopping = true
	for _, cancel := range j.running {
		cancel(errStopping)
	}
	j.mu.Unlock()
	err := j.queue.stop(ctx)
	j.cancel()
	j.group.Wait()
	return err
}

// Change runs f in one transaction, in which Add adds jobs and f keeps what belongs to them, and tells everybody after it.
func (j *Jobs) Change(ctx context.Context, what string, f func(tx *store.Tx) error) error {
	if err := j.store.InTx(ctx, what, f); err != nil {
		return err
	}
	j.queue.wake()
	j.hub.Publish(live.Jobs)
	return nil
}

// Add adds a job in the transaction of Change. Returns Conflict, naming the job under way and who started it, if there is
// one for the same subject.
func (j *Jobs) Add(ctx context.Context, tx *store.Tx, job berth.Job) (berth.Job, error) {
	if _, ok := j.kinds[job.Kind]; !ok {
		return berth.Job{}, fmt.Errorf("there is no kind of job called %q", job.Kind)
	}
	added, err := tx.AddJob(ctx, job)
	if err != nil {
		return berth.Job{}, err
	}
	return added, j.queue.insert(ctx, tx, time.Time{}, added)
}

// Cancel asks a job to end early. One that no worker has yet ends at once. Returns Conflict if the job is over already.
func (j *Jobs) Cancel(ctx context.Context, actor berth.Actor, id string) error {
	err := j.Change(ctx, "cancel job "+id, func(tx *store.Tx) error {
		job, begun, err := tx.RequestCancel(ctx, id, actor.Name)
		if err != nil || begun {
			return err
		}
		return j.end(ctx, tx, job, berth.JobCancelled, cancelledMessage(actor.Name))
	})
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for c, cancel := range j.running {
		if c.job == id {
			cancel(ErrCancelled)
		}
	}
	return nil
}

func cancelledMessage(by string) string { return "Cancelled by " + by + "." }

// end makes a job final, with what its kind keeps.
func (j *Jobs) end(ctx context.Context, tx *store.Tx, job berth.Job, state berth.JobState, message string) error {
	ended, err := tx.EndJob(ctx, job.ID, state, message)
	if err != nil {
		return err
	}
	if kind := j.kinds[job.Kind]; kind.Ended != nil {
		return kind.Ended(ctx, tx, ended)
	}
	return nil
}
