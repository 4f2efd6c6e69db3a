package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/live"
)

const (
	bulkGap    = 20 * time.Millisecond // least time between two looks at the parts
	turnTime   = time.Second           // most time that is spent beginning parts before the outcome of others is noted
	bulkAnyway = time.Second           // most time between them
)

// bulkWork is a bulk action under way. The parts that were begun are in the database, so that a worker after a crash finds
// them; jobs of one parent have different containers, so that none is begun twice.
type bulkWork struct {
	bulk
	*jobs.Run
	actions *Actions
	access  berth.Access // of the one who asked
	kept    bulkKept
	parts   map[string]*berth.Job // by key
	since   time.Time
}

func (a *Actions) workBulk(ctx context.Context, run *jobs.Run) (string, error) {
	w := &bulkWork{Run: run, actions: a, since: time.Now(), parts: map[string]*berth.Job{}, kept: bulkKept{Refused: map[string]string{}}}
	if err := errors.Join(run.Args(&w.bulk), run.Checkpoint(&w.kept)); err != nil {
		return "", err
	}
	var err error
	if w.access, err = berth.NewAccess(w.Grants...); err != nil {
		return "", err
	}
	if err := w.load(context.WithoutCancel(ctx)); err != nil {
		return "", err
	}
	news := a.fleet.hub.Subscribe(live.Jobs)
	defer news.Close()
	for {
		if errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
			return "", w.cancelParts(context.WithoutCancel(ctx))
		}
		over, err := w.turn(ctx)
		if errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
			continue
		}
		if err != nil {
			return "", err
		}
		if over {
			return w.outcome()
		}
		if err := waitForNews(ctx, news); err != nil && !errors.Is(err, jobs.ErrCancelled) {
			return "", err
		}
	}
}

// load reads the parts that were begun before a crash.
func (w *bulkWork) load(ctx context.Context) error {
	children, err := w.actions.fleet.store.ChildJobs(ctx, w.Job.ID)
	for i := range children {
		w.parts[children[i].Subject] = &children[i]
	}
	return err
}

// turn notes which parts are over and begins as many as the nodes have room for.
func (w *bulkWork) turn(ctx context.Context) (over bool, err error) {
	if err := w.refresh(ctx); err != nil {
		return false, err
	}
	under, done := w.perNode()
	began := time.Now()
	for _, key := range w.Keys {
		if time.Since(began) > turnTime {
			break // what is over is told before more is begun
		}
		if w.parts[key] != nil || w.kept.Refused[key] != "" {
			continue
		}
		node, ready := w.place(key)
		if !ready || under[node] >= w.PerNode {
			continue
		}
		if err := w.begin(ctx, key); err != nil {
			return false, err
		}
		under[node]++
	}
	done += len(w.kept.Refused)
	if done != w.Job.Done {
		w.Job.Done = done
		if err := w.Progress(ctx, done, len(w.Keys)); err != nil {
			return false, err
		}
	}
	return done >= len(w.Keys), nil
}

// refresh reads the outcome of the parts that are not active any more.
func (w *bulkWork) refresh(ctx context.Context) error {
	active, err := w.actions.fleet.store.ActiveJobs(ctx)
	if err != nil {
		return err
	}
	busy := make(map[string]*berth.Job, len(active))
	for i := range active {
		busy[active[i].ID] = &active[i]
	}
	for _, part := range w.parts {
		if part.Ended() {
			continue
		}
		if now := busy[part.ID]; now != nil {
			part.Step = now.Step
			continue
		}
		if *part, err = w.actions.fleet.store.Job(ctx, part.ID); err != nil {
			return err
		}
	}
	return nil
}

// perNode counts the parts that Proxmox works on at each node, and those that are over.
func (w *bulkWork) perNode() (under map[string]int, done int) {
	under = map[string]int{}
	for key, part := range w.parts {
		if part.Ended() {
			done++
			continue
		}
		if strings.HasPrefix(part.Step, seeStep) {
			continue
		}
		node, _ := w.place(key)
		under[node]++
	}
	return under, done
}

// place tells on which node the container is. It is not ready while its cluster has not answered since a restart.
func (w *bulkWork) place(key string) (node string, ready bool) {
	p, c, err := w.actions.find(w.access, key)
	if err != nil {
		return "", time.Since(w.since) > w.actions.patience.Outage
	}
	return p.cluster.Name + "/" + c.Node, c.Unknown != berth.UnknownNeverPolled || time.Since(w.since) > w.actions.patience.Outage
}

// begin starts one part. A container that cannot be acted on any more is noted with the reason.
func (w *bulkWork) begin(ctx context.Context, key string) error {
	by := berth.Actor{ID: w.Job.ActorID, Name: w.Job.Actor, Source: w.Job.Source, Access: w.access}
	job, err := w.actions.request(ctx, by, key, w.Request, w.Job.ID)
	if err == nil {
		w.parts[key] = &job
		return nil
	}
	refusal, ok := errors.AsType[*berth.Error](err)
	if !ok || refusal.Err != nil { // of the database
		return err
	}
	w.kept.Refused[key] = refusal.Message
	return errors.Join(w.Save(ctx, w.kept, ""), w.Log(ctx, key+": "+refusal.Message))
}

// cancelParts cancels what is under way and waits for its end.
func (w *bulkWork) cancelParts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.actions.patience.Task)
	defer cancel()
	news := w.actions.fleet.hub.Subscribe(live.Jobs)
	defer news.Close()
	if err := w.load(context.WithoutCancel(ctx)); err != nil { // one may have been begun in the last moment
		return err
	}
	whole, err := w.actions.fleet.store.Job(ctx, w.Job.ID)
	if err != nil {
		return err
	}
	for _, part := range w.parts {
		err := w.actions.jobs.Cancel(ctx, berth.Actor{Name: whole.CancelBy, Source: w.Job.Source}, part.ID)
		if err != nil && berth.CodeOf(err) != berth.Conflict { // Conflict: over already
			return err
		}
	}
	for {
		if err := w.refresh(ctx); err != nil {
			return err
		}
		if _, done := w.perNode(); done == len(w.parts) {
			return jobs.Fail(nil, "%d of %d were begun before.", done, len(w.Keys))
		}
		if err := waitForNews(ctx, news); err != nil {
			return err
		}
	}
}

func waitForNews(ctx context.Context, news *live.Subscription) error {
	if err := pause(ctx, bulkGap); err != nil {
		return err
	}
	timer := time.NewTimer(bulkAnyway)
	defer timer.Stop()
	select {
	case <-news.News():
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// outcome sums up.
func (w *bulkWork) outcome() (string, error) {
	count := map[berth.JobState]int{}
	for _, part := range w.parts {
		count[part.State]++
	}
	refused := len(w.Keys) - len(w.parts)
	message := fmt.Sprintf("%d of %d succeeded", count[berth.JobSucceeded], len(w.Keys))
	for _, part := range []struct {
		n    int
		word string
	}{{count[berth.JobFailed], "failed"}, {count[berth.JobCancelled], "cancelled"}, {refused, "not possible any more"}} {
		if part.n > 0 {
			message += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	if count[berth.JobSucceeded] < len(w.Keys) {
		return "", jobs.Fail(nil, "%s.", message)
	}
	return message + ".", nil
}
