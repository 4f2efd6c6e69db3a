package shell

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Package managers. They know the packages of data/packages.txt, libraries (lib*) and modules (python3-*, php*-*, ...).

// available looks a package up.
func available(name string) (pkg, bool) {
	name, _, _ = strings.Cut(name, "=")
	if k, known := knownPackages()[name]; known {
		return k, true
	}
	for _, prefix := range []string{"lib", "python3-", "php", "py3-", "linux-", "fonts-", "ruby-", "node-", "golang-", "gstreamer", "mysql-common", "postgresql-"} {
		if strings.HasPrefix(name, prefix) {
			return pkg{version: "1.0"}, true
		}
	}
	return pkg{}, false
}

// installPackage puts commands and unit of a package in place; start says whether its service begins at once.
func (b *Box) installPackage(name string, k pkg, start bool) {
	b.packages[name] = k.version
	for _, c := range k.commands {
		b.tree.put("/usr/bin/"+c, &file{mode: 0o755, owner: "root:root", data: []byte("\x7fELF")})
	}
	if k.unit == "" {
		return
	}
	b.tree.mkdirs("/etc/" + name)
	s := b.addService(Service{Name: k.unit, Port: k.port})
	s.Running, s.Enabled = s.Running || start, s.Enabled || start
	if start {
		b.note("systemd[1]: Started %s.service.", k.unit)
	}
}

// installAll installs names or reports the first one that does not exist.
func (p *proc) installAll(names []string, start bool, missing string) int {
	b := p.box
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		if _, ok := available(n); !ok {
			fmt.Fprintf(p.errs, missing+"\n", n)
			return 1
		}
	}
	for _, n := range names {
		name, _, _ := strings.Cut(n, "=")
		k, _ := available(name)
		b.installPackage(name, k, start)
	}
	return 0
}

func (p *proc) removeAll(names []string) int {
	b := p.box
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		if k, ok := knownPackages()[n]; ok && b.packages[n] != "" {
			delete(b.services, k.unit)
			for _, c := range k.commands {
				b.tree.remove("/usr/bin/" + c)
			}
		}
		delete(b.packages, n)
	}
	return 0
}

// apt is apt-get, apt and apt-cache.
func apt(p *proc) int {
	flags, rest := p.options("ot option=o target-release=t")
	if len(rest) == 0 {
		return 0
	}
	if has(flags, "q", "quiet") {
		quiet := *p
		quiet.out = io.Discard
		p = &quiet
	}
	names := rest[1:]
	switch rest[0] {
	case "update":
		p.printf("Hit:1 http://mirror.example/debian stable InRelease\nReading package lists...\n")
	case "install":
		p.printf("Reading package lists...\nBuilding dependency tree...\n")
		var wanted []string
		for _, n := range names {
			if strings.HasSuffix(n, ".deb") {
				n, _, _ = strings.Cut(path.Base(n), "_")
				p.box.mu.Lock()
				p.box.packages[n] = "1.0"
				p.box.mu.Unlock()
				continue
			}
			wanted = append(wanted, n)
		}
		if code := p.installAll(wanted, true, "E: Unable to locate package %s"); code != 0 {
			return 100
		}
		for _, n := range wanted {
			k, _ := available(n)
			p.printf("Setting up %s (%s) ...\n", n, k.version)
		}
	case "remove", "purge":
		return p.removeAll(names)
	case "policy", "show", "madison", "search":
		for _, n := range names {
			if k, ok := available(n); ok {
				p.printf("%s:\n  Candidate: %s\n", n, k.version)
			}
		}
	case "list":
		p.box.listPackages(p, "%s/stable,now %s amd64 [installed]\n")
	}
	return 0
}

func (b *Box) listPackages(p *proc, format string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range sortedNames(b.packages) {
		p.printf(format, n, b.packages[n])
	}
}

