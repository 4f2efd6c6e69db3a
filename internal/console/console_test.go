package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"berth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen is a terminal that says what a test says.
type screen struct {
	*io.PipeReader
	says *io.PipeWriter

	mu    sync.Mutex
	typed bytes.Buffer
	size  string
}

func newScreen() *screen {
	r, w := io.Pipe()
	return &screen{PipeReader: r, says: w}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.typed.Write(p)
}

func (s *screen) Resize(columns, rows int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = fmt.Sprintf("%dx%d", columns, rows)
	return nil
}

func (s *screen) say(text string) { io.WriteString(s.says, text) }

// room is Consoles whose terminals are screens, with what they noted.
type room struct {
	*Consoles
	t *testing.T

	mu      sync.Mutex
	screens []*screen
	fail    []error // of the next openings; nil: it works
	failing error   // of notes
	events  []string
}

func newRoom(t *testing.T) *room {
	r := &room{t: t}
	door := Door{Open: r.open, About: berth.Event{Subject: "web1"}, Farewells: []string{"[EOF]"}}
	doors := func(by berth.Actor, _ string) (Door, error) {
		if by.Name == "eve" {
			return Door{}, berth.Errorf(berth.Forbidden, "Not you.")
		}
		return door, nil
	}
	r.Consoles = New(doors, r.noted, slog.New(slog.NewTextHandler(t.Output(), nil)))
	return r
}

func (r *room) open(context.Context) (Terminal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fail) > 0 {
		err := r.fail[0]
		if r.fail = r.fail[1:]; err != nil {
			return nil, err
		}
	}
	s := newScreen()
	r.screens = append(r.screens, s)
	return s, nil
}

func (r *room) noted(_ context.Context, e berth.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing == nil {
		r.events = append(r.events, e.Actor+" "+e.Action+" "+e.Subject)
	}
	return r.failing
}

func (r *room) enter(name string) *Viewer {
	r.t.Helper()
	v, err := r.Join(r.t.Context(), berth.Actor{Name: name}, "home:101")
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// reads shows output until the text is there, as a browser that keeps up; want is a part of it.
func reads(t *testing.T, v *Viewer, want string) string {
	t.Helper()
	var got []byte
	for !strings.Contains(string(got), want) {
		news, err := v.Next(t.Context())
		if err != nil {
			t.Fatalf("waiting for %q: %v; have %q", want, err, got)
		}
		if news.Anew {
			got = nil
		}
		got = append(got, news.Output...)
		v.Shown(v.given)
	}
	return string(got)
}

// status reads on until a status of that state comes.
func status(t *testing.T, v *Viewer, state State) Status {
	t.Helper()
	for {
		news, err := v.Next(t.Context())
		if err != nil {
			t.Fatalf("waiting for the state %q: %v", state, err)
		}
		if news.Status != nil && news.Status.State == state {
			return *news.Status
		}
		v.Shown(v.given)
	}
}

func TestEverybodySeesTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		defer r.Close()
		anna := r.enter("anna")
		r.screens[0].say("hello ")
		reads(t, anna, "hello ")
		bert := r.enter("bert")
		r.screens[0].say("world")
		if got := reads(t, bert, "world"); got != "hello world" {
			t.Errorf("who comes later sees %q", got)
		}
		reads(t, anna, "world")
		if err := errors.Join(anna.Resize(t.Context(), 120, 40), anna.Type(t.Context(), []byte("ls\r")), bert.Type(t.Context(), []byte("pwd\r"))); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := r.screens[0].typed.String(); got != "ls\rpwd\r" || r.screens[0].size != "120x40" {
			t.Errorf("the terminal got %q at %s", got, r.screens[0].size)
		}
		if got := status(t, bert, Open); !slices.Equal(got.Names, []string{"anna", "bert"}) || got.Columns != 120 || got.Rows != 40 {
			t.Errorf("bert is told %+v", got)
		}
		if err := anna.Resize(t.Context(), 0, 40); berth.CodeOf(err) != berth.Invalid {
			t.Errorf("a console without columns gives %v, want Invalid", err)
		}
		if _, err := r.Join(t.Context(), berth.Actor{Name: "eve"}, "home:101"); berth.CodeOf(err) != berth.Forbidden {
			t.Errorf("who may not join an open console gets %v, want Forbidden", err)
		}
		if len(r.screens) != 1 {
			t.Errorf("%d terminals were opened, want one", len(r.screens))
		}
	})
}

