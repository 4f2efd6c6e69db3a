package fleet

import (
	"context"
	"fmt"
	"slices"

	"berth"
	"berth/internal/pve"
)

// fits refuses what Berth knows that Proxmox would refuse, with a message for each field of the order.
func (a *Actions) fits(ctx context.Context, by berth.Actor, p *poller, c *berth.Container, r *berth.ActionRequest) error {
	k := &orderCheck{storages: storagesIn(a.fleet.Snapshot(), c.Cluster), container: c, fields: map[string]string{}}
	switch r.Action {
	case berth.ActionClone:
		k.wrong(r.Copy.VMID != 0, "vmid", a.takenBy(by.Access, c.Cluster, r.Copy.VMID))
		k.place(r)
		k.wrong(c.PVETemplate && !r.Copy.Full && r.Copy.Storage != "", "storage", "A linked clone stays on the storage of its template.")
	case berth.ActionMigrate:
		k.place(r)
	case berth.ActionBackup:
		k.storage(c.Node, r.Backup.Storage, "backup")
	case berth.ActionRestore, berth.ActionBackupDelete:
		return a.ownBackup(ctx, by, p, c, r.Backup.Volume)
	case berth.ActionResize, berth.ActionMoveVolume:
		if err := a.checkDisk(ctx, p, k, r); err != nil {
			return err
		}
	}
	if len(k.fields) > 0 {
		return berth.InvalidFields(k.fields)
	}
	return nil
}

// takenBy says who has a VMID, as far as somebody with that access may know; empty: nobody.
func (a *Actions) takenBy(access berth.Access, cluster string, vmid int) string {
	_, taken := a.holder(cluster, vmid)
	switch {
	case taken == nil:
		return ""
	case !access.Sees(taken):
		return fmt.Sprintf("VMID %d is taken.", vmid)
	}
	return fmt.Sprintf("VMID %d is taken by %s.", vmid, taken.Hostname)
}

// orderCheck collects what is wrong with an order.
type orderCheck struct {
	storages  *clusterStorages
	container *berth.Container
	fields    map[string]string
}

func (k *orderCheck) wrong(is bool, field, message string) {
	if is && message != "" && k.fields[field] == "" {
		k.fields[field] = message
	}
}

// place checks node and storage of what is cloned or moved.
func (k *orderCheck) place(r *berth.ActionRequest) {
	node := k.container.Node
	if r.Copy.Node != "" {
		node = r.Copy.Node
	}
	i := slices.IndexFunc(k.storages.nodes, func(n berth.Node) bool { return n.Name == node })
	k.wrong(i < 0, "node", "There is no node of that name.")
	k.wrong(i >= 0 && !k.storages.nodes[max(i, 0)].Online, "node", node+" is offline.")
	if r.Copy.Storage != "" && i >= 0 {
		k.storage(node, r.Copy.Storage, "rootdir")
	}
}

// storage checks that a node has the storage for such content. While no storage of the node is known, neither is this.
func (k *orderCheck) storage(node, name, content string) {
	if !slices.ContainsFunc(k.storages.all, func(s berth.Storage) bool { return s.Node == node }) {
		return
	}
	st := k.storages.find(node, name)
	switch {
	case st == nil:
		k.wrong(true, "storage", fmt.Sprintf("%s has no storage %s.", node, name))
	case !slices.Contains(st.Content, content):
		k.wrong(true, "storage", fmt.Sprintf("%s is not made for that: it holds no %s.", name, contentWords[content]))
	case !st.Available:
		k.wrong(true, "storage", fmt.Sprintf("%s cannot be used on %s now.", name, node))
	}
}

var contentWords = map[string]string{"rootdir": "disks of containers", "backup": "backups"}

// checkDisk compares an order about a disk with the latest configuration that was seen. Only if that speaks against it
// Proxmox is asked, because it may be old; what that does not tell is left to the job.
func (a *Actions) checkDisk(ctx context.Context, p *poller, k *orderCheck, r *berth.ActionRequest) error {
	if r.Action == berth.ActionMoveVolume {
		k.storage(k.container.Node, r.Disk.Storage, "rootdir")
	}
	versions, err := a.fleet.store.Configs(ctx, p.cluster.ID, k.container.VMID)
	if err != nil || len(versions) == 0 {
		return err
	}
	var seen pve.Mount
	if err := seen.UnmarshalText([]byte(versions[0].Values[r.Disk.Name])); err != nil {
		return fmt.Errorf("read %s of container %d: %w", r.Disk.Name, k.container.VMID, err)
	}
	if _, why := diskProblem(r, seen); why == "" || p.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, effectsTimeout)
	defer cancel()
	config, err := p.client.ContainerConfig(ctx, k.container.Node, k.container.VMID, pve.ConfigQuery{Current: true})
	if err != nil {
		return unavailable(err, "The disks of %s are not known: %s", k.container.Hostname, plainProblem(err))
	}
	field, why := diskProblem(r, mountNamed(&config, r.Disk.Name))
	k.wrong(true, field, why)
	return nil
}

// diskProblem says which field of an order makes no sense for the disk, and why; empty: none.
func diskProblem(r *berth.ActionRequest, now pve.Mount) (field, why string) {
	has := now.SizeBytes()
	switch {
	case r.Action == berth.ActionMoveVolume && now.Storage() == r.Disk.Storage:
		return "storage", fmt.Sprintf("%s is on %s already.", r.Disk.Name, r.Disk.Storage)
	case r.Action == berth.ActionResize && int64(r.Disk.GiB)*gib <= has:
		return "gib", fmt.Sprintf("%s has %s GiB already, and it can only grow.", r.Disk.Name, inGiB(has))
	}
	return "", ""
}

// inGiB says a number of bytes in GiB with at most one digit after the point.
func inGiB(bytes int64) string {
	if bytes%gib == 0 {
		return fmt.Sprint(bytes / gib)
	}
	return fmt.Sprintf("%.1f", float64(bytes)/gib)
}
