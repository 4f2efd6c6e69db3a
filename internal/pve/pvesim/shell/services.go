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

// ss lists listening sockets; -p adds the process, -H leaves the head line out. The kind of socket is shown only
// when more than one kind was asked for.
func ss(p *proc) int {
	flags, _ := p.options("")
	tcp, udp := has(flags, "t", "tcp"), has(flags, "u", "udp")
	if !tcp && !udp {
		tcp, udp = true, true
	}
	kind := func(name string) string {
		if tcp && udp {
			return fmt.Sprintf("%-5s ", name)
		}
		return ""
	}
	if !has(flags, "H", "no-header") {
		p.printf("%sState  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n", kind("Netid"))
	}
	for _, s := range p.box.Running() {
		process := ""
		if has(flags, "p", "processes") {
			process = fmt.Sprintf(" users:((\"%s\",pid=%d,fd=6))", s.Name, p.box.pidOf(s.Name))
		}
		if s.Port != 0 && tcp {
			p.printf("%sLISTEN 0      511          0.0.0.0:%-6d      0.0.0.0:*   %s\n", kind("tcp"), s.Port, process)
		}
		if s.Port == 53 && udp {
			p.printf("%sUNCONN 0      0            0.0.0.0:%-6d      0.0.0.0:*   %s\n", kind("udp"), s.Port, process)
		}
	}
	return 0
}

func journalctl(p *proc) int {
	flags, _ := p.options("unpo unit=u lines=n priority=p output=o since until")
	unit := strings.TrimSuffix(flags["u"], ".service")
	p.box.mu.Lock()
	var out []string
	for _, line := range p.box.journal {
		if strings.Contains(line, unit) {
			out = append(out, line)
		}
	}
	p.box.mu.Unlock()
	if n, err := strconv.Atoi(flags["n"]); err == nil {
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
