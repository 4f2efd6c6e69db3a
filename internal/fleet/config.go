package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth"
	"berth/internal/jobs"
	"berth/internal/live"
	"berth/internal/pve"
)

// configPatience is how long a person waits for a change of a configuration, which Proxmox makes at once.
const configPatience = 30 * time.Second

// configOrder is a change of a configuration with what was there before.
type configOrder struct {
	Change berth.ConfigChange `json:"change"`
	Digest string             `json:"digest"`
	Before map[string]string  `json:"before,omitempty"` // of the keys that change
}

func (o *configOrder) before() string { return inLines(o.Change.Keys(), o.Before) }
func (o *configOrder) after() string  { return inLines(o.Change.Keys(), o.Change.Set) }

// inLines says keys and values, one a line.
func inLines(keys []string, values map[string]string) string {
	lines := make([]string, len(keys))
	for i, key := range keys {
		lines[i] = strings.TrimSpace(key + ": " + strings.TrimSpace(values[key]))
	}
	return strings.Join(lines, "\n")
}

// Config reads the configuration of a container from Proxmox, changes that wait for a restart counted as made. It is one
// call: for editing, never for showing a page. Returns NotFound or Unavailable.
func (a *Actions) Config(ctx context.Context, by berth.Actor, key string) (berth.ConfigVersion, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return berth.ConfigVersion{}, err
	}
	if p.client == nil {
		return berth.ConfigVersion{}, berth.Errorf(berth.Unavailable, "Cluster %s is not connected.", c.Cluster)
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	config, err := p.client.ContainerConfig(ctx, c.Node, c.VMID, pve.ConfigQuery{})
	if err != nil {
		return berth.ConfigVersion{}, unavailable(err, "The configuration of %s cannot be read: %s", c.Hostname, plainProblem(err))
	}
	v := versionOf(&config)
	v.At = a.fleet.now()
	return v, nil
}

// versionOf is a configuration as it is kept: without what is none of it, and without the environment.
func versionOf(config *pve.ContainerConfig) berth.ConfigVersion {
	values := config.Values()
	for _, key := range append([]string{"env"}, notConfigured...) {
		delete(values, key)
	}
	return berth.ConfigVersion{Digest: config.Digest, Values: values}
}

// ChangeConfig changes the configuration of a container and waits until Proxmox has done it. It gives the configuration as
// it is then. digest is that of the configuration which the change was thought out for: if it is another one by now, the
// error is Conflict and the configuration as it is now comes with it. What Proxmox refuses is Invalid, with a message per
// key where it says which. The change is a job: it holds the container, survives a crash, and is in the history with
// what was before and after. A change that would give the actor another role on the container is Forbidden.
func (a *Actions) ChangeConfig(ctx context.Context, by berth.Actor, key string, change berth.ConfigChange, digest string) (berth.ConfigVersion, error) {
	if err := change.Validate(); err != nil {
		return berth.ConfigVersion{}, err
	}
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return berth.ConfigVersion{}, err
	}
	r := berth.ActionRequest{Action: berth.ActionConfig}
	if refusal := r.Check(c, by.Access.On(c)); refusal != nil {
		return berth.ConfigVersion{}, refusal.Err
	}
	if err := keepsRole(by.Access, c, change); err != nil {
		return berth.ConfigVersion{}, err
	}
	current, err := a.Config(ctx, by, key)
	switch {
	case err != nil:
		return current, err
	case digest != "" && digest != current.Digest:
		return current, changedMeanwhile(c.Hostname)
	case a.mayMount(by, c, change, current.Values) != nil:
		return current, a.mayMount(by, c, change, current.Values)
	case len(notForTokens(change, current.Values)) > 0:
		return current, berth.InvalidFields(notForTokens(change, current.Values))
	case holds(change, current.Values):
		return current, nil
	}
	order := configOrder{Change: change, Digest: current.Digest, Before: map[string]string{}}
	for _, key := range change.Keys() {
		order.Before[key] = current.Values[key]
	}
	t := targetOf(p, c, r)
	t.Config = &order
	job, err := a.addAction(ctx, by, p, c, t, "")
	if err != nil {
		return current, err
	}
	return a.configChanged(ctx, by, key, job)
}

func changedMeanwhile(hostname string) error {
	return berth.Errorf(berth.Conflict, "Somebody else has changed the configuration of %s meanwhile: look at what is there now.", hostname)
}

// notForTokens says of each key that only root@pam may change why that is so.
func notForTokens(change berth.ConfigChange, values map[string]string) map[string]string {
	fields := map[string]string{}
	for _, key := range change.Keys() {
		if why := berth.EffectOf(key, change.Set[key], values).RootOnly; why != "" {
			fields[key] = why
		}
	}
	return fields
}

// holds tells whether a configuration is as the change wants it.
func holds(change berth.ConfigChange, values map[string]string) bool {
	for key, value := range change.Set {
		if now, set := values[key]; !set || strings.TrimSpace(now) != strings.TrimSpace(value) {
			return false
		}
	}
	return !slices.ContainsFunc(change.Unset, func(key string) bool { _, set := values[key]; return set })
}