func TestConsoleEndsFiveMinutesAfterTheLastOneLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		defer r.Close()
		anna, again, bert := r.enter("anna"), r.enter("anna"), r.enter("bert")
		r.screens[0].say("before")
		anna.Leave()
		again.Leave()
		time.Sleep(linger - time.Second)
		bert.Leave()
		time.Sleep(2 * time.Second) // anna is away for five minutes, bert for two seconds
		synctest.Wait()
		want := []string{"anna container.console-open web1", "bert container.console-open web1", "anna container.console-close web1"}
		if !slices.Equal(r.events, want) {
			t.Errorf("events are %q, want %q", r.events, want)
		}
		bert = r.enter("bert") // a reload
		if got := reads(t, bert, "before"); got != "before" {
			t.Errorf("after a reload there is %q", got)
		}
		bert.Leave()
		time.Sleep(linger)
		synctest.Wait()
		if want = append(want, "bert container.console-close web1"); !slices.Equal(r.events, want) {
			t.Errorf("events are %q, want %q", r.events, want)
		}
		if _, err := r.screens[0].says.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the terminal is not closed: %v", err)
		}
		r.enter("anna")
		if len(r.screens) != 2 {
			t.Errorf("%d terminals were opened, want a second one", len(r.screens))
		}
	})
}

func TestConsoleEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		defer r.Close()
		anna := r.enter("anna")
		r.screens[0].say("bye [EOF]\r\n")
		r.screens[0].says.Close()
		reads(t, anna, "[EOF]")
		if got := status(t, anna, Ended); got.Why != nil {
			t.Errorf("it ended because of %v", got.Why)
		}
		if _, err := anna.Next(t.Context()); err != io.EOF {
			t.Errorf("after the end there is %v, want EOF", err)
		}
		if err := anna.Type(t.Context(), []byte("x")); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if want := []string{"anna container.console-open web1", "anna container.console-close web1"}; !slices.Equal(r.events, want) {
			t.Errorf("events are %q, want %q", r.events, want)
		}
		if got := reads(t, r.enter("anna"), ""); got != "" {
			t.Errorf("a new console begins with %q", got)
		}
	})
}

func TestLostConnectionIsMadeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		defer r.Close()
		anna := r.enter("anna")
		if err := anna.Resize(t.Context(), 90, 30); err != nil {
			t.Fatal(err)
		}
		r.screens[0].say("one ")
		r.fail = []error{berth.Errorf(berth.Unavailable, "Node pve1 is offline."), nil}
		r.screens[0].says.Close()
		status(t, anna, Broken)
		status(t, anna, Open)
		synctest.Wait()
		if len(r.screens) != 2 || r.screens[1].size != "90x30" {
			t.Fatalf("there are %d terminals, want a second one of the same size", len(r.screens))
		}
		r.screens[1].say("two")
		if got := reads(t, r.enter("bert"), "two"); got != "one two" {
			t.Errorf("what was said before the connection broke and after is %q", got)
		}
		r.fail = []error{berth.Errorf(berth.Conflict, "web1 is stopped.")}
		r.screens[1].says.Close()
		if got := status(t, anna, Ended); berth.CodeOf(got.Why) != berth.Conflict {
			t.Errorf("it ended because of %v", got.Why)
		}
	})
}

func TestConnectionThatNeverHoldsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		defer r.Close()
		r.fail = append([]error{nil}, slices.Repeat([]error{berth.Errorf(berth.Unavailable, "Node pve1 is offline.")}, reopenTries+5)...)
		anna, began := r.enter("anna"), time.Now()
		r.screens[0].says.Close()
		got := status(t, anna, Ended)
		if took := time.Since(began); berth.CodeOf(got.Why) != berth.Unavailable || took != reopenTries*reopenEvery {
			t.Errorf("it ended after %s because of %v", took, got.Why)
		}
	})
}

func TestOpeningInVainIsToldToAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		defer r.Close()
		r.fail = []error{berth.Errorf(berth.Unavailable, "Node pve1 is offline.")}
		if _, err := r.Join(t.Context(), berth.Actor{Name: "anna"}, "home:101"); berth.CodeOf(err) != berth.Unavailable {
			t.Errorf("joining gives %v, want Unavailable", err)
		}
		r.failing = errors.New("disk full")
		if _, err := r.Join(t.Context(), berth.Actor{Name: "anna"}, "home:101"); err != r.failing {
			t.Errorf("a console that cannot be noted is open: %v", err)
		}
		r.failing = nil
		r.enter("anna")
		if want := []string{"anna container.console-open web1"}; !slices.Equal(r.events, want) {
			t.Errorf("events are %q, want %q", r.events, want)
		}
	})
}

