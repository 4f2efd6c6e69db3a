package fleet

import (
	"context"
	"slices"
	"strings"

	"berth"
)

const tagTries = 3 // of a change of tags, while somebody else changes the configuration

// ChangeTags gives a container tags and takes others away, from those that it has by then, and waits until Proxmox has done
// it. It is a change of the configuration, as ChangeConfig makes it. Because it says what is to change and not what is to
// come out, a configuration that somebody else has changed meanwhile is read again instead of being a conflict.
func (a *Actions) ChangeTags(ctx context.Context, by berth.Actor, key string, change berth.TagChange) error {
	if err := change.Validate(); err != nil {
		return err
	}
	_, c, err := a.find(by.Access, key)
	if err != nil {
		return err
	}
	if refusal := berth.CheckTags(c, by.Access.On(c)); refusal != nil {
		return refusal.Err
	}
	for try := 1; ; try++ {
		before, err := a.Config(ctx, by, key)
		if err != nil {
			return err
		}
		now, err := a.ChangeConfig(ctx, by, key, tagsAsConfig(change.Of(berth.SplitTags(before.Values["tags"]))), before.Digest)
		meanwhile := berth.CodeOf(err) == berth.Conflict && now.Digest != "" && now.Digest != before.Digest
		if !meanwhile || try == tagTries {
			return err
		}
	}
}

func tagsAsConfig(tags []string) berth.ConfigChange {
	if len(tags) == 0 {
		return berth.ConfigChange{Unset: []string{"tags"}}
	}
	return berth.ConfigChange{Set: map[string]string{"tags": strings.Join(tags, ";")}}
}

// keepsRole refuses a change of name or tags after which somebody would have another role on the container, or none: roles
// are given on what containers are.
func keepsRole(access berth.Access, c *berth.Container, change berth.ConfigChange) error {
	would := *c
	if slices.Contains(change.Keys(), "tags") {
		would.Tags = berth.SplitTags(change.Set["tags"])
	}
	if slices.Contains(change.Keys(), "hostname") {
		would.Hostname = change.Set["hostname"]
	}
	if access.On(&would) == access.On(c) {
		return nil
	}
	return berth.Errorf(berth.Forbidden, "Your role on %s depends on its name and tags, and this change would give you another one or none. Somebody with a wider role can make it.", c.Hostname)
}
