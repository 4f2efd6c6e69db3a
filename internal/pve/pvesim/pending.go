package pvesim

import "net/http"

// Types that the next commits fill in.
type snapshot struct{ conf map[string]string }

func (sn *snapshot) section() string          { return "" }
func (sn *snapshot) shown() map[string]string { return sn.conf }

type firewall struct{}
type box struct{}

func (b *box) rebooted() *box { return b }

type backupJob struct{}
type archive struct{}
type consoles struct{}
type sshServer struct{}

func (s *Sim) stopSSH()       {}
func (s *Sim) endConsole(int) {}
func (s *Sim) control(req *http.Request) *response {
	return &response{status: 404, reason: "Not Found"}
}
func (s *Sim) newSecret() string                                          { return uuid(uint64(len(s.world.log)), "secret") }
func (t *task) migrate(vmid int, target *node, restart bool, x any) error { return nil }
