package berth

// Actor is who does something, as the history names them.
type Actor struct {
	ID     string // the user's id; empty for Berth itself
	Name   string // the user's name; "system" for Berth itself
	Source string // web, api, cli, proxmox
	Access Access // what they may do to containers
}
