package pve

import (
	"context"
	"fmt"
	"iter"
	"time"
)

const logPage = 500

// FollowLog reads the log of a task from after the first skip lines, as it grows, until the task has ended. It yields
// an error once, at the end, if the log could not be read to its end or ctx is done; that the task failed is no error
// here, its last line says so.
func (c *Client) FollowLog(ctx context.Context, u UPID, skip int) iter.Seq2[TaskLine, error] {
	return func(yield func(TaskLine, error) bool) {
		stopped := false
		err := c.poll(ctx, func(elapsed time.Duration) (done bool, err error) {
			status, err := c.TaskStatus(ctx, u) // before the log, so that what is read after the end is complete
			if Classify(err).Kind == KindNotFound && elapsed < unknownGrace {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			skip, stopped, err = c.yieldLog(ctx, u, skip, yield)
			return stopped || !status.Running(), err
		})
		if err != nil && !stopped {
			yield(TaskLine{}, fmt.Errorf("follow log of task %s: %w", u, err))
		}
	}
}

// yieldLog yields the lines after the first skip, as far as there are any now. It returns how many lines there are and
// whether the reader of the lines wants no more.
func (c *Client) yieldLog(ctx context.Context, u UPID, skip int, yield func(TaskLine, error) bool) (lines int, stopped bool, err error) {
	for {
		page, err := c.TaskLog(ctx, u, skip, logPage)
		if err != nil {
			return skip, false, err
		}
		for _, line := range page {
			skip = line.Number
			if !yield(line, nil) {
				return skip, true, nil
			}
		}
		if len(page) < logPage {
			return skip, false, nil
		}
	}
}
