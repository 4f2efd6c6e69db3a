package shell

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Services: systemd, OpenRC, sockets and the journal.

func (b *Box) addService(s Service) *Service {
	have := b.services[s.Name]
	if have == nil {
		have = &s
		b.services[s.Name] = have
	}
	if b.spec.OS == "alpine" {
		b.tree.write("/etc/init.d/"+s.Name, []byte("#!/sbin/openrc-run\n"), 0o755)
	}
	return have
}

var portText = regexp.MustCompile(`(?:(?i:port)[= ]"?|--listen[= ]\S*?:|:)(\d{2,5})\b`)

// unit finds a service by name, or makes it from a unit file or init script that somebody wrote.
func (b *Box) unit(name string) *Service {
	name = strings.TrimSuffix(name, ".service")
	for _, file := range []string{"/etc/systemd/system/" + name + ".service", "/usr/lib/systemd/system/" + name + ".service", "/lib/systemd/system/" + name + ".service", "/etc/init.d/" + name} {
		f, err := b.tree.find(file, true)
		if err != nil {
			continue
		}
		s := b.services[name]
		if s == nil {
			s = &Service{Name: name}
			b.services[name] = s
		}
		for _, line := range lines(string(f.data)) {
			if c, is := strings.CutPrefix(line, "ExecStart="); is {
				s.Command = c
			}
			relevant := strings.HasPrefix(line, "ExecStart=") || strings.HasPrefix(line, "Environment=") || strings.HasPrefix(line, "command")
			if m := portText.FindStringSubmatch(line); relevant && m != nil {
				s.Port, _ = strconv.Atoi(m[1])
			}
		}
		return s
	}
	return b.services[name]
}

func (b *Box) note(format string, args ...any) {
	b.journal = append(b.journal, b.spec.Now().Format("Jan _2 15:04:05 ")+b.spec.Hostname+" "+fmt.Sprintf(format, args...))
	if len(b.journal) > 2000 {
		b.journal = b.journal[1000:]
	}
}

// startable fails for a unit whose program does not exist.
func (b *Box) startable(s *Service) error {
	words := strings.Fields(strings.TrimLeft(s.Command, "-@+!"))
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") {
		return nil
	}
	if _, err := b.tree.find(words[0], true); err == nil || b.commands[path.Base(words[0])] != nil {
		return nil
	}
	return errText("Failed at step EXEC spawning " + words[0] + ": No such file or directory")
}

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
	flags, rest := p.options("tpnHM")
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
	want := flags["property"] + "," + flags["p"]
	for _, kv := range all {
		if want != "," && !contains(strings.Split(want, ","), kv[0]) {
			continue
		}
		if has(flags, "value") {
			p.printf("%s\n", kv[1])
		} else {
			p.printf("%s=%s\n", kv[0], kv[1])
		}
	}
}

// pidOf is a made-up but steady process id.
func (b *Box) pidOf(name string) int {
	sum := 0
	for _, r := range name {
		sum = sum*31 + int(r)
	}
	return 100 + (sum&0x7fffffff)%900
}

// serviceCmd is "service NAME VERB" and "rc-service NAME VERB".
func serviceCmd(p *proc) int {
	_, rest := p.options("")
	if len(rest) < 2 {
		return p.fail(1, "usage: NAME VERB")
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	name, verb := rest[0], rest[1]
	if verb == "status" {
		s := p.box.unit(name)
		if s == nil {
			return p.fail(1, "service `%s' does not exist", name)
		}
		return p.answer(false, s.Running, " * status: started", " * status: stopped", 3)
	}
	if p.box.unit(name) == nil {
		return p.fail(1, "service `%s' does not exist", name)
	}
	code := p.control(verb, name, false)
	if code == 0 && strings.HasSuffix(p.args[0], "rc-service") {
		p.printf(" * %sing %s ... [ ok ]\n", verb, name)
	}
	return code
}

// rcUpdate is "rc-update add NAME [LEVEL]" and del.
func rcUpdate(p *proc) int {
	_, rest := p.options("")
	if len(rest) < 2 {
		return 0
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	s := p.box.unit(rest[1])
	if s == nil {
		return p.fail(1, "service `%s' does not exist", rest[1])
	}
	s.Enabled = rest[0] == "add"
	return 0
}

func rcStatus(p *proc) int {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	p.printf("Runlevel: default\n")
	for _, name := range sortedNames(p.box.services) {
		state := "stopped"
		if p.box.services[name].Running {
			state = "started"
		}
		p.printf(" %-40s [  %s  ]\n", name, state)
	}
	return 0
}

// ss lists listening sockets; -p adds the process, -H leaves the head line out.
func ss(p *proc) int {
	flags, _ := p.options("")
	if !has(flags, "H", "no-header") {
		p.printf("Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n")
	}
	for _, s := range p.box.Running() {
		if s.Port == 0 || has(flags, "u") && !has(flags, "t") && s.Port != 53 {
			continue
		}
		process := ""
		if has(flags, "p") {
			process = fmt.Sprintf(" users:((\"%s\",pid=%d,fd=6))", s.Name, p.box.pidOf(s.Name))
		}
		p.printf("tcp   LISTEN 0      511          0.0.0.0:%-6d      0.0.0.0:*   %s\n", s.Port, process)
		if s.Port == 53 && has(flags, "u") {
			p.printf("udp   UNCONN 0      0            0.0.0.0:%-6d      0.0.0.0:*   %s\n", s.Port, process)
		}
	}
	return 0
}

func journalctl(p *proc) int {
	flags, _ := p.options("unpo")
	unit := strings.TrimSuffix(flags["u"]+flags["unit"], ".service")
	p.box.mu.Lock()
	var out []string
	for _, line := range p.box.journal {
		if strings.Contains(line, unit) {
			out = append(out, line)
		}
	}
	p.box.mu.Unlock()
	if n, err := strconv.Atoi(flags["n"] + flags["lines"]); err == nil {
		out = out[max(0, len(out)-n):]
	}
	if len(out) == 0 {
		p.printf("-- No entries --\n")
	}
	for _, l := range out {
		p.printf("%s\n", l)
	}
	return 0
}

func logger(p *proc) int {
	_, rest := p.options("tp")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	p.box.note("root: %s", strings.Join(rest, " "))
	return 0
}
