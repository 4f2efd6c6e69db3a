package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"berth"
)

// State is how a console is doing.
type State string

// The states.
const (
	Open   State = "open"
	Broken State = "broken" // the connection to the terminal was lost, and is tried again
	Ended  State = "ended"
)

// console is one open console.
type console struct {
	door   Door
	note   Note
	log    *slog.Logger
	opened chan struct{} // closed once the terminal is there, or cannot be opened
	orders chan order
	moved  chan struct{} // somebody came or left

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when something below changes
	backlog backlog
	state   State
	why     error // of Broken and Ended; nil: by itself
	version int   // of what a Status says
	columns int   // 0: nobody has said how large it is
	rows    int
	viewers map[*Viewer]struct{}
	people  map[string]*person // by id
}

// order is what somebody types, or a new size.
type order struct {
	text          []byte
	columns, rows int
}

func newConsole(door Door, note Note, log *slog.Logger) *console {
	return &console{door: door, note: note, log: log, opened: make(chan struct{}), orders: make(chan order), moved: make(chan struct{}, 1),
		changed: make(chan struct{}), viewers: map[*Viewer]struct{}{}, people: map[string]*person{}}
}

// live is the life of a console: it ends with its terminal, when everybody has left it for long enough, or with ctx. Nobody
// finds it any more once forget was called.
func (o *console) live(ctx context.Context, forget func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { o.lingering(ctx, cancel) })
	err := o.hold(ctx)
	cancel()
	group.Wait()
	forget()
	o.end(context.WithoutCancel(ctx), err)
}

// hold keeps the terminal open, also when the connection to it is lost for a while. Gives why it could not, or nil when the
// terminal ended by itself or nobody needs it any more.
func (o *console) hold(ctx context.Context) error {
	for tries := 0; ; tries++ {
		began := time.Now()
		terminal, err := o.open(ctx)
		if err == nil {
			o.become(Open, nil)
			if o.isOpening() {
				close(o.opened)
			}
			if err = o.listen(ctx, terminal); err == nil {
				return nil
			}
		}
		if time.Since(began) > lasted {
			tries = 0
		}
		if ctx.Err() != nil {
			return nil
		}
		if o.isOpening() || tries >= reopenTries || berth.CodeOf(err) != "" && berth.CodeOf(err) != berth.Unavailable {
			return err
		}
		o.become(Broken, err)
		select {
		case <-time.After(reopenEvery):
		case <-ctx.Done():
			return nil
		}
	}
}

func (o *console) open(ctx context.Context) (Terminal, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	return o.door.Open(ctx)
}

func (o *console) isOpening() bool {
	select {
	case <-o.opened:
		return false
	default:
		return true
	}
}

// listen takes in what the terminal says, and gives it what is typed. Gives nil when it ended by itself, else why the
// connection was lost.
func (o *console) listen(ctx context.Context, t Terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		<-ctx.Done()
		t.Close()
	})
	group.Go(func() { o.obey(ctx, t) })
	buffer := make([]byte, chunk)
	for {
		n, err := t.Read(buffer)
		o.hear(buffer[:n])
		switch {
		case ctx.Err() != nil, err != nil && o.saidFarewell():
			return nil
		case errors.Is(err, io.EOF):
			return errLost
		case err != nil:
			return err
		}
		o.wait(ctx)
	}
}

var errLost = berth.Errorf(berth.Unavailable, "The connection to the container's node was lost.")

// obey gives the terminal what people order. What cannot be written is not: reading tells why.
func (o *console) obey(ctx context.Context, t Terminal) {
	o.mu.Lock()
	columns, rows := o.columns, o.rows
	o.mu.Unlock()
	if columns > 0 {
		_ = t.Resize(columns, rows)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case say := <-o.orders:
			if len(say.text) > 0 {
				_, _ = t.Write(say.text)
			} else {
				_ = t.Resize(say.columns, say.rows)
			}
		}
	}
}

// hear keeps output and wakes who waits for it.
func (o *console) hear(p []byte) {
	if len(p) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.backlog.add(p)
	o.wake()
}

// wake lets everybody look again who waits for a change. The console is locked.
func (o *console) wake() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// become changes the state.
func (o *console) become(state State, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != state {
		o.state, o.why = state, why
		o.version++
		o.wake()
	}
}

const farewellLength = 200 // bytes at the end in which a farewell is looked for

func (o *console) saidFarewell() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.backlog.text[max(len(o.backlog.text)-farewellLength, 0):]
	for _, words := range o.door.Farewells {
		if bytes.Contains(last, []byte(words)) {
			return true
		}
	}
	return false
}

// end says to everybody, and to the history, that the console is over.
func (o *console) end(ctx context.Context, err error) {
	if o.isOpening() { // in vain; everybody who waits for it is told
		o.why = cmp.Or[error](err, errClosing)
		close(o.opened)
		return
	}
	o.become(Ended, err)
	o.mu.Lock()
	people := o.people
	o.people = map[string]*person{}
	o.mu.Unlock()
	for _, p := range people {
		o.noteClosed(ctx, p.Actor)
	}
}
