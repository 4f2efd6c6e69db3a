package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"berth"
	"berth/internal/store"
)

// queue is River on one of the databases. It is an interface because River's types differ between them.
type queue interface {
	insert(ctx context.Context, tx *store.Tx, at time.Time, jobs ...berth.Job) error
	lacking(ctx context.Context, tx *store.Tx, jobs []berth.Job) ([]berth.Job, error) // of which no order waits
	wake()                                                                            // after a transaction with insert
	start(ctx context.Context) error
	stop(ctx context.Context) error
}

// order is what River keeps: which job to work on.
type order struct {
	ID string `json:"id"`
}

// Kind is River's name of it.
func (order) Kind() string { return "berth" }

const (
	// orderTimeout only bounds how long River remembers an order whose worker crashed: the job itself goes on long before,
	// with an order of its own. It must be more than any job takes.
	orderTimeout    = 24 * time.Hour
	orderKept       = time.Hour       // after its end, until River forgets it
	fetchAnyway     = 5 * time.Second // between two looks for orders of which nobody told; each is a write
	migrateAttempts = 5               // of processes that set up River's tables at the same time
)

// queueOfParts is for parts of jobs, of which there may be hundreds: nobody else waits behind them.
const queueOfParts = "parts"

// mostWaiting are the orders that are looked at for those that wait; beyond them some job may get a second one, which is
// nothing to do.
const mostWaiting = 10000

func newQueue(ctx context.Context, s *store.Store, log *slog.Logger, workers int, work func(ctx context.Context, id string) error) (queue, error) {
	config := &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}, queueOfParts: {MaxWorkers: workers}},
		Workers:              river.NewWorkers(),
		Logger:               slog.New(quiet{log.Handler()}),
		FetchCooldown:        10 * time.Millisecond,
		FetchPollInterval:    fetchAnyway,
		JobTimeout:           orderTimeout,
		RescueStuckJobsAfter: orderTimeout + time.Hour,

		CompletedJobRetentionPeriod: orderKept, CancelledJobRetentionPeriod: orderKept, DiscardedJobRetentionPeriod: orderKept,
	}
	river.AddWorker(config.Workers, river.WorkFunc(func(ctx context.Context, o *river.Job[order]) error { return work(ctx, o.Args.ID) }))
	if pool := s.Postgres(); pool != nil {
		return riverOn(ctx, riverpgxv5.New(pool), config, (*store.Tx).Postgres, func() {})
	}
	driver := &sqliteDriver{Driver: riversqlite.New(s.SQLite()), inserted: make(chan struct{}, 1)}
	return riverOn[*sql.Tx](ctx, driver, config, (*store.Tx).SQLite, driver.wake)
}

// riverQueue is River with the transactions of one kind of database.
type riverQueue[T any] struct {
	client *river.Client[T]
	txOf   func(*store.Tx) T
	wakeUp func()
}

func riverOn[T any](ctx context.Context, driver riverdriver.Driver[T], config *river.Config, txOf func(*store.Tx) T, wake func()) (queue, error) {
	if err := migrate(ctx, driver, config.Logger); err != nil {
		return nil, err
	}
	client, err := river.NewClient(driver, config)
	if err != nil {
		return nil, err
	}
	return &riverQueue[T]{client: client, txOf: txOf, wakeUp: wake}, nil
}

// migrate brings River's tables up to date. One of several processes that do so at once wins; the others look again.
func migrate[T any](ctx context.Context, driver riverdriver.Driver[T], log *slog.Logger) error {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	for range migrateAttempts {
		if _, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil {
			return nil
		}
	}
	return err
}

func (q *riverQueue[T]) insert(ctx context.Context, tx *store.Tx, at time.Time, jobs ...berth.Job) error {
	orders := make([]river.InsertManyParams, len(jobs))
	for i := range jobs {
		orders[i] = river.InsertManyParams{Args: order{ID: jobs[i].ID}, InsertOpts: &river.InsertOpts{ScheduledAt: at}}
		if jobs[i].ParentID != "" {
			orders[i].InsertOpts.Queue = queueOfParts
		}
	}
	if len(orders) == 0 {
		return nil
	}
	_, err := q.client.InsertManyTx(ctx, q.txOf(tx), orders)
	return err
}

func (q *riverQueue[T]) lacking(ctx context.Context, tx *store.Tx, jobs []berth.Job) ([]berth.Job, error) {
	waiting := river.NewJobListParams().States(rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateScheduled)
	found, err := q.client.JobListTx(ctx, q.txOf(tx), waiting.First(mostWaiting))
	if err != nil {
		return nil, err
	}
	waits := map[string]bool{}
	for _, row := range found.Jobs {
		var o order
		if err := json.Unmarshal(row.EncodedArgs, &o); err != nil {
			return nil, err
		}
		waits[o.ID] = true
	}
	return slices.DeleteFunc(jobs, func(j berth.Job) bool { return waits[j.ID] }), nil
}

func (q *riverQueue[T]) wake() { q.wakeUp() }

func (q *riverQueue[T]) start(ctx context.Context) error {
	return q.client.Start(context.WithoutCancel(ctx))
}

func (q *riverQueue[T]) stop(ctx context.Context) error { return q.client.Stop(ctx) }

// quiet lets only warnings and errors of River through.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
