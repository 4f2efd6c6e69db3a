package shell

import (
	"fmt"
	"strconv"
	"strings"
)

// control does start, stop, restart, enable, ... and returns the exit status of systemctl.
func (p *proc) control(verb, name string, now bool) int {
	b := p.box
	s := b.unit(name)
	if s == nil {
		switch verb {
		case "enable", "disable", "mask", "unmask":
			fmt.Fprintf(p.errs, "Failed to %s unit: Unit %s.service does not exist\n", verb, strings.TrimSuffix(name, ".service"))
			return 1
		}
		fmt.Fprintf(p.errs, "Failed to %s %s.service: Unit %s.service not found.\n", verb, strings.TrimSuffix(name, ".service"), strings.TrimSuffix(name, ".service"))
		return 5
	}
	switch verb {
	case "enable":
		s.Enabled = true
	case "disable", "mask":
		s.Enabled = false
	}
	if verb == "start" || verb == "restart" || verb == "reload-or-restart" || verb == "enable" && now {
		if err := b.startable(s); err != nil {
			s.Running = false
			b.note("systemd[1]: %s.service: %v", s.Name, err)
			fmt.Fprintf(p.errs, "Job for %s.service failed because the control process exited with error code.\nSee \"systemctl status %s.service\" and \"journalctl -xeu %s.service\" for details.\n", s.Name, s.Name, s.Name)
			return 1
		}
		s.Running = true
		b.note("systemd[1]: Started %s.service.", s.Name)
	}
	if verb == "stop" || verb == "disable" && now {
		s.Running = false
		b.note("systemd[1]: Stopped %s.service.", s.Name)
	}
	return 0
}

func systemctl(p *proc) int {
	flags, rest := p.options("tpnHM type=t property=p lines=n host=H machine=M state output")
	if len(rest) == 0 {
		rest = []string{"list-units"}
	}
	b := p.box
	b.mu.Lock()
	defer b.mu.Unlock()
	verb, names := rest[0], rest[1:]
	switch verb {
	case "daemon-reload", "daemon-reexec", "reset-failed", "set-default", "preset", "unmask", "isolate", "reboot", "poweroff":
		return 0
	case "list-units", "list-unit-files":
		p.listUnits(flags, verb)
		return 0
	case "is-system-running":
		p.printf("running\n")
		return 0
	case "is-active", "is-enabled", "is-failed", "status", "show", "cat":
		return p.query(flags, verb, names)
	}
	code := 0
	for _, n := range names {
		if c := p.control(verb, n, has(flags, "now")); c != 0 {
			code = c
		}
	}
	return code
}

func (p *proc) listUnits(flags map[string]string, verb string) {
	plain := has(flags, "no-legend", "plain") || flags["legend"] == "false"
	if verb == "list-unit-files" {
		for _, name := range sortedNames(p.box.services) {
			state := "disabled"
			if p.box.services[name].Enabled {
				state = "enabled"
			}
			p.printf("%s.service %s enabled\n", name, state)
		}
		return
	}
	if !plain {
		p.printf("  UNIT LOAD ACTIVE SUB DESCRIPTION\n")
	}
	shown := 0
	for _, name := range sortedNames(p.box.services) {
		s := p.box.services[name]
		if s.docker || !s.Running && (!has(flags, "all") || strings.Contains(flags["state"], "running")) {
			continue
		}
		active, sub := "active", "running"
		if !s.Running {
			active, sub = "inactive", "dead"
		}
		lead := "  "
		if plain {
			lead = ""
		}
		p.printf("%s%s.service loaded %s %s %s\n", lead, name, active, sub, name)
		shown++
	}
	if !plain {
		p.printf("\n%d loaded units listed.\n", shown)
	}
}

// query answers is-active, is-enabled, status, show and cat.
func (p *proc) query(flags map[string]string, verb string, names []string) int {
	code := 0
	for _, n := range names {
		name := strings.TrimSuffix(n, ".service")
		s := p.box.unit(name)
		running, enabled := s != nil && s.Running, s != nil && s.Enabled
		switch {
		case verb == "is-active":
			code = p.answer(has(flags, "q", "quiet"), running, "active", "inactive", 3)
		case verb == "is-failed":
			code = p.answer(has(flags, "q", "quiet"), false, "failed", "active", 1)
		case s == nil:
			fmt.Fprintf(p.errs, "Unit %s.service could not be found.\n", name)
			code = 4
		case verb == "is-enabled":
			code = p.answer(has(flags, "q", "quiet"), enabled, "enabled", "disabled", 1)
		case verb == "show":
			p.show(flags, s)
		case verb == "cat":
			if f, err := p.box.tree.find("/etc/systemd/system/"+name+".service", true); err == nil {
				p.printf("%s", f.data)
			}
		default:
			state := "inactive (dead)"
			if running {
				state = "active (running)"
			} else {
				code = 3
			}
			p.printf("● %s.service - %s\n     Loaded: loaded (/etc/systemd/system/%s.service; %v)\n     Active: %s\n", name, name, name, map[bool]string{true: "enabled", false: "disabled"}[enabled], state)
		}
	}
	return code
}

func (p *proc) answer(quiet, yes bool, a, b string, code int) int {
	if yes {
		b, code = a, 0
	}
	if !quiet {
		p.printf("%s\n", b)
	}
	return code
}

func (p *proc) show(flags map[string]string, s *Service) {
	state, sub, pid := "inactive", "dead", 0
	if s.Running {
		state, sub, pid = "active", "running", p.box.pidOf(s.Name)
	}
	all := [][2]string{{"Id", s.Name + ".service"}, {"LoadState", "loaded"}, {"ActiveState", state}, {"SubState", sub}, {"MainPID", strconv.Itoa(pid)}, {"Description", s.Name}, {"ExecStart", s.Command}}
	want := flags["p"]
	for _, kv := range all {
		if want != "" && !contains(strings.Split(want, ","), kv[0]) {
			continue
		}
		if has(flags, "value") {
			p.printf("%s\n", kv[1])
		} else {
			p.printf("%s=%s\n", kv[0], kv[1])
		}
	}
}
