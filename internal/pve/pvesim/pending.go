package pvesim

import "net/http"

// Types that the next commits fill in.
type box struct{}

func (b *box) rebooted() *box { return b }
func (b *box) copied() *box   { return b }

type consoles struct{}
type sshServer struct{}

func (s *Sim) stopSSH()       {}
func (s *Sim) endConsole(int) {}
func (s *Sim) control(req *http.Request) *response {
	return &response{status: 404, reason: "Not Found"}
}
func (s *Sim) newSecret() string { return uuid(uint64(len(s.world.log)), "secret") }
