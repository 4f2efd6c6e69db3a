package pvesim

import "net/http"

type consoles struct{}

func (s *Sim) endConsole(int) {}
func (s *Sim) control(req *http.Request) *response {
	return &response{status: 404, reason: "Not Found"}
}
