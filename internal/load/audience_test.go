package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const stopped101 = "id: x1\ndata: <hx-partial hx-target=\"#c-home-101\"><li data-vmid=\"101\" data-node=\"pve1\" data-cluster=\"home\" data-status=\"stopped\">\ndata: </li></hx-partial>\n\n"

func TestEventsAreReadWithTheirBytes(t *testing.T) {
	t.Parallel()
	wire := &counted{from: strings.NewReader(": waiting\n\n" + stopped101 + "event: fresh\ndata: 12\n\n" + "data: cut off\n")}
	var got []event
	err := readEvents(wire, wire, func(e event) { got = append(got, e) })
	if !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
	if len(got) != 2 || !got[0].updates() || got[0].changedRows() != 1 || got[1].name != "fresh" || got[1].updates() {
		t.Fatalf("got %+v, want an update of one row and its age", got)
	}
	if rows := rowsOf(got[0].data); len(rows) != 1 || rows[0] != (row{101, "pve1", "stopped"}) {
		t.Errorf("got rows %v", rows)
	}
}

func TestTheLastBrowserCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &audience{size: 2, pending: map[row]*change{}}
		seen, unseen := a.expect(row{101, "pve1", "stopped"}), a.expect(row{102, "pve1", "stopped"})
		seen.at, unseen.at = time.Now(), time.Now()
		for viewer, after := range []time.Duration{time.Second, 3 * time.Second} {
			go func() {
				time.Sleep(after)
				a.saw(viewer, event{data: stopped101, at: time.Now()})
			}()
		}
		if got := a.delay(t.Context(), seen, 10*time.Second); got != 3*time.Second {
			t.Errorf("got %s, want 3s", got)
		}
		if got := a.delay(t.Context(), unseen, 10*time.Second); got != 10*time.Second {
			t.Errorf("what nobody saw counts with %s, want the whole patience", got)
		}
	})
}
