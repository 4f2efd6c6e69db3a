package berth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// keyword is a value of the field is.
type keyword struct {
	name, about string
	holds       func(c *Container) bool
}

var keywords = []keyword{
	{"running", "Proxmox VE says it runs", func(c *Container) bool { return c.Status == StatusRunning }},
	{"stopped", "Proxmox VE says it is stopped", func(c *Container) bool { return c.Status == StatusStopped }},
	{"creating", "Berth is creating it", func(c *Container) bool { return c.Status == StatusCreating }},
	{"error", "creating it failed", func(c *Container) bool { return c.Status == StatusError }},
	{"unknown", "its status is not known", func(c *Container) bool { return c.Status == StatusUnknown }},
	{"tracked", "Berth keeps a record of it", (*Container).Tracked},
	{"discovered", "only Proxmox VE knows it", func(c *Container) bool { return !c.Tracked() }},
	{"locked", "Proxmox VE holds a lock on it", func(c *Container) bool { return c.Lock != "" }},
	{"ha", "managed for high availability", func(c *Container) bool { return c.HAState != "" }},
	{"stale", "last known: its node or cluster does not answer", stale},
	{"gone", "deleted outside Berth", func(c *Container) bool { return c.Unknown == UnknownGone }},
	{"odd", "Proxmox VE said something of it that cannot be read", func(c *Container) bool { return len(c.OddFields) > 0 }},
}

func stale(c *Container) bool {
	return c.Unknown == UnknownNode || c.Unknown == UnknownCluster || c.Unknown == UnknownNeverPolled
}

func keywordNames() []string {
	names := make([]string, len(keywords))
	for i, k := range keywords {
		names[i] = k.name
	}
	return names
}

func readKeyword(_ string, p pattern) (alternative, error) {
	text, plain := p.text()
	for _, k := range keywords {
		if plain && k.name == text {
			return alternative{k.name, func(c *Container, _ time.Time) bool { return k.holds(c) }}, nil
		}
	}
	if known := nearest(text, keywordNames()); known != "" {
		return alternative{}, fmt.Errorf("is not something a container can be; perhaps you mean %s", known)
	}
	return alternative{}, errors.New("is not something a container can be; choose " + strings.Join(keywordNames(), ", "))
}
