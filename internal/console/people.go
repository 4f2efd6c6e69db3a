package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"berth"
)

// person is somebody who has the console open, in any number of windows, or had it less than five minutes ago.
type person struct {
	berth.Actor
	windows int
	left    time.Time // when windows became 0
}

// join lets by in.
func (o *console) join(ctx context.Context, by berth.Actor) (*Viewer, error) {
	v, first, err := o.enter(by)
	if err != nil || !first {
		return v, err
	}
	if err := o.note(ctx, o.eventOf(by, "container.console-open")); err != nil {
		v.Leave()
		o.mu.Lock()
		defer o.mu.Unlock()
		if v.person.windows == 0 {
			delete(o.people, idOf(by))
		}
		return nil, err
	}
	return v, nil
}

// idOf tells people apart.
func idOf(by berth.Actor) string { return cmp.Or(by.ID, by.Name) }

// enter gives by a window; first tells that they had none lately.
func (o *console) enter(by berth.Actor) (v *Viewer, first bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state == "": // it never opened
		return nil, false, o.why
	case o.state == Ended:
		return nil, false, errEnded
	case len(o.viewers) >= mostViewers:
		return nil, false, berth.Errorf(berth.TooMany, "%d windows show this console already; close one of them.", mostViewers)
	}
	p := o.people[idOf(by)]
	if first = p == nil; first {
		p = &person{Actor: by}
		o.people[idOf(by)] = p
	}
	p.windows++
	v = &Viewer{console: o, person: p, place: o.backlog.latest(), anew: true, version: -1}
	o.viewers[v] = struct{}{}
	o.stir()
	return v, first, nil
}

// leave takes a window away.
func (o *console) leave(v *Viewer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, in := o.viewers[v]; !in {
		return
	}
	delete(o.viewers, v)
	if v.person.windows--; v.person.windows == 0 {
		v.person.left = time.Now()
	}
	o.stir()
}

// stir tells that somebody came or left. The console is locked.
func (o *console) stir() {
	o.version++
	o.wake()
	select {
	case o.moved <- struct{}{}:
	default: // it has not looked yet
	}
}

// names are those who have the console open now. The console is locked.
func (o *console) names() []string {
	var names []string
	for _, p := range o.people {
		if p.windows > 0 {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// lingering notes who has been away for five minutes, and ends the console when nobody is left.
func (o *console) lingering(ctx context.Context, end func()) {
	born := time.Now()
	for {
		away, next := o.sweep(born)
		for _, p := range away {
			o.noteClosed(ctx, p.Actor)
		}
		if next <= 0 {
			end()
			return
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-o.moved:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// sweep takes out who has been away for too long, and gives how long it is until that can be so for the next; 0: nobody is left.
func (o *console) sweep(born time.Time) (away []*person, next time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next = linger
	for id, p := range o.people {
		if p.windows > 0 {
			continue
		}
		if left := linger - time.Since(p.left); left > 0 {
			next = min(next, left)
			continue
		}
		away = append(away, p)
		delete(o.people, id)
	}
	if len(o.people) == 0 { // those who have just left, or those it was opened for have not come
		next = linger - time.Since(born)
		if len(away) > 0 {
			next = 0
		}
	}
	return away, next
}

func (o *console) noteClosed(ctx context.Context, by berth.Actor) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := o.note(ctx, o.eventOf(by, "container.console-close")); err != nil {
		o.log.Error("cannot note that a console was closed", "console", o.door.About.Subject, "by", by.Name, "error", err)
	}
}

func (o *console) eventOf(by berth.Actor, action string) berth.Event {
	e := o.door.About
	e.Actor, e.ActorID, e.Source, e.Action = by.Name, by.ID, by.Source, action
	return e
}