// configChanged waits for the end of the job and gives what has come of it.
func (a *Actions) configChanged(ctx context.Context, by berth.Actor, key string, job berth.Job) (berth.ConfigVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, configPatience)
	defer cancel()
	ended, err := a.waitFor(ctx, job)
	if err != nil {
		return berth.ConfigVersion{}, err
	}
	current, err := a.Config(ctx, by, key)
	if ended.State == berth.JobSucceeded {
		return current, err
	}
	var k kept
	if ended.Checkpoint != "" {
		if err := json.Unmarshal([]byte(ended.Checkpoint), &k); err != nil {
			return current, fmt.Errorf("read the checkpoint of job %s: %w", job.ID, err)
		}
	}
	code := berth.Invalid
	if k.Stale {
		code = berth.Conflict
	}
	return current, &berth.Error{Code: code, Message: ended.Message, Fields: k.Fields}
}

// waitFor waits until a job is over.
func (a *Actions) waitFor(ctx context.Context, job berth.Job) (berth.Job, error) {
	news := a.fleet.hub.Subscribe(live.Jobs)
	defer news.Close()
	for {
		now, err := a.fleet.store.Job(ctx, job.ID)
		if err == nil && now.Ended() {
			return now, nil
		}
		select {
		case <-news.News():
		case <-ctx.Done():
			return now, unavailable(errors.Join(err, ctx.Err()), "“%s” goes on; its job tells how it ends.", job.Title)
		}
	}
}

// configure makes the change, once: Proxmox refuses it when the digest is another one, as it is after the change itself.
func (w *worker) configure(ctx context.Context) (string, error) {
	if w.Config == nil {
		return "", jobs.Fail(nil, "The job does not say what to change.")
	}
	if err := w.Step(ctx, "Change the configuration", w.putConfig); err != nil {
		return "", w.keepRefusal(ctx, err)
	}
	w.tell(ctx, func(p *poller) {
		p.followContainer(w.VMID)
		p.wantConfig(w.VMID)
	})
	err := w.Step(ctx, "Keep the configuration", w.keepConfig)
	return fmt.Sprintf("The configuration of %s is changed: %s.", w.Hostname, strings.Join(w.Config.Change.Keys(), ", ")), err
}

func (w *worker) putConfig(ctx context.Context) error {
	t, o := w.task("config"), w.Config
	for try := 1; ; try++ {
		lost := t.Asked
		t.Asked = true
		if err := w.save(ctx); err != nil {
			return err
		}
		_, err := w.post(ctx, func(ctx context.Context) (pve.UPID, error) {
			return "", w.client.SetConfig(ctx, w.kept.Node, w.VMID, o.Change.Set, o.Change.Unset, o.Digest)
		})
		switch {
		case ambiguous(err) && try < mostPosts && ctx.Err() == nil:
			continue
		case pve.Classify(err).Kind == pve.KindChanged && lost:
			return w.madeBefore(ctx, err)
		}
		return err
	}
}

// madeBefore accepts the refusal of a change whose answer was lost, if the configuration is as wanted.
func (w *worker) madeBefore(ctx context.Context, refused error) error {
	config, err := w.client.ContainerConfig(ctx, w.kept.Node, w.VMID, pve.ConfigQuery{})
	if err == nil && holds(w.Config.Change, config.Values()) {
		return nil
	}
	return cmp.Or(err, refused)
}

// keepRefusal keeps why the change was refused, for the one who waits.
func (w *worker) keepRefusal(ctx context.Context, err error) error {
	problem := pve.Classify(err)
	w.kept.Stale, w.kept.Fields = problem.Kind == pve.KindChanged, problem.Fields
	if problem.Kind != pve.KindChanged && len(problem.Fields) == 0 {
		return err
	}
	if saved := w.save(ctx); saved != nil {
		return saved
	}
	if w.kept.Stale {
		return jobs.Fail(err, "%s", changedMeanwhile(w.Hostname).Error())
	}
	return err
}

// keepConfig notes the configuration as Berth's own change, before others take it for one from outside. That it cannot be
// read is no reason to fail: the change was made.
func (w *worker) keepConfig(ctx context.Context) error {
	config, err := w.client.ContainerConfig(ctx, w.kept.Node, w.VMID, pve.ConfigQuery{Current: true})
	if err != nil {
		w.actions.fleet.log.Warn("cannot read a configuration that was changed", "container", w.VMID, "error", err)
		return context.Cause(ctx)
	}
	v := versionOf(&config)
	v.Actor = w.Job.Actor
	_, err = w.actions.fleet.store.AddConfig(ctx, w.ClusterID, w.VMID, v)
	return err
}

// ConfigHistory lists the configurations that a container had, the newest first: those that Berth has seen, at most 50.
func (a *Actions) ConfigHistory(ctx context.Context, by berth.Actor, key string) ([]berth.ConfigVersion, error) {
	p, c, err := a.find(by.Access, key)
	if err != nil {
		return nil, err
	}
	return a.fleet.store.Configs(ctx, p.cluster.ID, c.VMID)
}

// RestoreConfig brings an older configuration back, as ChangeConfig does. Disks and what only root@pam may change stay as
// they are: left names those keys.
func (a *Actions) RestoreConfig(ctx context.Context, by berth.Actor, key, versionID, digest string) (now berth.ConfigVersion, left []string, err error) {
	all, err := a.ConfigHistory(ctx, by, key)
	if err != nil {
		return now, nil, err
	}
	i := slices.IndexFunc(all, func(v berth.ConfigVersion) bool { return v.ID == versionID })
	if i < 0 {
		return now, nil, berth.Errorf(berth.NotFound, "There is no such version of the configuration.")
	}
	current, err := a.Config(ctx, by, key)
	if err != nil {
		return current, nil, err
	}
	change, left := current.ChangeTo(all[i])
	if len(change.Keys()) == 0 {
		return current, left, nil
	}
	now, err = a.ChangeConfig(ctx, by, key, change, digest)
	return now, left, err
}
