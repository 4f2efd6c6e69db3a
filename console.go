package berth

import "slices"

const consolePrivilege = "VM.Console" // of Proxmox, for the container

// CheckConsole tells why a user of that role cannot open the console of the container now: Forbidden, Conflict, Unavailable
// or NotFound; nil if nothing that is known speaks against it.
func CheckConsole(c *Container, role Role) *Refusal {
	switch {
	case !role.Includes(RoleOperator):
		return refuse("not permitted", Forbidden, "Your role may not open the console of %s; it takes the role %s.", c.Hostname, RoleOperator)
	case c.Lifecycle == LifecycleCreating:
		return refuse("being created", Conflict, "%s is still being created.", c.Hostname)
	case c.Unknown == UnknownGone:
		return refuse("gone", NotFound, "%s does not exist any more: it was deleted outside Berth.", c.Hostname)
	case c.Unknown == UnknownNode:
		return refuse("node offline", Unavailable, "Node %s of %s is offline.", c.Node, c.Hostname)
	case c.Unknown == UnknownCluster || c.Unknown == UnknownNeverPolled:
		return refuse("cluster does not answer", Unavailable, "Cluster %s of %s does not answer.", c.Cluster, c.Hostname)
	case slices.Contains(c.Lacks, consolePrivilege):
		return refuse("not permitted to Berth's token", Forbidden, "Berth's token may not open the console of %s: it lacks %s on %s. The page of nodes says how to grant it.",
			c.Hostname, consolePrivilege, GuestPath(c.VMID))
	case c.PVETemplate:
		return refuse("template of Proxmox", Conflict, "%s is a template of Proxmox, which never runs.", c.Hostname)
	case c.Live == LiveStopped:
		return refuse("not running", Conflict, "%s is stopped: a console needs a running container. Start it first.", c.Hostname)
	}
	return nil
}
