package shell

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

// Commands about the machine, its users and the network.

func id(p *proc) int {
	if strings.HasSuffix(p.args[0], "whoami") {
		p.printf("root\n")
		return 0
	}
	flags, rest := p.options("")
	name, uid := "root", 0
	if len(rest) > 0 {
		p.box.mu.Lock()
		n, known := p.box.users[rest[0]]
		p.box.mu.Unlock()
		if !known {
			return p.fail(1, "'%s': no such user", rest[0])
		}
		name, uid = rest[0], n
	}
	switch {
	case has(flags, "n"):
		p.printf("%s\n", name)
	case has(flags, "u", "g"):
		p.printf("%d\n", uid)
	default:
		p.printf("uid=%d(%s) gid=%d(%s) groups=%d(%s)\n", uid, name, uid, name, uid, name)
	}
	return 0
}

func uname(p *proc) int {
	if strings.HasSuffix(p.args[0], "arch") {
		p.printf("x86_64\n")
		return 0
	}
	flags, _ := p.options("")
	if has(flags, "a") {
		p.printf("Linux %s 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux\n", p.box.hostname())
		return 0
	}
	var out []string
	for _, part := range [][2]string{{"s", "Linux"}, {"n", p.box.hostname()}, {"r", "6.17.2-1-pve"}, {"m", "x86_64"}} {
		if has(flags, part[0]) || len(flags) == 0 && part[0] == "s" {
			out = append(out, part[1])
		}
	}
	p.printf("%s\n", strings.Join(out, " "))
	return 0
}

func hostname(p *proc) int {
	flags, rest := p.options("")
	if strings.HasSuffix(p.args[0], "hostnamectl") {
		if len(rest) > 1 && (rest[0] == "set-hostname" || rest[0] == "hostname") {
			p.box.WriteFile("/etc/hostname", []byte(rest[1]+"\n"), 0)
			return 0
		}
		p.printf(" Static hostname: %s\n  Virtualization: lxc\n", p.box.hostname())
		return 0
	}
	switch {
	case has(flags, "I", "i"):
		p.box.mu.Lock()
		defer p.box.mu.Unlock()
		var out []string
		for _, a := range p.box.spec.Addrs {
			addr, _, _ := strings.Cut(a, "/")
			out = append(out, addr)
		}
		p.printf("%s\n", strings.Join(out, " "))
	case len(rest) > 0:
		p.box.WriteFile("/etc/hostname", []byte(rest[0]+"\n"), 0)
	default:
		p.printf("%s\n", p.box.hostname())
	}
	return 0
}

var dateFormats = strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%F", "2006-01-02", "%T", "15:04:05", "%Z", "UTC", "%z", "+0000", "%b", "Jan", "%a", "Mon", "%y", "06")

func date(p *proc) int {
	now := p.box.spec.Now().UTC()
	for _, a := range p.args[1:] {
		switch {
		case a == "+%s":
			p.printf("%d\n", now.Unix())
			return 0
		case strings.HasPrefix(a, "+"):
			p.printf("%s\n", now.Format(dateFormats.Replace(a[1:])))
			return 0
		case strings.HasPrefix(a, "-I"):
			p.printf("%s\n", now.Format(time.DateOnly))
			return 0
		}
	}
	p.printf("%s\n", now.Format("Mon Jan _2 15:04:05 UTC 2006"))
	return 0
}

// sleep waits for real, so that long jobs behave as such; it ends with the program's context.
func sleep(p *proc) int {
	if len(p.args) < 2 {
		return p.fail(1, "missing operand")
	}
	total := time.Duration(0)
	for _, a := range p.args[1:] {
		unit := time.Second
		if n := len(a) - 1; n > 0 {
			if u, is := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}[a[n]]; is {
				unit, a = u, a[:n]
			}
		}
		f, err := strconv.ParseFloat(a, 64)
		if err != nil {
			return p.fail(1, "invalid time interval '%s'", a)
		}
		total += time.Duration(f * float64(unit))
	}
	t := time.NewTimer(total)
	defer t.Stop()
	select {
	case <-t.C:
		return 0
	case <-p.ctx.Done():
		return 130
	}
}

func uptime(p *proc) int {
	up := p.box.spec.Now().Sub(p.box.booted).Round(time.Minute)
	p.printf(" %s up %s,  0 users,  load average: 0.08, 0.05, 0.01\n", p.box.spec.Now().Format(time.TimeOnly), up)
	return 0
}

