package fleet

import (
	"context"
	"time"
)

const callTimeout = 10 * time.Second // of any call; a node that hangs is not waited for longer

// ask makes a call beside the loop, which goes on with other things meanwhile. The loop then runs the outcome that the
// call gives.
func (p *poller) ask(ctx context.Context, call func(ctx context.Context) (outcome func())) {
	p.calls.Go(func() {
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		outcome := call(callCtx)
		select {
		case p.outcomes <- outcome:
		case <-ctx.Done():
		}
	})
}

// takeOutcomes runs what is there already, so that many outcomes at once are one merge.
func (p *poller) takeOutcomes() {
	for {
		select {
		case outcome := <-p.outcomes:
			outcome()
		default:
			return
		}
	}
}
