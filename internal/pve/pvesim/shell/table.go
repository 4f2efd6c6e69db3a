package shell

import (
	"context"
	"path"
	"slices"
	"strings"
)

// commandTable are the programs that every box has. Others come with packages.
func commandTable() map[string]command {
	t := map[string]command{
		"sh": shell, "bash": shell, "ash": shell, "dash": shell, "env": env, "which": which, "type": which, "test": test, "[": test,
		"cat": cat, "ls": ls, "mkdir": mkdir, "cp": cp, "mv": mv, "rm": rm, "rmdir": rm, "ln": ln, "touch": touch, "chmod": chmod, "chown": chown, "chgrp": chown,
		"install": install, "stat": stat, "find": find, "readlink": readlink, "realpath": readlink, "mktemp": mktemp, "du": du, "dirname": dirname, "basename": basename,
		"tee": tee, "grep": grep, "egrep": grep, "fgrep": grep, "sed": sed, "head": head, "tail": tail, "wc": wc, "sort": sorter, "uniq": uniq, "cut": cut, "tr": tr,
		"base64": base64Cmd, "sha256sum": sums, "md5sum": sums, "sha1sum": sums, "seq": seq, "xargs": xargs, "awk": awk, "rev": cat, "openssl": openssl, "od": cat,
		"id": id, "whoami": id, "uname": uname, "hostname": hostname, "hostnamectl": hostname, "date": date, "sleep": sleep, "uptime": uptime, "free": free, "df": df, "nproc": nproc, "ps": ps, "arch": uname,
		"useradd": useradd, "adduser": useradd, "groupadd": useradd, "addgroup": useradd, "usermod": useradd, "userdel": userdel, "deluser": userdel, "getent": getent, "chpasswd": chpasswd, "passwd": chpasswd,
		"systemctl": systemctl, "service": serviceCmd, "rc-service": serviceCmd, "rc-update": rcUpdate, "rc-status": rcStatus, "ss": ss, "netstat": ss, "journalctl": journalctl, "logger": logger,
		"apt-get": apt, "apt": apt, "apt-cache": apt, "dpkg": dpkg, "dpkg-query": dpkg, "apk": apk, "dnf": dnf, "yum": dnf, "zypper": dnf, "pacman": dnf, "rpm": dpkg,
		"npm": npm, "npx": npm, "pip": pip, "pip3": pip, "docker": docker, "docker-compose": docker, "curl": curl, "wget": curl, "ip": ip, "git": git, "python3": python,
		"setsid": wrap, "nohup": wrap, "nice": wrap, "ionice": wrap, "timeout": timeout, "sudo": wrap, "su": su, "time": wrap, "stdbuf": wrap,
		"echo": builtin, "printf": builtin, "pwd": builtin, "stty": stty, "kill": succeed, "pkill": succeed, "pgrep": pgrep, "yes": succeed,
	}
	quiet := "sync tar unzip gzip gunzip bunzip2 zcat gpg update-ca-certificates locale-gen update-locale dpkg-reconfigure debconf-set-selections timedatectl " +
		"ldconfig mount umount modprobe sysctl systemd-tmpfiles systemd-analyze loginctl ufw iptables nft visudo a2ensite a2enmod a2dissite apt-key add-apt-repository update-rc.d clear true false"
	for _, name := range strings.Fields(quiet) {
		t[name] = succeed
	}
	t["false"] = func(*proc) int { return 1 }
	return t
}

// optional are commands of the table that need a package first.
var optional = []string{"npm", "npx", "pip", "pip3", "docker", "docker-compose", "git", "curl", "wget", "python3", "sudo", "openssl", "unzip", "gpg", "ufw", "iptables", "nft", "rc-service", "rc-update", "rc-status",
	"a2ensite", "a2enmod", "a2dissite", "add-apt-repository", "netstat", "systemctl", "journalctl", "systemd-analyze", "loginctl", "timedatectl", "hostnamectl", "apt-get", "apt", "apt-cache", "dpkg", "dpkg-query", "apk",
	"dnf", "yum", "zypper", "pacman", "rpm", "update-locale", "locale-gen", "dpkg-reconfigure", "debconf-set-selections", "apt-key", "update-rc.d", "bash", "dash", "ash", "rev", "xargs", "service"}

// families name the commands that come with a distribution.
func (b *Box) familyCommands() []string {
	common := "openssl xargs wget python3"
	switch b.spec.OS {
	case "alpine":
		return strings.Fields("apk rc-service rc-update rc-status ash wget openssl xargs service")
	case "fedora", "centos":
		return strings.Fields(common + " curl dnf yum rpm systemctl journalctl hostnamectl timedatectl loginctl bash systemd-analyze")
	case "archlinux":
		return strings.Fields("curl pacman systemctl journalctl hostnamectl timedatectl loginctl bash openssl xargs")
	case "opensuse":
		return strings.Fields(common + " curl zypper rpm systemctl journalctl hostnamectl timedatectl loginctl bash")
	}
	return strings.Fields(common + " apt-get apt apt-cache apt-key dpkg dpkg-query dpkg-reconfigure debconf-set-selections update-locale locale-gen systemctl journalctl hostnamectl timedatectl loginctl bash dash service update-rc.d systemd-analyze gpg")
}

