package shell

import (
	"fmt"
	"path"
	"strings"
)

// useradd is useradd, adduser, groupadd, addgroup and usermod.
func useradd(p *proc) int {
	flags, rest := p.options("dsugGcpheK home-dir=d home=d shell=s uid=u gid=g groups=G comment=c ingroup=G password=p gecos=c expiredate=e")
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
	if tool == "adduser" && flags["h"] != "" { // of busybox
		home = flags["h"]
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
