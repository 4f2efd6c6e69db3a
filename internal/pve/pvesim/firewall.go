package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
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

// digestOf is the digest that PVE gives one list of a firewall file: SHA-1 over "key:value\n" of its entries, keys in their
// order (PVE::Firewall of pve-firewall 6.0, recorded).
func digestOf(list ...params) string {
	sum := sha1.New()
	for _, entry := range list {
		for _, key := range sortedKeys(entry) {
			fmt.Fprintf(sum, "%s:%s\n", key, entry[key]) // a hash does not fail
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// aliasList gives the aliases as entries of a list.
func (f *firewall) aliasList() []params {
	var list []params
	for _, name := range sortedKeys(f.aliases) {
		entry := maps.Clone(f.aliases[name])
		entry["name"] = name
		list = append(list, entry)
	}
	return list
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

// checkWallDigest refuses a change of a list that was changed since the caller read it.
func (c *call) checkWallDigest(list ...params) error {
	if d := c.params["digest"]; d != "" && d != digestOf(list...) {
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
	row["digest"] = digestOf(f.options)
	return row, nil
}

func setFirewallOptions(c *call) (any, error) {
	f, err := c.wall()
	if err != nil {
		return nil, err
	}
	if err := c.checkWallDigest(f.options); err != nil {
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
	row["pos"], row["digest"] = pos, digestOf(f.rules...)
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
	if err := c.checkWallDigest(f.rules...); err != nil {
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
	if err := c.checkWallDigest(f.rules...); err != nil {
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
		row["name"], row["digest"] = name, digestOf(f.aliasList()...)
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
