package pve

import "context"

// FirewallRule is a rule of a container's firewall.
type FirewallRule struct {
	Position        int      `pve:"pos"`  // rules are tried in this order; writing ignores it
	Type            string   `pve:"type"` // in, out, forward or group
	Action          string   `pve:"action"`
	Enabled         bool     `pve:"enable"`
	Macro           string   `pve:"macro"`
	Protocol        string   `pve:"proto"`
	Source          string   `pve:"source"`
	Destination     string   `pve:"dest"`
	SourcePort      string   `pve:"sport"`
	DestinationPort string   `pve:"dport"`
	ICMPType        string   `pve:"icmp-type"`
	Interface       string   `pve:"iface"`
	Log             string   `pve:"log"`
	Comment         string   `pve:"comment"`
	Digest          string   `pve:"digest"` // of all rules; if set when writing, they must not have changed
	Odd             []string `pve:",odd"`
}

// FirewallRules lists the rules of a container.
func (c *Client) FirewallRules(ctx context.Context, node string, vmid int) ([]FirewallRule, error) {
	return fetch[[]FirewallRule](ctx, c, get("/nodes/{node}/lxc/{vmid}/firewall/rules", node, vmid))
}

// AddFirewallRule puts a rule before all others.
func (c *Client) AddFirewallRule(ctx context.Context, node string, vmid int, rule FirewallRule) error {
	rule.Position = 0
	return c.run(ctx, post("/nodes/{node}/lxc/{vmid}/firewall/rules", node, vmid).with(rule))
}

// DeleteFirewallRule removes the rule at a position. A digest guards against removing another one.
func (c *Client) DeleteFirewallRule(ctx context.Context, node string, vmid, position int, digest string) error {
	query := struct {
		Digest string `pve:"digest"`
	}{digest}
	return c.run(ctx, del("/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}", node, vmid, position).with(query))
}

// FirewallOptions are the switches of a container's firewall. Nil is the server's default.
type FirewallOptions struct {
	Enabled   *bool    `pve:"enable"`
	PolicyIn  string   `pve:"policy_in"` // ACCEPT, REJECT or DROP
	PolicyOut string   `pve:"policy_out"`
	DHCP      *bool    `pve:"dhcp"`
	MACFilter *bool    `pve:"macfilter"`
	IPFilter  *bool    `pve:"ipfilter"`
	LogIn     string   `pve:"log_level_in"`
	LogOut    string   `pve:"log_level_out"`
	Digest    string   `pve:"digest"`
	Odd       []string `pve:",odd"`
}

// FirewallOptions reads the switches of a container's firewall.
func (c *Client) FirewallOptions(ctx context.Context, node string, vmid int) (FirewallOptions, error) {
	return fetch[FirewallOptions](ctx, c, get("/nodes/{node}/lxc/{vmid}/firewall/options", node, vmid))
}

// UpdateFirewallOptions sets the switches that are not nil or empty.
func (c *Client) UpdateFirewallOptions(ctx context.Context, node string, vmid int, o FirewallOptions) error {
	return c.run(ctx, put("/nodes/{node}/lxc/{vmid}/firewall/options", node, vmid).with(o))
}
