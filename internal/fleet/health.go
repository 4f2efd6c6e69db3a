package fleet

import "time"

// failuresMeant is how many failed lists in a row mean that a cluster does not answer.
const failuresMeant = 2

// Health tells whether a cluster answers.
type Health struct {
	State      HealthState
	Problem    string    // why it does not answer, in words for people
	Since      time.Time // since when it does not answer
	AnsweredAt time.Time // the last good answer; zero when there never was one
	RetryAt    time.Time // when it is asked again; only while it does not answer, zero when that is of no use
}

// HealthState is whether a cluster answers.
type HealthState string

// The states of a cluster.
const (
	Connecting HealthState = "connecting" // not asked yet since the start
	Answering  HealthState = "answering"
	Failing    HealthState = "failing"
)

func (p *poller) answered(at time.Time) {
	if p.health.State == Failing {
		p.fleet.log.Info("cluster answers again", "cluster", p.cluster.Name, "after", at.Sub(p.health.Since).Round(time.Second).String())
	}
	p.health = Health{State: Answering, AnsweredAt: at}
}

// fail takes in a failed list. The change to failing is logged once, not once per poll.
func (p *poller) fail(err error) {
	if p.list.failures < failuresMeant && !isFinal(err) && p.health.State != Failing {
		return
	}
	p.setFailing(plainProblem(err), err)
	p.health.RetryAt = p.list.next
	p.changed = true
}

func (p *poller) setFailing(problem string, err error) {
	if p.health.State != Failing {
		p.health.Since = p.fleet.now()
		p.fleet.log.Error("cluster does not answer", "cluster", p.cluster.Name, "problem", problem, "error", err)
	}
	p.health.State, p.health.Problem = Failing, problem
}