// dpkg is dpkg, dpkg-query and rpm.
func dpkg(p *proc) int {
	flags, rest := p.options("f showformat=f")
	switch {
	case has(flags, "print-architecture"):
		p.printf("amd64\n")
	case has(flags, "i"):
		for _, n := range rest {
			name, _, _ := strings.Cut(path.Base(n), "_")
			p.box.mu.Lock()
			p.box.packages[strings.TrimSuffix(name, ".deb")] = "1.0"
			p.box.mu.Unlock()
		}
	case len(rest) == 0:
		p.box.listPackages(p, "ii  %-30s %-20s amd64\n")
	default:
		return p.queryPackages(flags, rest)
	}
	return 0
}

func (p *proc) queryPackages(flags map[string]string, names []string) int {
	code := 0
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, n := range names {
		v := p.box.packages[n]
		switch {
		case v == "":
			fmt.Fprintf(p.errs, "dpkg-query: package '%s' is not installed\n", n)
			code = 1
		case strings.Contains(flags["f"], "Status"):
			p.printf("install ok installed")
		case strings.Contains(flags["f"], "Version"):
			p.printf("%s", v)
		default:
			p.printf("Package: %s\nStatus: install ok installed\nVersion: %s\n", n, v)
		}
	}
	return code
}

// apk of Alpine does not start what it installs.
func apk(p *proc) int {
	_, rest := p.options("tXp virtual=t repository=X root=p")
	if len(rest) == 0 {
		return 0
	}
	switch rest[0] {
	case "add":
		if code := p.installAll(rest[1:], false, "ERROR: unable to select packages:\n  %s (no such package)"); code != 0 {
			return 1
		}
		for i, n := range rest[1:] {
			k, _ := available(n)
			p.printf("(%d/%d) Installing %s (%s)\n", i+1, len(rest)-1, n, k.version)
		}
		p.printf("OK: 64 MiB in 42 packages\n")
	case "del":
		return p.removeAll(rest[1:])
	case "update", "upgrade":
		p.printf("OK: 25397 distinct packages available\n")
	case "info", "list":
		if len(rest) > 1 {
			return p.queryPackages(map[string]string{}, rest[1:])
		}
		p.box.listPackages(p, "%s-%s\n")
	}
	return 0
}

// dnf is dnf, yum, zypper and pacman; like theirs, services wait to be started.
func dnf(p *proc) int {
	_, rest := p.options("")
	if strings.HasSuffix(p.args[0], "pacman") {
		rest = append([]string{"install"}, rest...)
	}
	if len(rest) == 0 {
		return 0
	}
	switch rest[0] {
	case "install", "in":
		if code := p.installAll(rest[1:], false, "Error: Unable to find a match: %s"); code != 0 {
			return 1
		}
		p.printf("Complete!\n")
	case "remove", "erase":
		return p.removeAll(rest[1:])
	case "list":
		p.box.listPackages(p, "%s.x86_64 %s\n")
	}
	return 0
}

// npm knows install: it makes node_modules, or a global command.
func npm(p *proc) int {
	flags, rest := p.options("")
	if len(rest) == 0 || !contains([]string{"install", "i", "ci", "add"}, rest[0]) {
		return p.version()
	}
	for _, n := range append([]string{""}, rest[1:]...) {
		name, _, _ := strings.Cut(strings.TrimPrefix(n, "@"), "@")
		p.box.mu.Lock()
		if has(flags, "g", "global") {
			if n != "" {
				p.box.tree.put("/usr/local/bin/"+path.Base(name), &file{mode: 0o755, owner: "root:root", data: []byte("\x7fELF")})
			}
		} else {
			p.box.tree.mkdirs(path.Join(p.dir, "node_modules", name))
		}
		p.box.mu.Unlock()
	}
	p.printf("\nadded %d packages in 2s\n", 17+len(rest))
	return 0
}

func pip(p *proc) int {
	_, rest := p.options("rci")
	if len(rest) == 0 || rest[0] != "install" {
		return p.version()
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	for _, n := range rest[1:] {
		name := strings.FieldsFunc(n, func(r rune) bool { return strings.ContainsRune("=<>[~", r) })[0]
		p.box.packages["pip:"+name] = "1.0"
		p.box.tree.put("/usr/local/bin/"+path.Base(name), &file{mode: 0o755, owner: "root:root", data: []byte("\x7fELF")})
	}
	p.printf("Successfully installed %s\n", strings.Join(rest[1:], " "))
	return 0
}