func TestConsolesEndWithBerth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		anna := r.enter("anna")
		r.Close()
		status(t, anna, Ended)
		if want := []string{"anna container.console-open web1", "anna container.console-close web1"}; !slices.Equal(r.events, want) {
			t.Errorf("events are %q, want %q", r.events, want)
		}
		if _, err := r.Join(t.Context(), berth.Actor{Name: "anna"}, "home:101"); berth.CodeOf(err) != berth.Unavailable {
			t.Errorf("joining gives %v, want Unavailable", err)
		}
	})
}

// flood says line after line until the terminal is closed, and counts the bytes that were taken.
func (s *screen) flood(taken *int) {
	line := bytes.Repeat([]byte("0123456789abcde\n"), 512)
	for {
		n, err := s.says.Write(line)
		*taken += n
		if err != nil {
			return
		}
	}
}

func TestTerminalWaitsForTheFastestViewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		anna, stuck := r.enter("anna"), r.enter("bert")
		taken := 0
		var group sync.WaitGroup
		group.Go(func() { r.screens[0].flood(&taken) })
		synctest.Wait()
		if taken < 2*window || taken > 3*window {
			t.Errorf("%d bytes were taken while nobody showed any, want about %d", taken, 2*window)
		}
		for range window/chunk + 2 { // as much as bert gets without showing any of it
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = stuck.Next(ctx)
			cancel()
		}
		if stuck.given > window {
			t.Errorf("%d bytes are on their way to who shows nothing, want at most %d", stuck.given, window)
		}
		for range 1000 { // anna shows 32 KiB at a time, bert nothing
			if _, err := anna.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			anna.Shown(anna.given)
		}
		synctest.Wait()
		if behind := taken - int(anna.place); behind > 3*window {
			t.Errorf("the terminal is %d bytes ahead of who keeps up", behind)
		}
		if n := cap(r.open1().backlog.text); n > 2*backlogBytes {
			t.Errorf("%d bytes are kept", n)
		}
		stuck.Shown(stuck.given)
		for anew := false; !anew; {
			news, err := stuck.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			anew = news.Anew && bytes.HasPrefix(news.Output, []byte("0123"))
			stuck.Shown(stuck.given)
		}
		r.Close()
		group.Wait()
	})
}

func TestWhoStopsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		anna := r.enter("anna")
		taken := 0
		var group sync.WaitGroup
		group.Go(func() {
			for taken < 20*backlogBytes {
				n, err := r.screens[0].says.Write(make([]byte, chunk))
				taken += n
				if err != nil {
					return
				}
			}
		})
		time.Sleep(stall + time.Second)
		synctest.Wait()
		if taken != 20*backlogBytes {
			t.Errorf("%d bytes were taken after the only viewer stopped, want all %d", taken, 20*backlogBytes)
		}
		if n := cap(r.open1().backlog.text); n > 2*backlogBytes {
			t.Errorf("%d bytes are kept", n)
		}
		reads(t, anna, "\x00") // it goes on with what there is
		r.Close()
		group.Wait()
	})
}

// open1 is the only open console.
func (r *room) open1() *console {
	r.Consoles.mu.Lock()
	defer r.Consoles.mu.Unlock()
	return r.Consoles.open["home:101"]
}

// Whatever a terminal says, the end of it is kept: 4 MiB, and a little more at times.
func TestBacklogKeepsTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b backlog
		var all []byte
		for range rapid.IntRange(1, 60).Draw(t, "parts") {
			line := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 80, 100_000}).Draw(t, "length")) + "\n"
			part := []byte(strings.Repeat(line, rapid.IntRange(0, 200<<10/len(line)).Draw(t, "lines")))
			b.add(part)
			all = append(all, part...)
		}
		if b.end() != int64(len(all)) || !bytes.HasSuffix(all, b.text) || len(b.text) > backlogBytes*11/10 || len(b.text) < min(len(all), backlogBytes) {
			t.Fatalf("%d bytes of %d are kept, or are not the end of them", len(b.text), len(all))
		}
		latest := all[b.latest():]
		switch lines := bytes.Count(latest, []byte("\n")); {
		case b.latest() > 0 && all[b.latest()-1] != '\n':
			t.Fatal("the latest lines begin in the middle of one")
		case lines > backlogLines:
			t.Fatalf("%d lines are shown", lines)
		case lines < backlogLines && b.begin == 0 && b.latest() > 0, lines < backlogLines && b.begin > 0 && bytes.IndexByte(b.text, '\n') != int(b.latest()-b.begin)-1:
			t.Fatalf("only %d lines are shown", lines)
		}
	})
}
