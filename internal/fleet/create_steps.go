package fleet

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"berth"
	"berth/internal/jobs"
	"berth/internal/pve"
)

// mostVMIDs are tried in a row when Berth has records for those that Proxmox takes for free.
const mostVMIDs = 100

// chooseVMID settles the VMID of a creation. instead is the id of the record of a container that is no more, which gives
// way; empty if there is none. The name of one that has it is for those who may see it.
func (a *Actions) chooseVMID(ctx context.Context, p *poller, access berth.Access, spec *berth.CreateSpec, auto bool) (instead string, err error) {
	if !auto {
		if taken := a.takenBy(access, spec.Cluster, spec.VMID); taken != "" {
			return "", berth.InvalidFields(map[string]string{"vmid": taken})
		}
		instead, _ = a.holder(spec.Cluster, spec.VMID)
		return instead, nil
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	vmid := spec.VMID // somebody has just taken it
	if vmid == 0 {
		vmid, err = p.client.NextID(ctx)
	} else {
		vmid, err = nextFree(ctx, p.client, vmid)
	}
	for range mostVMIDs {
		if err != nil {
			return "", unavailable(err, "Cluster %s did not say which VMID is free.", spec.Cluster)
		}
		var taken *berth.Container
		if instead, taken = a.holder(spec.Cluster, vmid); taken == nil {
			spec.VMID = vmid
			return instead, nil
		}
		vmid, err = nextFree(ctx, p.client, vmid)
	}
	return "", berth.Errorf(berth.Unavailable, "There is no free VMID near %d: choose one.", vmid)
}

// nextFree gives the smallest free VMID above the given one.
func nextFree(ctx context.Context, client *pve.Client, vmid int) (int, error) {
	for {
		vmid++
		if free, err := client.IDFree(ctx, vmid); free || err != nil {
			return vmid, err
		}
	}
}

func unavailable(err error, format string, args ...any) error {
	return &berth.Error{Code: berth.Unavailable, Message: fmt.Sprintf(format, args...), Err: err}
}

// holder tells which container has a VMID; or which record of one that is no more gives way.
func (a *Actions) holder(cluster string, vmid int) (instead string, taken *berth.Container) {
	c, found := a.fleet.Snapshot().Find(cluster, vmid)
	switch {
	case !found:
		return "", nil
	case c.Unknown == berth.UnknownGone, c.Lifecycle == berth.LifecycleError && c.Live == "" && c.Pending == nil:
		return c.ID, nil
	}
	return "", c
}

// connect finds the cluster.
func (w *worker) connect() error {
	if w.reconnect(); w.client == nil {
		return jobs.Fail(nil, "Cluster %s is not connected any more.", w.Cluster)
	}
	return nil
}

// reconnect takes the connection that the cluster has now: it may have got another token or address while the job waits.
func (w *worker) reconnect() {
	if p := w.actions.fleet.pollerOf(func(p *poller) bool { return p.cluster.ID == w.ClusterID }); p != nil && p.client != nil {
		w.poller, w.client = p, p.client
	}
}

// tell has the cluster's poller do something: the one of now, for the worker may take another meanwhile.
func (w *worker) tell(ctx context.Context, do func(p *poller)) {
	p := w.poller
	p.tell(ctx, func() { do(p) })
}

// startIt starts a container after something else was done to it.
func (w *worker) startIt(ctx context.Context) error {
	err := w.do(ctx, order{name: "start", kinds: []string{"vzstart", "hastart"}, done: w.is("running"), post: func(ctx context.Context) (pve.UPID, error) {
		return w.client.Start(ctx, w.kept.Node, w.VMID)
	}})
	if err != nil {
		return err
	}
	return w.keepLog(ctx, w.task("start"))
}

// appear keeps what the container is called, and waits until it is on the list.
func (c *creator) appear(ctx context.Context) error {
	if err := c.noteName(ctx); err != nil {
		return err
	}
	return c.listed(ctx, c.VMID)
}

// noteName keeps the hostname that a restored container brought along.
func (c *creator) noteName(ctx context.Context) error {
	status, err := c.status(ctx)
	if err != nil || status.Name == "" || status.Name == c.Hostname {
		return err
	}
	if err := c.actions.fleet.store.Moved(ctx, c.ContainerID, c.kept.Node, status.Name); err != nil {
		return err
	}
	c.Hostname = status.Name
	c.poller.tell(ctx, func() { c.poller.reloadTracked() })
	return nil
}

// fieldOf is the field of the spec that a parameter of Proxmox came from.
var fieldOf = map[string]string{"ostemplate": "image", "ssh-public-keys": "keys", "rootfs": "storage", "features": "nesting"}

// fieldRules find the field in what Proxmox says without naming a parameter.
var fieldRules = []struct {
	pattern *regexp.Regexp
	field   string
}{
	{regexp.MustCompile(`(?:CT|VM) \d+ already exists`), "vmid"},
	{regexp.MustCompile(`SSH public key`), "keys"},
	{regexp.MustCompile(`vztmpl|ostemplate`), "image"},
	{regexp.MustCompile(`bridge '`), "bridge"},
	{regexp.MustCompile(`pool '`), "pool"},
	{regexp.MustCompile(`storage '|/storage/`), "storage"},
}

// networkParts are the fields that the interface is made of, by words in what Proxmox says of it.
var networkParts = []struct{ word, field string }{{"gw6", "gateway6"}, {"gw", "gateway"}, {"ip6", "ip6"}, {"tag", "vlan"}, {"bridge", "bridge"}, {"ip", "ip"}}

// explainCreation keeps what Proxmox refused by field, and turns it into the end of the job.
func (c *creator) explainCreation(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	fields := c.fieldsOf(err)
	if len(fields) == 0 {
		return c.explain(ctx, err)
	}
	c.kept.Fields = fields
	if err := c.save(ctx); err != nil {
		return err
	}
	if e, ours := errors.AsType[*berth.Error](err); ours {
		return jobs.Fail(err, "%s", e.Message)
	}
	problem := pve.Classify(err)
	if problem.Kind == pve.KindForbidden {
		return c.explain(ctx, err)
	}
	return jobs.Fail(err, "Proxmox says: %s", strings.TrimSpace(inFull(problem)))
}

// fieldsOf reads which fields are wrong; none if it is about something else.
func (c *creator) fieldsOf(err error) map[string]string {
	if e, ours := errors.AsType[*berth.Error](err); ours {
		return e.Fields
	}
	if !isRefusal(err) || c.kept.Made {
		return nil
	}
	problem := pve.Classify(err)
	fields := map[string]string{}
	for param, why := range problem.Fields {
		fields[c.fieldNamed(param, why)] = why
	}
	if len(fields) > 0 {
		return fields
	}
	for _, rule := range fieldRules {
		if rule.pattern.MatchString(problem.Message) {
			return map[string]string{rule.field: problem.Message}
		}
	}
	return nil
}

func (c *creator) fieldNamed(param, why string) string {
	if param == "net0" {
		i := slices.IndexFunc(networkParts, func(p struct{ word, field string }) bool { return strings.Contains(why, p.word) })
		return networkParts[max(i, 0)].field
	}
	if c.spec.Backup != "" && param == "ostemplate" {
		return "backup"
	}
	if field, known := fieldOf[param]; known {
		return field
	}
	return param
}
