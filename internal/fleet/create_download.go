package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
	"berth/internal/store"
)

const (
	kindDownload  = "image.download"
	orderDownload = "download"
)

// download is the args of the job that fetches an OS image.
type download struct {
	target
	Storage string `json:"storage"`
	Image   string `json:"image"`
}

func (d *download) subject() string { return fmt.Sprintf("%s on %s of %s", d.Image, d.Storage, d.Node) }

// Download fetches an OS image of Proxmox's catalogue (berth.Appliance.Name) to a storage and returns at once with the job
// that does. Refuses with Forbidden, Invalid, or Conflict if it is being fetched already.
func (a *Actions) Download(ctx context.Context, by berth.Actor, cluster, node, storage, image string) (job berth.Job, err error) {
	p := a.fleet.pollerOf(func(p *poller) bool { return p.cluster.Name == cluster })
	switch {
	case !by.Access.Highest().Includes(berth.RoleOperator):
		return berth.Job{}, berth.Errorf(berth.Forbidden, "Your role may not fetch OS images; it takes the role %s.", berth.RoleOperator)
	case p == nil || !by.Access.Reaches(berth.RoleOperator, cluster, ""):
		return berth.Job{}, berth.InvalidFields(map[string]string{"cluster": "There is no cluster of that name."})
	case !a.hasNode(by, cluster, node):
		return berth.Job{}, berth.InvalidFields(map[string]string{"node": "There is no node of that name."})
	case !applianceName.MatchString(image):
		return berth.Job{}, berth.InvalidFields(map[string]string{"image": "Choose an OS image to fetch."})
	case !a.holdsImages(cluster, node, storage):
		return berth.Job{}, berth.InvalidFields(map[string]string{"image": "Choose a storage of " + node + " that takes OS images."})
	}
	d := download{target: target{ClusterID: p.cluster.ID, Cluster: cluster, Node: node}, Storage: storage, Image: image}
	args, err := json.Marshal(d)
	if err != nil {
		return berth.Job{}, err
	}
	err = a.jobs.Change(ctx, "ask to fetch "+image, func(tx *store.Tx) (err error) {
		job, err = a.jobs.Add(ctx, tx, berth.Job{Kind: kindDownload, Action: orderDownload, Subject: strings.Join([]string{"image", cluster, node, storage, image}, "/"),
			Title: "Fetch " + d.subject(), Args: string(args), Actor: by.Name, ActorID: by.ID, Source: by.Source})
		if err != nil {
			return err
		}
		return tx.AddEvent(ctx, d.event(&job, "requested"))
	})
	return job, err
}

// applianceName is how the files of Proxmox's catalogue are called.
var applianceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+~-]{0,254}$`)

// holdsImages tells whether a storage of a node takes OS images.
func (a *Actions) holdsImages(cluster, node, storage string) bool {
	for _, view := range a.fleet.Snapshot().Clusters {
		for i := range view.Storages {
			s := &view.Storages[i]
			if s.Cluster == cluster && s.Node == node && s.Name == storage && slices.Contains(s.Content, "vztmpl") {
				return true
			}
		}
	}
	return false
}

// retryDownload asks once more for an image that was not fetched.
func (a *Actions) retryDownload(ctx context.Context, by berth.Actor, failed *berth.Job) (berth.Job, error) {
	var d download
	if err := json.Unmarshal([]byte(failed.Args), &d); err != nil {
		return berth.Job{}, fmt.Errorf("read what job %s fetched: %w", failed.ID, err)
	}
	return a.Download(ctx, by, d.Cluster, d.Node, d.Storage, d.Image)
}

func (d *download) event(job *berth.Job, state string) berth.Event {
	details := map[string]string{"state": state, "job": job.ID}
	if job.Message != "" {
		details["message"] = job.Message
	}
	return berth.Event{Actor: job.Actor, ActorID: job.ActorID, Source: job.Source, Action: kindDownload, Cluster: d.Cluster, Subject: d.subject(), Details: details}
}

func (a *Actions) workDownload(ctx context.Context, run *jobs.Run) (string, error) {
	w := &worker{Run: run, actions: a}
	var d download
	if err := errors.Join(run.Args(&d), run.Checkpoint(&w.kept)); err != nil {
		return "", err
	}
	w.target, w.kept.Node = d.target, d.Node
	if err := w.connect(); err != nil {
		return "", err
	}
	if errors.Is(context.Cause(ctx), jobs.ErrCancelled) {
		return "", w.abandon(ctx)
	}
	err := w.do(ctx, order{name: orderDownload, kinds: []string{"download"}, query: &pve.TaskQuery{Source: "all", Type: "download"},
		done: func(ctx context.Context, _ time.Time) (bool, error) {
			return w.hasVolume(ctx, d.Storage, d.Storage+":vztmpl/"+d.Image)
		},
		post: func(ctx context.Context) (pve.UPID, error) {
			return w.client.DownloadAppliance(ctx, d.Node, d.Storage, d.Image)
		}})
	if err == nil {
		err = w.keepLog(ctx, w.task(orderDownload))
	}
	return fmt.Sprintf("%s is on %s.", d.Image, d.Storage), w.explain(ctx, err)
}

// hasVolume tells whether a storage has a volume.
func (w *worker) hasVolume(ctx context.Context, storage, volume string) (bool, error) {
	volumes, err := w.client.StorageContent(ctx, w.kept.Node, storage, pve.ContentQuery{})
	return slices.ContainsFunc(volumes, func(v pve.Volume) bool { return v.ID == volume }), err
}

func (a *Actions) endedDownload(ctx context.Context, tx *store.Tx, job berth.Job) error {
	var d download
	if err := json.Unmarshal([]byte(job.Args), &d); err != nil {
		return fmt.Errorf("read what job %s fetched: %w", job.ID, err)
	}
	return tx.AddEvent(ctx, d.event(&job, string(job.State)))
}
