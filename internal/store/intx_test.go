package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func addJob(ctx context.Context, tx *store.Tx, subject string) (berth.Job, error) {
	return tx.AddJob(ctx, berth.Job{Kind: "test", Action: "test", Subject: subject, Title: "Test", Args: "{}"})
}

func TestTransactionsThatChangeContainersAndJobsNeverWaitForEachOther(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Postgres) // SQLite has one writer
	home := addCluster(t, s, "home", "secret")
	first, second := track(t, s, home, 101), track(t, s, home, 102)
	var job berth.Job
	ok(t, s.InTx(t.Context(), "add", func(tx *store.Tx) (err error) { job, err = addJob(t.Context(), tx, "home/102"); return err }))
	asked, ended := make(chan struct{}), make(chan struct{})
	result := make(chan error, 2)
	go func() {
		result <- s.InTx(t.Context(), "ask for one", func(tx *store.Tx) error {
			err := tx.SetLifecycle(t.Context(), first.ID, berth.LifecycleCreating)
			close(asked)
			<-ended
			_, addErr := addJob(t.Context(), tx, "home/101")
			return errors.Join(err, addErr)
		})
	}()
	go func() {
		result <- s.InTx(t.Context(), "end another", func(tx *store.Tx) error {
			_, err := tx.EndJob(t.Context(), job.ID, berth.JobSucceeded, "")
			close(ended)
			<-asked
			return errors.Join(err, tx.SetLifecycle(t.Context(), second.ID, berth.LifecycleReady))
		})
	}()
	ok(t, <-result)
	ok(t, <-result)
}

func TestAPanicEndsItsTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = s.InTx(t.Context(), "panic", func(tx *store.Tx) error { // it does not come back
				if _, err := addJob(t.Context(), tx, "home/101"); err != nil {
					t.Error(err)
				}
				panic("no")
			})
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		ok(t, s.InTx(ctx, "write", func(tx *store.Tx) error { _, err := addJob(ctx, tx, "home/101"); return err }))
	})
}

func TestReplicasThatStoreTheSameInAnyOrderNeverWaitForEachOther(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Postgres)
	home := addCluster(t, s, "home", "secret")
	const rounds, many = 20, 200
	var facts []store.Facts
	var changes []store.NotedChange
	for vmid := range many {
		facts = append(facts, store.Facts{VMID: 100 + vmid})
		changes = append(changes, store.NotedChange{Now: store.Noted{VMID: 100 + vmid, Live: berth.LiveRunning, Node: "pve1"}, At: noon})
	}
	ok(t, s.NoteChanges(t.Context(), home.ID, changes))
	for i := range changes {
		changes[i].Was = changes[i].Now
	}
	var group sync.WaitGroup
	store := func(facts []store.Facts, changes []store.NotedChange) {
		for range rounds {
			if err := errors.Join(s.SaveFacts(t.Context(), home.ID, facts, nil), s.NoteChanges(t.Context(), home.ID, changes)); err != nil {
				t.Error(err)
				return
			}
		}
	}
	otherFacts, otherChanges := slices.Clone(facts), slices.Clone(changes)
	slices.Reverse(otherFacts)
	slices.Reverse(otherChanges)
	group.Go(func() { store(facts, changes) })
	group.Go(func() { store(otherFacts, otherChanges) })
	group.Wait()
}
