package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// firewall is the firewall file of a container: options, rules, aliases.
type firewall struct {
	options params
	rules   []params
	aliases map[string]params
}

// digest changes with every edit, and is that of nothing for no file.
func (f *firewall) digest() string {
	var b strings.Builder
	for _, part := range append([]params{f.options}, f.rules...) {
		for _, key := range sortedKeys(part) {
			b.WriteString(key + part[key] + "\n")
		}
	}
	for _, name := range sortedKeys(f.aliases) {
		b.WriteString(name + f.aliases[name]["cidr"])
	}
	sum := sha1.Sum([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

var firewallNumbers = strings.Fields("enable dhcp ipfilter macfilter ndp radv pos")

func firewallRow(p params) obj {
	row := obj{}
	for key, value := range p {
		row[key] = value
		if contains(firewallNumbers, key) {
			row[key] = atoi(value)
		}
	}
	return row
}

func (c *call) wall() (*firewall, error) {
	ct := c.sim.world.container(c.params.number("vmid", 0))
	if ct == nil {
		return nil, noConfig(c.sim.world.nodes[0], c.params["vmid"])
	}
	return &ct.firewall, nil
}

func (c *call) checkWallDigest(f *firewall) error {
	if d := c.params["digest"]; d != "" && d != f.digest() {
		return die("detected modified configuration - file changed by other user? Try again.")
	}
	return nil
}

// given are the parameters without those of the path and the bookkeeping.
func (c *call) given(drop ...string) params {
	p := maps.Clone(c.params)
	for _, name := range append(drop, "node", "vmid", "digest", "delete") {
		delete(p, name)
	}
	return p
}

func firewallOptions(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	row := firewallRow(f.options)
	row["digest"] = f.digest()
	return row, nil
}

func setFirewallOptions(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	if err := c.checkWallDigest(f); err != nil {
		return nil, err
	}
	if f.options == nil {
		f.options = params{}
	}
	for _, key := range c.params.list("delete") {
		delete(f.options, key)
	}
	maps.Copy(f.options, c.given())
	return nil, nil
}

func (f *firewall) ruleRow(pos int) obj {
	row := firewallRow(f.rules[pos])
	row["pos"], row["digest"] = pos, f.digest()
	return row
}

func firewallRules(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	out := []obj{}
	for pos := range f.rules {
		out = append(out, f.ruleRow(pos))
	}
	return out, nil
}

// addRule puts the rule first, as PVE does, unless a position is given.
func addRule(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	if err := c.checkRule(f); err != nil {
		return nil, err
	}
	pos := min(c.params.number("pos", 0), len(f.rules))
	f.rules = slices.Insert(f.rules, pos, c.given("pos"))
	return nil, nil
}

func (c *call) checkRule(f *firewall) error {
	if err := c.checkWallDigest(f); err != nil {
		return err
	}
	if a := c.params["action"]; a != "" && c.params["type"] != "group" && !contains([]string{"ACCEPT", "DROP", "REJECT"}, a) {
		return invalidParam("action", "unknown action '%s'", a)
	}
	return nil
}

func (c *call) knownRule() (*firewall, int, error) {
	f, err := c.wall()
	if err != nil {
		return nil, 0, err
	}
	pos := c.params.number("pos", 0)
	if pos >= len(f.rules) {
		return nil, 0, die("no rule at position %d", pos)
	}
	return f, pos, nil
}

func getRule(c *call) (any, error) {
	f, pos, err := c.knownRule()
	if err != nil {
		return nil, err
	}
	return f.ruleRow(pos), nil
}

func changeRule(c *call) (any, error) {
	f, pos, err := c.knownRule()
	if err != nil {
		return nil, err
	}
	if err := c.checkRule(f); err != nil {
		return nil, err
	}
	if c.params.has("moveto") {
		rule := f.rules[pos]
		f.rules = slices.Delete(f.rules, pos, pos+1)
		f.rules = slices.Insert(f.rules, min(c.params.number("moveto", 0), len(f.rules)), rule)
		return nil, nil
	}
	maps.Copy(f.rules[pos], c.given("pos"))
	for _, key := range c.params.list("delete") {
		delete(f.rules[pos], key)
	}
	return nil, nil
}

func removeRule(c *call) (any, error) {
	f, pos, err := c.knownRule()
	if err != nil {
		return nil, err
	}
	if err := c.checkWallDigest(f); err != nil {
		return nil, err
	}
	f.rules = slices.Delete(f.rules, pos, pos+1)
	return nil, nil
}

func firewallLog(c *call) (any, error) {
	total := 1
	c.total = &total
	return []obj{{"n": 1, "t": "unable to open file - No such file or directory"}}, nil
}

func listAliases(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	out := []obj{}
	for _, name := range sortedKeys(f.aliases) {
		row := firewallRow(f.aliases[name])
		row["name"], row["digest"] = name, f.digest()
		out = append(out, row)
	}
	return out, nil
}

func addAlias(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	name := c.params["name"]
	if f.aliases[name] != nil {
		return nil, die("alias '%s' already exists", name)
	}
	if f.aliases == nil {
		f.aliases = map[string]params{}
	}
	f.aliases[name] = c.given("name")
	return nil, nil
}

func removeAlias(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	if f.aliases[c.params["name"]] == nil {
		return nil, die("no such alias '%s'", c.params["name"])
	}
	delete(f.aliases, c.params["name"])
	return nil, nil
}
