package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

// explain turns what Proxmox said into the end of the job. Errors of Berth's own database stay as they are: the job is
// tried again.
func (w *worker) explain(ctx context.Context, err error) error {
	if _, final := errors.AsType[*jobs.Failure](err); err == nil || final || ctx.Err() != nil || !ofProxmox(err) {
		return err
	}
	problem := pve.Classify(err)
	switch problem.Kind {
	case pve.KindNodeUnreachable:
		return jobs.Fail(err, "Node %s does not answer.", w.kept.Node)
	case pve.KindUnavailable:
		return jobs.Fail(err, "Cluster %s does not answer: %s", w.Cluster, plainProblem(err))
	case pve.KindUnauthenticated:
		return jobs.Fail(err, "Cluster %s refuses Berth's API token.", w.Cluster)
	case pve.KindForbidden:
		return jobs.Fail(err, "Berth's API token may not do this: %s", strings.TrimSpace(problem.Message))
	case pve.KindNoContainer:
		return jobs.Fail(err, "%s does not exist any more.", w.Hostname)
	}
	return jobs.Fail(err, "Proxmox says: %s", strings.TrimSpace(inFull(problem)))
}

// inFull is what Proxmox said, in its own words, letter by letter, with what is wrong with which parameter.
func inFull(p pve.Problem) string {
	text := p.Message
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		text = strings.TrimSpace(text) + " " + name + ": " + p.Fields[name]
	}
	return text
}

// ofProxmox tells errors of calls and tasks from those of the database.
func ofProxmox(err error) bool {
	if berth.CodeOf(err) != "" {
		return false
	}
	return pve.Classify(err).Kind != pve.KindOther || isRefusal(err)
}

func isRefusal(err error) bool {
	_, refused := errors.AsType[*pve.Error](err)
	_, failed := errors.AsType[*pve.TaskError](err)
	return refused || failed
}
