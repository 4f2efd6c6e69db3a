package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"berth"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("berth/internal/store/storetest.(*server).wait"))
}

const (
	patience = 20 * time.Second
	beat     = 50 * time.Millisecond
)

var anna = berth.Actor{ID: "0198-anna", Name: "anna", Source: "web"}

type work = func(ctx context.Context, run *jobs.Run) (string, error)

// rig is one process with jobs of kind "test".
type rig struct {
	*jobs.Jobs
	t     *testing.T
	store *store.Store
	hub   *live.Hub
	stop  func()

	mu    sync.Mutex
	ended []berth.Job
	log   bytes.Buffer
}

func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func start(t *testing.T, s *store.Store, w work) *rig {
	t.Helper()
	r := prepare(t, s, w)
	r.run()
	return r
}

// run has a process work until the end of the test, or stop.
func (r *rig) run() {
	r.t.Helper()
	if err := r.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.stop = sync.OnceFunc(func() {
		if err := r.Stop(context.Background()); err != nil {
			r.t.Errorf("stop: %v", err)
		}
	})
	r.t.Cleanup(r.stop)
}

// prepare makes a process that does not work yet.
func prepare(t *testing.T, s *store.Store, w work) *rig {
	return prepareWith(t, s, jobs.Options{Beat: beat}, w)
}

func prepareWith(t *testing.T, s *store.Store, o jobs.Options, w work) *rig {
	t.Helper()
	r := &rig{t: t, store: s, hub: &live.Hub{}}
	var err error
	if r.Jobs, err = jobs.New(t.Context(), s, r.hub, slog.New(slog.NewTextHandler(r, nil)), o); err != nil {
		t.Fatal(err)
	}
	r.Register(jobs.Kind{Name: "test", Work: w, Ended: func(_ context.Context, _ *store.Tx, job berth.Job) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended = append(r.ended, job)
		return nil
	}})
	return r
}

func (r *rig) add(subject string) berth.Job {
	r.t.Helper()
	job, err := r.tryAdd(subject)
	if err != nil {
		r.t.Fatal(err)
	}
	return job
}

func (r *rig) tryAdd(subject string) (job berth.Job, err error) { return r.tryAddPart("", subject) }

func (r *rig) tryAddPart(parent, subject string) (job berth.Job, err error) {
	err = r.Change(r.t.Context(), "add", func(tx *store.Tx) (err error) {
		job, err = r.Add(r.t.Context(), tx, berth.Job{Kind: "test", Action: "test", Subject: subject, Title: "Test " + subject, Args: `{}`, ParentID: parent, Actor: anna.Name, ActorID: anna.ID, Source: anna.Source})
		return err
	})
	return job, err
}

func (r *rig) end(job berth.Job) berth.Job {
	r.t.Helper()
	news := r.hub.Subscribe(live.Jobs)
	defer news.Close()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		got, err := r.store.Job(r.t.Context(), job.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		if got.Ended() {
			return got
		}
		select {
		case <-news.News():
		case <-deadline.C:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("job does not end: %+v\n%s", got, r.log.String())
		}
	}
}

func (r *rig) wantEnd(job berth.Job, state berth.JobState, message string) {
	r.t.Helper()
	if got := r.end(job); got.State != state || got.Message != message {
		r.t.Errorf("job ended %s with %q, want %s with %q", got.State, got.Message, state, message)
	}
}

func TestJobAndWhatBelongsToItAreKeptTogetherOrNotAtAll(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		worked := make(chan string, 10)
		r := start(t, s, func(_ context.Context, run *jobs.Run) (string, error) {
			worked <- run.Job.Subject
			return "done", nil
		})
		failed := errors.New("no")
		err := r.Change(t.Context(), "add", func(tx *store.Tx) error {
			if _, err := r.Add(t.Context(), tx, berth.Job{Kind: "test", Subject: "undone"}); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Fatalf("got %v, want the error of the function", err)
		}
		r.wantEnd(r.add("done"), berth.JobSucceeded, "done")
		r.stop()
		close(worked)
		var got []string
		for subject := range worked {
			got = append(got, subject)
		}
		if diff := cmp.Diff([]string{"done"}, got); diff != "" {
			t.Errorf("worked on -want +got:\n%s", diff)
		}
		if all, err := s.Jobs(t.Context(), store.JobFilter{}, 10); err != nil || len(all) != 1 {
			t.Errorf("there are %d jobs (%v), want 1", len(all), err)
		}
	})
}

