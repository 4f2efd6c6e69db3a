package berth

import "time"

// ConfigVersion is a configuration that a container had.
type ConfigVersion struct {
	ID     string
	At     time.Time // when Berth first saw it
	Actor  string    // who made it so with Berth; empty: not known
	Digest string    // of Proxmox, then
	Values map[string]string
}

// ConfigChange changes the configuration of a container.
type ConfigChange struct {
	Set   map[string]string `json:"set,omitempty"`   // key to value, as Proxmox writes them: "memory": "1024"
	Unset []string          `json:"unset,omitempty"` // keys that go back to what is usual
}
