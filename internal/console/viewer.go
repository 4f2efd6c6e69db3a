package console

import (
	"context"
	"io"
	"time"

	"berth"
)

const (
	chunk  = 32 << 10
	window = 256 << 10       // so much output may be on its way to a viewer
	stall  = 2 * time.Second // who shows nothing of it for so long is not waited for
)

// Viewer is one window that shows a console. Leave it. Its methods may be called at the same time, Next from one place only.
type Viewer struct {
	console *console
	person  *person

	// The console's lock guards these.
	place   int64 // of the next output to show
	anew    bool  // the last 10,000 lines are to be shown first
	given   int64 // bytes
	shown   int64 // of those given
	slow    bool  // is not waited for
	version int   // of the status that was told last
}

// News is what a viewer has to show.
type News struct {
	Status *Status // nil: as before
	Anew   bool    // Output begins anew: the screen is to be emptied first
	Output []byte
}

// Status is how a console is doing.
type Status struct {
	State         State
	Why           error    // of Broken and Ended; nil: it ended by itself
	Names         []string // who has it open
	Columns, Rows int      // as the last one has set them; 0: nobody has
}

// Next waits for news. First everything that is kept comes, in parts. After the end it gives io.EOF.
func (v *Viewer) Next(ctx context.Context) (News, error) {
	for {
		news, changed, err := v.look()
		if err != nil || news.Status != nil || news.Anew || len(news.Output) > 0 {
			return news, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return News{}, ctx.Err()
		}
	}
}

func (v *Viewer) look() (news News, changed <-chan struct{}, err error) {
	o := v.console
	o.mu.Lock()
	defer o.mu.Unlock()
	if v.version != o.version {
		v.version = o.version
		news.Status = &Status{State: o.state, Why: o.why, Names: o.names(), Columns: o.columns, Rows: o.rows}
		return news, nil, nil
	}
	if v.given-v.shown >= window {
		return news, o.changed, nil
	}
	if v.anew || v.place < o.backlog.begin {
		v.anew, news.Anew, v.place = false, true, o.backlog.latest()
	}
	news.Output = o.backlog.from(v.place, chunk)
	v.place += int64(len(news.Output))
	v.given += int64(len(news.Output))
	if o.state == Ended && !news.Anew && len(news.Output) == 0 {
		return news, nil, io.EOF
	}
	return news, o.changed, nil
}

// Shown says how many bytes of output have been shown altogether: only so much more than that is given.
func (v *Viewer) Shown(total int64) {
	o := v.console
	o.mu.Lock()
	defer o.mu.Unlock()
	if total <= v.shown || total > v.given {
		return
	}
	v.shown = total
	if v.behind() == 0 {
		v.slow = false
	}
	o.wake()
}

// behind is how much a viewer has not shown yet. The console is locked.
func (v *Viewer) behind() int64 {
	return v.console.backlog.end() - v.place + v.given - v.shown
}

// Type types text. It waits until the terminal takes it, the console is over, or ctx ends.
func (v *Viewer) Type(ctx context.Context, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	return v.order(ctx, order{text: text})
}

const (
	mostColumns = 1000
	mostRows    = 500
)

// Resize says how large the window is; the last to do so wins for all who watch. Returns Invalid for what is no size.
func (v *Viewer) Resize(ctx context.Context, columns, rows int) error {
	if columns < 1 || columns > mostColumns || rows < 1 || rows > mostRows {
		return berth.Errorf(berth.Invalid, "A console has 1 to %d columns and 1 to %d rows.", mostColumns, mostRows)
	}
	o := v.console
	o.mu.Lock()
	if o.columns != columns || o.rows != rows {
		o.columns, o.rows = columns, rows
		o.version++
		o.wake()
	}
	o.mu.Unlock()
	return v.order(ctx, order{columns: columns, rows: rows})
}

func (v *Viewer) order(ctx context.Context, say order) error {
	for {
		v.console.mu.Lock()
		state, changed := v.console.state, v.console.changed
		v.console.mu.Unlock()
		if state == Ended {
			return nil // Next tells
		}
		select {
		case v.console.orders <- say:
			return nil
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Leave closes the window.
func (v *Viewer) Leave() { v.console.leave(v) }

// wait holds the terminal back while nobody keeps up with it: what it says goes no faster than the fastest viewer. Without
// a viewer, or when all of them have stopped, it goes on, and they miss what is not kept.
func (o *console) wait(ctx context.Context) {
	var tired <-chan time.Time
	for {
		o.mu.Lock()
		ahead, changed := o.ahead(), o.changed
		o.mu.Unlock()
		if !ahead {
			return
		}
		if tired == nil {
			tired = time.After(stall)
		}
		select {
		case <-changed:
		case <-tired:
			o.giveUp()
			return
		case <-ctx.Done():
			return
		}
	}
}

// ahead tells whether the terminal is too far ahead of everybody who shows what it says. The console is locked.
func (o *console) ahead() bool {
	watched := false
	for v := range o.viewers {
		if v.slow {
			continue
		}
		if v.behind() <= 2*window {
			return false
		}
		watched = true
	}
	return watched
}

// giveUp waits no longer for those who show nothing.
func (o *console) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for v := range o.viewers {
		v.slow = v.slow || v.behind() > 2*window
	}
}
