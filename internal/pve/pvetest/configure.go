package pvetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"berth/internal/pve"
)

func (e *exercise) configure(ctx context.Context, t *testing.T) {
	before, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{})
	must(t, "config", err)
	change := pve.ConfigChange{
		Settings: pve.Settings{Cores: new(2), CPULimit: new(0.5), OnBoot: new(false), Startup: &pve.Startup{Order: new(7), UpSeconds: new(3)},
			Nameserver: "192.0.2.53", Tags: []string{"berth-test"}, ConsoleMode: "shell"},
		Delete: []string{"description"},
		Digest: before.Digest,
	}
	if e.bridge != "" {
		n := before.Networks[0]
		n.LinkDown = true
		change.Networks = map[int]pve.Network{0: n}
	}
	must(t, "change", e.client.UpdateConfig(ctx, e.Node, e.vmid, change))
	e.failsAs(ctx, t, "change with an old digest", pve.KindChanged, "", e.client.UpdateConfig(ctx, e.Node, e.vmid, change))

	after, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{Current: true})
	must(t, "config", err)
	if after.Cores != 2 || after.CPULimit != 0.5 || after.Description != "" || *after.Startup.Order != 7 || after.Nameserver != "192.0.2.53" ||
		!slices.Equal(after.Tags, []string{"berth-test"}) || after.ConsoleMode != "shell" || after.Digest == before.Digest {
		t.Errorf("got config %+v, want the changes", after)
	}
	if e.bridge != "" {
		was, is := before.Networks[0], after.Networks[0]
		if !is.LinkDown || is.HardwareAddress != was.HardwareAddress || is.Bridge != was.Bridge {
			t.Errorf("got network %s from %s, want only link_down to be new", is, was)
		}
	}
}

func (e *exercise) changeRunning(ctx context.Context, t *testing.T) {
	must(t, "live change", e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Settings: pve.Settings{MemoryMiB: new(192)}}))
	must(t, "change that waits", e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Settings: pve.Settings{ConsoleMode: "tty"}}))
	values, err := e.client.PendingConfig(ctx, e.Node, e.vmid)
	must(t, "pending", err)
	find := func(key string) pve.PendingValue {
		i := slices.IndexFunc(values, func(v pve.PendingValue) bool { return v.Key == key })
		if i < 0 {
			t.Fatalf("got pending values %+v, want %s among them", values, key)
		}
		return values[i]
	}
	if v := find("memory"); *v.Value != "192" || v.Pending != nil {
		t.Errorf("got memory %+v, want 192 in force", v)
	}
	if v := find("cmode"); *v.Value != "shell" || v.Pending == nil || *v.Pending != "tty" {
		t.Errorf("got cmode %+v, want shell in force and tty waiting", v)
	}
	now, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{Current: true})
	must(t, "config in force", err)
	next, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{})
	must(t, "config after the next start", err)
	if now.ConsoleMode != "shell" || next.ConsoleMode != "tty" {
		t.Errorf("got cmode %q now and %q next, want shell and tty", now.ConsoleMode, next.ConsoleMode)
	}
	must(t, "revert", e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Revert: []string{"cmode"}}))
}

func (e *exercise) resize(ctx context.Context, t *testing.T) {
	task, err := e.client.Resize(ctx, e.Node, e.vmid, "rootfs", "+1G")
	must(t, "resize", err)
	if _, err := e.client.Wait(ctx, task); err != nil {
		if strings.Contains(err.Error(), "can't resize") {
			t.Skipf("resize: the server says: %v", err)
		}
		t.Fatalf("resize: %v", err)
	}
	c, err := e.client.ContainerConfig(ctx, e.Node, e.vmid, pve.ConfigQuery{})
	must(t, "config", err)
	if c.RootFS.SizeBytes() != 2<<30 {
		t.Errorf("got a root file system of %s, want 2G", c.RootFS.Size)
	}
	task, err = e.client.Resize(ctx, e.Node, e.vmid, "rootfs", "1G")
	e.failsAs(ctx, t, "shrink", pve.KindInvalid, task, err)
}

func (e *exercise) firewall(ctx context.Context, t *testing.T) {
	rule := pve.FirewallRule{Type: "in", Action: "ACCEPT", Protocol: "tcp", DestinationPort: "22", Enabled: true, Comment: "berth; test"}
	cannot(t, "add a rule", e.client.AddFirewallRule(ctx, e.Node, e.vmid, rule))
	rules, err := e.client.FirewallRules(ctx, e.Node, e.vmid)
	must(t, "rules", err)
	if len(rules) != 1 || rules[0].DestinationPort != "22" || !rules[0].Enabled || rules[0].Comment != "berth; test" {
		t.Fatalf("got rules %+v, want the one", rules)
	}
	must(t, "delete the rule", e.client.DeleteFirewallRule(ctx, e.Node, e.vmid, 0, rules[0].Digest))
	rules, err = e.client.FirewallRules(ctx, e.Node, e.vmid)
	if err != nil || len(rules) != 0 {
		t.Errorf("got rules %+v, %v, want none", rules, err)
	}
	must(t, "options", e.client.UpdateFirewallOptions(ctx, e.Node, e.vmid, pve.FirewallOptions{Enabled: new(true)}))
	options, err := e.client.FirewallOptions(ctx, e.Node, e.vmid)
	must(t, "options", err)
	if options.Enabled == nil || !*options.Enabled {
		t.Errorf("got options %+v, want enabled", options)
	}
}

func (e *exercise) protection(ctx context.Context, t *testing.T) {
	protect := func(on bool) {
		must(t, "protection", e.client.UpdateConfig(ctx, e.Node, e.vmid, pve.ConfigChange{Settings: pve.Settings{Protection: &on}}))
	}
	protect(true)
	task, err := e.client.Delete(ctx, e.Node, e.vmid, pve.DeleteOptions{})
	e.failsAs(ctx, t, "delete of a protected container", pve.KindProtected, task, err)
	protect(false)
}