func free(p *proc) int {
	flags, _ := p.options("")
	unit := int64(1024)
	if has(flags, "m") {
		unit = 1 << 20
	}
	total := p.box.spec.Memory / unit
	p.printf("               total        used        free      shared  buff/cache   available\nMem:    %12d%12d%12d%12d%12d%12d\nSwap:   %12d%12d%12d\n", total, total*3/10, total*6/10, 0, total/10, total*7/10, 0, 0, 0)
	return 0
}

func df(p *proc) int {
	total := p.box.spec.Disk / 1024
	p.printf("Filesystem     1K-blocks    Used Available Use%% Mounted on\n/dev/loop0     %9d %7d %9d  30%% /\n", total, total*3/10, total*7/10)
	return 0
}

func nproc(p *proc) int {
	p.printf("%d\n", max(1, p.box.spec.Cores))
	return 0
}

func ps(p *proc) int {
	p.printf("    PID TTY      STAT   TIME COMMAND\n      1 ?        Ss     0:00 /sbin/init\n")
	for i, s := range p.box.Running() {
		p.printf("%7d ?        Ss     0:01 %s\n", 100+7*i, s.Name)
	}
	return 0
}

func pgrep(p *proc) int {
	_, rest := p.options("")
	for i, s := range p.box.Running() {
		if len(rest) > 0 && strings.Contains(s.Name, rest[0]) {
			p.printf("%d\n", 100+7*i)
			return 0
		}
	}
	return 1
}

// useradd is useradd, adduser, groupadd, addgroup and usermod.
func useradd(p *proc) int {
	flags, rest := p.options("dsugGcpheK")
	if len(rest) == 0 {
		return p.fail(2, "missing name")
	}
	name, tool := rest[0], path.Base(p.args[0])
	b := p.box
	if tool == "groupadd" || tool == "addgroup" {
		return b.append("/etc/group", fmt.Sprintf("%s:x:%d:\n", name, 1000))
	}
	b.mu.Lock()
	_, known := b.users[name]
	b.mu.Unlock()
	if tool == "usermod" {
		if name = rest[len(rest)-1]; !known && name == rest[0] {
			return p.fail(6, "user '%s' does not exist", name)
		}
		return 0
	}
	if known {
		return p.fail(9, "user '%s' already exists", name)
	}
	return p.newUser(name, flags, tool)
}

func (p *proc) newUser(name string, flags map[string]string, tool string) int {
	b := p.box
	home, sh := flags["d"], flags["s"]
	if v := flags["home"]; v != "" {
		home = v
	}
	if home == "" {
		home = "/home/" + name
	}
	if sh == "" {
		sh = "/bin/sh"
	}
	b.mu.Lock()
	uid := 1000 + len(b.users)
	if has(flags, "r", "system", "S") {
		uid = 100 + len(b.users)
	}
	b.users[name] = uid
	if has(flags, "m", "create-home") || tool == "adduser" && !has(flags, "H", "no-create-home") {
		b.tree.mkdirs(home)
		if f, err := b.tree.find(home, true); err == nil {
			f.owner = name + ":" + name
		}
	}
	b.mu.Unlock()
	b.append("/etc/group", fmt.Sprintf("%s:x:%d:\n", name, uid))
	return b.append("/etc/passwd", fmt.Sprintf("%s:x:%d:%d::%s:%s\n", name, uid, uid, home, sh))
}

// append adds a text to a file.
func (b *Box) append(name, text string) int {
	data, _ := b.ReadFile(name) // a missing file begins empty
	if err := b.WriteFile(name, append(data, text...), 0); err != nil {
		return 1
	}
	return 0
}

func userdel(p *proc) int {
	_, rest := p.options("")
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, name := range rest {
		if _, known := p.box.users[name]; !known {
			return p.fail(6, "user '%s' does not exist", name)
		}
		delete(p.box.users, name)
	}
	return 0
}

func getent(p *proc) int {
	if len(p.args) < 2 {
		return 1
	}
	data, err := p.box.ReadFile("/etc/" + p.args[1])
	if err != nil {
		return 1
	}
	found := false
	for _, line := range lines(string(data)) {
		if len(p.args) == 2 || strings.HasPrefix(line, p.args[2]+":") || p.args[1] == "hosts" && strings.Contains(line, p.args[2]) {
			p.printf("%s\n", line)
			found = true
		}
	}
	if !found {
		return 2
	}
	return 0
}

