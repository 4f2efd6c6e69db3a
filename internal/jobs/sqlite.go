package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// sqliteDriver is River's driver for SQLite with a listener that looks for notifications when there may be some. River's
// own looks every 50 ms, which costs 0.9 s of CPU a minute on a machine where nothing happens; only this process adds
// jobs to its SQLite file, so it knows when to look.
type sqliteDriver struct {
	*riversqlite.Driver
	inserted chan struct{}
}

const (
	listenAnyway = 5 * time.Second       // for what River itself tells
	oneLook      = 60 * time.Millisecond // a little more than the time between two looks of River's listener
)

func (d *sqliteDriver) wake() {
	select {
	case d.inserted <- struct{}{}:
	default:
	}
}

// GetListener is River's listener, waiting for wake.
func (d *sqliteDriver) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &sqliteListener{Listener: d.Driver.GetListener(params), inserted: d.inserted}
}

type sqliteListener struct {
	riverdriver.Listener
	inserted chan struct{}
	more     bool // the look before found something
}

// WaitForNotification waits until somebody inserted a job, or a while, and then looks.
func (l *sqliteListener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	for {
		if !l.more {
			if err := l.wait(ctx); err != nil {
				return nil, err
			}
		}
		look, cancel := context.WithTimeout(ctx, oneLook)
		notification, err := l.Listener.WaitForNotification(look)
		cancel()
		l.more = err == nil
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return notification, err
		}
	}
}

func (l *sqliteListener) wait(ctx context.Context) error {
	timer := time.NewTimer(listenAnyway)
	defer timer.Stop()
	select {
	case <-l.inserted:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