func succeed(*proc) int { return 0 }

// builtin lets a shell run its builtin of that name, for programs that are started without one.
func builtin(p *proc) int {
	return p.script("sh", path.Base(p.args[0])+` "$@"`, p.args[1:])
}

// shell is sh: a script from -c, a file, or standard input.
func shell(p *proc) int {
	words := p.args[1:]
	prefix := ""
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && words[0] != "-" {
		flags := words[0]
		words = words[1:]
		if strings.HasPrefix(flags, "--") {
			continue
		}
		for _, f := range flags[1:] {
			switch f {
			case 'c':
				if len(words) == 0 {
					return p.fail(2, "-c: option requires an argument")
				}
				name, params := "sh", words[1:]
				if len(params) > 0 {
					name, params = params[0], params[1:]
				}
				return p.script(name, prefix+words[0], params)
			case 'e', 'u', 'x':
				prefix += "set -" + string(f) + "\n"
			case 'o':
				words = words[min(1, len(words)):]
			}
		}
	}
	if len(words) > 0 && words[0] != "-" {
		texts, code := p.inputs(words[:1])
		if code != 0 {
			return 127
		}
		return p.script(words[0], prefix+texts[0], words[1:])
	}
	texts, code := p.inputs(nil)
	if code != 0 {
		return code
	}
	inner := *p
	inner.in = strings.NewReader("")
	return inner.script("sh", prefix+texts[0], nil)
}

// env prints the environment, or runs a program with changes to it.
func env(p *proc) int {
	words := p.args[1:]
	child := *p
	for len(words) > 0 {
		switch {
		case words[0] == "-i":
			child.env = nil
		case words[0] == "-u" && len(words) > 1:
			words = words[1:]
		case strings.Contains(words[0], "="):
			child.env = append(append([]string{}, child.env...), words[0])
		default:
			child.args = words
			child.depth++
			return child.run()
		}
		words = words[1:]
	}
	for _, e := range child.env {
		p.printf("%s\n", e)
	}
	return 0
}

func which(p *proc) int {
	code := 0
	for _, name := range p.args[1:] {
		if strings.HasPrefix(name, "-") {
			continue
		}
		full := p.lookup(name)
		switch {
		case full != "":
			p.printf("%s\n", full)
		case contains(strings.Fields("cd echo printf exit set export read eval exec trap"), name):
			p.printf("%s\n", name)
		default:
			code = 1
		}
	}
	return code
}

// timeout ends a program after a while, with status 124.
func timeout(p *proc) int {
	_, rest := p.options("ks")
	if len(rest) < 2 {
		return p.fail(125, "missing operand")
	}
	limit, err := duration(rest[0])
	if err != nil {
		return p.fail(125, "invalid time interval '%s'", rest[0])
	}
	child := *p
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	child.ctx, child.args = ctx, p.args[slices.Index(p.args, rest[0])+1:]
	child.depth++
	code := child.run()
	if ctx.Err() != nil && p.ctx.Err() == nil {
		return 124
	}
	return code
}

// wrap runs the program behind setsid, nohup, nice and sudo.
func wrap(p *proc) int {
	words := p.args[1:]
	for len(words) > 0 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
		takesValue := contains([]string{"-u", "-n", "-g", "-k", "-s", "-c"}, words[0])
		words = words[1:]
		if takesValue && len(words) > 0 {
			words = words[1:]
		}
	}
	child := *p
	child.args = words
	child.depth++
	return child.run()
}

// su runs "su - user -c script" as the one user there is.
func su(p *proc) int {
	for i, w := range p.args {
		if w == "-c" && i+1 < len(p.args) {
			return p.script("sh", p.args[i+1], nil)
		}
	}
	return 0
}

func xargs(p *proc) int {
	flags, rest := p.options("nIL")
	var items []string
	for s := p.scanner(); s.Scan(); {
		if has(flags, "I", "L") {
			items = append(items, s.Text())
		} else {
			items = append(items, strings.Fields(s.Text())...)
		}
	}
	if len(rest) == 0 {
		rest = []string{"echo"}
	}
	if len(items) == 0 {
		return 0
	}
	groups := [][]string{items}
	if has(flags, "n", "I", "L") {
		groups = nil
		for _, it := range items {
			groups = append(groups, []string{it})
		}
	}
	code := 0
	for _, g := range groups {
		child := *p
		child.depth++
		child.in = strings.NewReader("")
		child.args = append(append([]string{}, rest...), g...)
		if mark := flags["I"]; mark != "" {
			child.args = nil
			for _, w := range rest {
				child.args = append(child.args, strings.ReplaceAll(w, mark, g[0]))
			}
		}
		if c := child.run(); c != 0 {
			code = 123
		}
	}
	return code
}