// chpasswd takes "root:secret" lines, so that the login prompt knows the new password.
func chpasswd(p *proc) int {
	texts, code := p.inputs(nil)
	for _, line := range lines(strings.Join(texts, "")) {
		if secret, is := strings.CutPrefix(line, "root:"); is {
			p.box.mu.Lock()
			p.box.spec.Password = secret
			p.box.mu.Unlock()
		}
	}
	return code
}

func ip(p *proc) int {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	p.printf("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\n    inet 127.0.0.1/8 scope host lo\n2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n")
	for _, a := range p.box.spec.Addrs {
		kind := "inet"
		if pre, err := netip.ParsePrefix(a); err == nil && pre.Addr().Is6() {
			kind = "inet6"
		}
		p.printf("    %s %s scope global eth0\n", kind, a)
	}
	return 0
}

// curl is curl and wget in a small internet: local ports answer when a service listens, other hosts have every file.
func curl(p *proc) int {
	flags, rest := p.options("oHXdwuAmPUTOe")
	if path.Base(p.args[0]) == "curl" {
		flags, rest = p.options("oHXdwuAmUTe")
	}
	code := 0
	for _, url := range rest {
		host := strings.SplitN(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"), "/", 2)[0]
		body := fmt.Sprintf("simulated content of %s\n", url)
		if name, port, _ := strings.Cut(host, ":"); name == "localhost" || name == "127.0.0.1" {
			if n, _ := strconv.Atoi(port); !p.box.listens(max(n, 80)) {
				code = p.fail(7, "(7) Failed to connect to %s: Connection refused", host)
				continue
			}
			body = "OK\n"
		}
		p.fetched(flags, url, body)
	}
	return code
}

// fetched puts a body where the flags say: -o and -O files, wget's default file, or standard output.
func (p *proc) fetched(flags map[string]string, url, body string) {
	name := flags["o"]
	wget := path.Base(p.args[0]) == "wget"
	if wget {
		name = flags["O"]
	}
	if name == "" && (wget || has(flags, "O", "remote-name")) {
		name = path.Base(url)
	}
	switch {
	case name == "-" || name == "":
		p.printf("%s", body)
	case strings.HasPrefix(name, "/dev/"):
	default:
		if err := p.box.WriteFile(path.Join(p.abs(flags["P"]), name), []byte(body), 0); err != nil {
			p.fail(23, "cannot write %s: %s", name, reason(err))
		}
	}
	if strings.Contains(flags["w"], "%{http_code}") {
		p.printf("200")
	}
}

// listens tells whether a running service has a port open.
func (b *Box) listens(port int) bool {
	for _, s := range b.Running() {
		if s.Port == port {
			return true
		}
	}
	return false
}

// git knows clone, which makes a directory with a README, and answers other commands with success.
func git(p *proc) int {
	_, rest := p.options("bcC")
	if len(rest) < 2 || rest[0] != "clone" {
		return p.version()
	}
	dir := strings.TrimSuffix(path.Base(rest[1]), ".git")
	if len(rest) > 2 {
		dir = rest[2]
	}
	p.box.mu.Lock()
	err := p.box.tree.mkdirs(p.abs(dir) + "/.git")
	p.box.mu.Unlock()
	if err != nil {
		return p.fail(128, "%s", reason(err))
	}
	fmt.Fprintf(p.errs, "Cloning into '%s'...\n", dir)
	p.box.WriteFile(p.abs(dir)+"/README.md", []byte("# "+path.Base(dir)+"\n"), 0)
	return 0
}

// python knows -m venv, which makes a directory, and versions.
func python(p *proc) int {
	if len(p.args) > 3 && p.args[1] == "-m" && p.args[2] == "venv" {
		dir := p.abs(p.args[3]) + "/bin"
		p.box.mu.Lock()
		defer p.box.mu.Unlock()
		if err := p.box.tree.mkdirs(dir); err != nil {
			return p.fail(1, "%s", reason(err))
		}
		for _, name := range []string{"pip", "python", "python3"} {
			p.box.tree.put(dir+"/"+name, &file{mode: 0o755, owner: "root:root", data: []byte("\x7fELF")})
		}
		p.box.tree.write(dir+"/activate", []byte("VIRTUAL_ENV="+p.abs(p.args[3])+"\nexport VIRTUAL_ENV\nPATH=$VIRTUAL_ENV/bin:$PATH\n"), 0o644)
		return 0
	}
	if len(p.args) > 2 && p.args[1] == "-m" && p.args[2] == "pip" {
		child := *p
		child.args = append([]string{"pip"}, p.args[3:]...)
		return pip(&child)
	}
	return p.version()
}
