package berth

import "testing"

func TestConsoleIsRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	running := Container{Cluster: "home", VMID: 101, Hostname: "web1", Node: "pve1", Live: LiveRunning, Status: StatusRunning}
	with := func(change func(*Container)) Container {
		c := running
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		c    Container
		role Role
		code Code
		want string
	}{
		"running":       {running, RoleOperator, "", ""},
		"viewer":        {running, RoleViewer, Forbidden, "Your role may not open the console of web1; it takes the role operator."},
		"stopped":       {with(func(c *Container) { c.Live = LiveStopped }), RoleAdmin, Conflict, "web1 is stopped: a console needs a running container. Start it first."},
		"being created": {with(func(c *Container) { c.Lifecycle = LifecycleCreating }), RoleAdmin, Conflict, "web1 is still being created."},
		"template":      {with(func(c *Container) { c.PVETemplate, c.Live = true, LiveStopped }), RoleAdmin, Conflict, "web1 is a template of Proxmox, which never runs."},
		"gone":          {with(func(c *Container) { c.Unknown = UnknownGone }), RoleAdmin, NotFound, "web1 does not exist any more: it was deleted outside Berth."},
		"node offline":  {with(func(c *Container) { c.Unknown = UnknownNode }), RoleAdmin, Unavailable, "Node pve1 of web1 is offline."},
		"no answer":     {with(func(c *Container) { c.Unknown = UnknownCluster }), RoleAdmin, Unavailable, "Cluster home of web1 does not answer."},
		"not sampled":   {with(func(c *Container) { c.Unknown, c.Live = UnknownNotSampled, "" }), RoleAdmin, "", ""},
		"no privilege": {with(func(c *Container) { c.Lacks = []string{"VM.Console"} }), RoleAdmin, Forbidden,
			"Berth's token may not open the console of web1: it lacks VM.Console on /vms/101. The page of nodes says how to grant it."},
	} {
		refusal := CheckConsole(&test.c, test.role)
		switch {
		case refusal == nil && test.code != "":
			t.Errorf("%s: it is allowed, want %s", name, test.code)
		case refusal != nil && (refusal.Err.Code != test.code || refusal.Err.Message != test.want):
			t.Errorf("%s: %s %q, want %s %q", name, refusal.Err.Code, refusal.Err.Message, test.code, test.want)
		}
	}
}