func TestSubjectIsHeldUntilItsJobIsOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		release := make(chan struct{})
		r := start(t, s, func(ctx context.Context, run *jobs.Run) (string, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return "", nil
		})
		results := make(chan error, 5)
		for range 5 {
			go func() { _, err := r.tryAdd("home/101"); results <- err }()
		}
		won := 0
		for range 5 {
			err := <-results
			if err == nil {
				won++
			} else if berth.CodeOf(err) != berth.Conflict || !strings.Contains(err.Error(), "“Test home/101” is under way, started by anna") {
				t.Errorf("refused with %v, want a conflict that names job and person", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 5 got the subject, want 1", won)
		}
		held, err := s.ActiveJobs(t.Context())
		if err != nil || len(held) != 1 {
			t.Fatalf("active are %+v (%v), want one", held, err)
		}
		other := r.add("home/102")
		close(release)
		r.wantEnd(held[0], berth.JobSucceeded, "")
		r.wantEnd(other, berth.JobSucceeded, "")
		r.wantEnd(r.add("home/101"), berth.JobSucceeded, "")
	})
}

func TestJobGoesOnFromItsCheckpointInAnotherProcess(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		begun := make(chan struct{}, 1)
		first := start(t, s, func(ctx context.Context, run *jobs.Run) (string, error) {
			err := errors.Join(
				run.Step(ctx, "one", func(context.Context) error { return nil }),
				run.Step(ctx, "two", func(ctx context.Context) error {
					return errors.Join(run.Save(ctx, map[string]int{"n": 7}, "ref"), run.Log(ctx, "a", "b"))
				}))
			begun <- struct{}{}
			<-ctx.Done()
			return "", errors.Join(err, context.Cause(ctx))
		})
		job := first.add("x")
		<-begun
		first.stop()
		second := start(t, s, func(ctx context.Context, run *jobs.Run) (string, error) {
			kept := map[string]int{}
			repeated := []string{}
			err := run.Checkpoint(&kept)
			for _, name := range []string{"one", "two", "three"} {
				err = errors.Join(err, run.Step(ctx, name, func(context.Context) error { repeated = append(repeated, name); return nil }))
			}
			return fmt.Sprintf("%d %s %d lines, did %v", kept["n"], run.Job.Ref, run.Lines(), repeated), err
		})
		second.wantEnd(job, berth.JobSucceeded, "7 ref 2 lines, did [two three]")
		steps, err := s.JobSteps(t.Context(), job.ID)
		if err != nil || len(steps) != 3 || steps[2].EndedAt.IsZero() {
			t.Errorf("steps are %+v (%v), want three that ended", steps, err)
		}
	})
}

func TestSilentWorkerLosesItsJobAndCanWriteNoMore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := prepare(t, s, func(context.Context, *jobs.Run) (string, error) { return "by the other one", nil })
		job := r.add("x")
		_, fence, err := s.ClaimJob(t.Context(), job.ID, "a worker that dies now")
		if err != nil {
			t.Fatal(err)
		}
		r.run()
		r.wantEnd(job, berth.JobSucceeded, "by the other one")
		err = s.InTx(t.Context(), "zombie", func(tx *store.Tx) error { _, err := tx.HoldJob(t.Context(), job.ID, fence); return err })
		if !errors.Is(err, store.ErrFenced) {
			t.Errorf("the dead worker's write gives %v, want ErrFenced", err)
		}
	})
}

func TestCancelEndsAJob(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		begun := make(chan struct{}, 1)
		r := prepare(t, s, func(ctx context.Context, run *jobs.Run) (string, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return "", jobs.Fail(context.Cause(ctx), "Half of it is there.")
		})
		queued := r.add("queued")
		if err := r.Cancel(t.Context(), anna, queued.ID); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(queued, berth.JobCancelled, "Cancelled by anna.")
		r.run()
		running := r.add("running")
		<-begun
		other := prepare(t, s, nil) // cancelled from another replica
		if err := other.Cancel(t.Context(), anna, running.ID); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(running, berth.JobCancelled, "Cancelled by anna. Half of it is there.")
		if err := r.Cancel(t.Context(), anna, running.ID); berth.CodeOf(err) != berth.Conflict {
			t.Errorf("cancelling what is over gives %v, want a conflict", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.ended) != 2 {
			t.Errorf("the end was kept %d times, want twice", len(r.ended))
		}
	})
}

func TestFailuresAreFinalAndOtherErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := start(t, s, func(_ context.Context, run *jobs.Run) (string, error) {
		switch {
		case run.Job.Subject == "fails":
			return "", jobs.Fail(errors.New("secret"), "It cannot be.")
		case run.Job.Attempts == 0:
			panic("once")
		}
		return fmt.Sprintf("attempt %d", run.Job.Attempts+1), nil
	})
	again := r.add("stumbles")
	r.wantEnd(r.add("fails"), berth.JobFailed, "It cannot be.")
	r.wantEnd(again, berth.JobSucceeded, "attempt 2")
}

func TestRestartsAreNoFailedAttempts(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	failed := false
	r := prepare(t, s, func(context.Context, *jobs.Run) (string, error) {
		if !failed {
			failed = true
			return "", errors.New("once")
		}
		return "done", nil
	})
	job := r.add("x")
	for range 10 {
		taken, fence, err := s.ClaimJob(t.Context(), job.ID, "a process that stops")
		if err == nil {
			err = s.InTx(t.Context(), "stop", func(tx *store.Tx) error {
				return tx.ReleaseJob(t.Context(), job.ID, fence, taken.Attempts, 0)
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	r.wantEnd(job, berth.JobSucceeded, "done")
}

func TestWorkerThatClearsAwayForLongKeepsItsJob(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	begun := make(chan bool, 10)
	slow := 400 * time.Millisecond
	r := prepareWith(t, s, jobs.Options{Beat: slow}, func(ctx context.Context, run *jobs.Run) (string, error) {
		begun <- true
		<-ctx.Done()
		<-time.After(8 * slow) // what it waits for takes longer than a silent worker is given
		return "", jobs.Fail(nil, "It is cleared away.")
	})
	r.run()
	job := r.add("x")
	<-begun
	if err := r.Cancel(t.Context(), anna, job.ID); err != nil {
		t.Fatal(err)
	}
	r.wantEnd(job, berth.JobCancelled, "Cancelled by anna. It is cleared away.")
	if len(begun) > 0 {
		t.Errorf("%d other workers took it up", len(begun))
	}
}

// orders counts what River keeps, and tells whether the job was looked after since it was added.
func (r *rig) orders(job berth.Job) (n int, looked bool) {
	r.t.Helper()
	var seen int64
	query := func(sql string, into any) (err error) {
		if pool := r.store.Postgres(); pool != nil {
			return pool.QueryRow(r.t.Context(), sql).Scan(into)
		}
		return r.store.SQLite().QueryRowContext(r.t.Context(), sql).Scan(into)
	}
	err := errors.Join(query("SELECT count(*) FROM river_job", &n), query("SELECT seen_at FROM jobs WHERE id = '"+job.ID+"'", &seen))
	if err != nil {
		r.t.Fatal(err)
	}
	return n, time.UnixMilli(seen).After(job.CreatedAt)
}

func TestManyPartsMakeNobodyElseWait(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		release, begun := make(chan struct{}), make(chan struct{}, 10)
		r := prepareWith(t, s, jobs.Options{Beat: 6 * beat, Workers: 1}, func(ctx context.Context, run *jobs.Run) (string, error) {
			if run.Job.ParentID != "" {
				begun <- struct{}{}
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
			return "", nil
		})
		r.run()
		var parts []berth.Job
		for _, subject := range []string{"a", "b", "c"} {
			part, err := r.tryAddPart("whole", subject)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part)
		}
		<-begun
		r.wantEnd(r.add("person"), berth.JobSucceeded, "")
		for deadline := time.Now().Add(patience); ; <-time.After(beat) { // until it is made sure that River knows the one that waits
			n, looked := r.orders(parts[2])
			if n != 4 || time.Now().After(deadline) {
				t.Errorf("River has %d orders for 4 jobs", n)
				break
			}
			if looked {
				break
			}
		}
		close(release)
		for _, part := range parts {
			r.wantEnd(part, berth.JobSucceeded, "")
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if strings.Contains(r.log.String(), "lost their worker") {
			t.Errorf("jobs that only wait are called lost:\n%s", r.log.String())
		}
	})
}

func TestJobThatRiverHasLostGoesOn(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := prepare(t, s, func(context.Context, *jobs.Run) (string, error) { return "done", nil })
	job := r.add("x")
	if _, err := s.SQLite().ExecContext(t.Context(), "DELETE FROM river_job"); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.wantEnd(job, berth.JobSucceeded, "done")
}
