package berth

import (
	"slices"
	"strings"
)

// TagChange gives a container tags and takes others away.
type TagChange struct{ Add, Remove []string }

const longestTag = 124 // characters; Proxmox has no limit, the terms of a query have

// Validate tells which tags Proxmox would refuse (pve-common JSONSchema.pm, pve-tag), as Invalid. Those that are taken away
// may be any.
func (t TagChange) Validate() error {
	if len(t.Add)+len(t.Remove) == 0 {
		return Errorf(Invalid, "Type a tag.")
	}
	for _, tag := range t.Add {
		if len(tag) > longestTag || !tagForm.MatchString(strings.ToLower(tag)) {
			return Errorf(Invalid, "“%s” cannot be a tag: tags are made of letters, digits and _ - + . and begin with a letter, digit or _.", tag)
		}
	}
	return nil
}

// Of gives tags as they are after the change, new ones at the end. Proxmox orders them and makes them lower case, unless its
// tag style says otherwise.
func (t TagChange) Of(tags []string) []string {
	var after []string
	for _, tag := range slices.Concat(tags, t.Add) {
		if !slices.Contains(t.Remove, tag) && !slices.Contains(after, tag) {
			after = append(after, tag)
		}
	}
	return after
}

// SplitTags reads tags as Proxmox takes them: separated by semicolons, commas or blanks.
func SplitTags(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(";, \t\n", r) })
}

const tagsPrivilege = "VM.Config.Options" // of Proxmox, for the container

// CheckTags tells why a user of that role cannot change the tags of the container now; nil if nothing that is known
// speaks against it.
func CheckTags(c *Container, role Role) *Refusal {
	if refusal := (ActionRequest{Action: ActionConfig}).Check(c, role); refusal != nil {
		return refusal
	}
	if slices.Contains(c.Lacks, tagsPrivilege) {
		return refuse("not permitted to Berth's token", Forbidden, "Berth's token may not change the tags of %s: it lacks %s on %s. The page of nodes says how to grant it.",
			c.Hostname, tagsPrivilege, GuestPath(c.VMID))
	}
	return nil
}
