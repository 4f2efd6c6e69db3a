// Package console holds the open consoles of containers: one terminal for all who watch it, and what it has said so far.
// A console outlives the browsers that look at it, so that a reload, a broken connection or a second person finds it as it is.
package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"berth"
)

// Terminal is the terminal of a container, as *pve.Console is one; this package knows no Proxmox VE. Read gives io.EOF at
// the end. Reading, writing and closing may go on at the same time.
type Terminal interface {
	io.ReadWriteCloser
	Resize(columns, rows int) error
}

// Door is the way to the terminal of one container.
type Door struct {
	Open      func(context.Context) (Terminal, error) // Unavailable: may be tried again
	About     berth.Event                             // the container, as events name it
	Farewells []string                                // one of them is the last that a terminal says when it ends by itself; else the connection to it was lost
}

// Doors gives the door of the container with that key (berth.ContainerKey), or says why by cannot go there now.
type Doors func(by berth.Actor, key string) (Door, error)

// Note adds an event to the history.
type Note func(context.Context, berth.Event) error

const (
	linger      = 5 * time.Minute  // a console stays open so long after the last one has left
	openTime    = 20 * time.Second // to open a terminal
	reopenEvery = 2 * time.Second  // after the connection to a terminal was lost
	reopenTries = 30
	lasted      = time.Minute // a connection that held so long gets all tries again

	mostConsoles = 100 // each keeps some 2 MiB
	mostViewers  = 20  // of one console
	noteTime     = 10 * time.Second
)

// Consoles are the open consoles of all containers. Make them with New, and Close them before what New was given ends.
type Consoles struct {
	doors Doors
	note  Note
	log   *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	group  sync.WaitGroup // the loops of the consoles

	mu   sync.Mutex
	open map[string]*console // by key of the container
}

// New makes Consoles without any.
func New(doors Doors, note Note, log *slog.Logger) *Consoles {
	ctx, cancel := context.WithCancel(context.Background())
	return &Consoles{doors: doors, note: note, log: log, ctx: ctx, cancel: cancel, open: map[string]*console{}}
}

// Close ends all consoles, and waits until that is in the history.
func (c *Consoles) Close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.group.Wait()
}

// Join lets by look at the console of the container with that key, and type into it. It is opened if nobody has it open. Who
// joins is noted in the history, once until they have been away for five minutes. Returns what Doors and Door.Open return,
// TooMany, or Unavailable when Berth is about to end.
func (c *Consoles) Join(ctx context.Context, by berth.Actor, key string) (*Viewer, error) {
	door, err := c.doors(by, key)
	if err != nil {
		return nil, err
	}
	for {
		one, err := c.find(key, door)
		if err != nil {
			return nil, err
		}
		select {
		case <-one.opened:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		v, err := one.join(ctx, by)
		if !errors.Is(err, errEnded) {
			return v, err
		}
	}
}

// errEnded says that a console has ended in the moment in which somebody wanted to join it.
var errEnded = errors.New("the console has ended")

var errClosing = berth.Errorf(berth.Unavailable, "Berth is about to end.")

// find gives the console of that key, which is opened if it is not there.
func (c *Consoles) find(key string, door Door) (*console, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.open[key]; one != nil {
		return one, nil
	}
	switch {
	case c.ctx.Err() != nil:
		return nil, errClosing
	case len(c.open) >= mostConsoles:
		return nil, berth.Errorf(berth.TooMany, "%d consoles are open already; that is as many as Berth holds.", mostConsoles)
	}
	one := newConsole(door, c.note, c.log)
	c.open[key] = one
	c.group.Go(func() {
		one.live(c.ctx, func() {
			c.mu.Lock()
			delete(c.open, key)
			c.mu.Unlock()
		})
	})
	return one, nil
}
