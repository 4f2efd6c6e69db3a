package shell

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

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
	flags, rest := p.options("oHXdwuAmPUTOe output-document=O directory-prefix=P header=H tries timeout post-data")
	if path.Base(p.args[0]) == "curl" {
		flags, rest = p.options("oHXdwuAmUTeF output=o header=H request=X data=d write-out=w user=u user-agent=A max-time=m retry retry-delay connect-timeout form=F data-raw=d data-binary=d")
	}
	code := 0
	for _, url := range rest {
		host := strings.SplitN(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"), "/", 2)[0]
		body := page(url)
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

// page is what the small internet has at an address. Unknown content is a comment, so that piping it into a shell is harmless.
func page(url string) string {
	switch {
	case strings.Contains(url, "get.docker.com"):
		return "if command -v apt-get >/dev/null; then apt-get install -y docker-ce; elif command -v apk >/dev/null; then apk add docker; else dnf install -y docker-ce; fi\n"
	case strings.Contains(url, "api.github.com"):
		return "{\"tag_name\": \"v1.0.0\", \"name\": \"v1.0.0\"}\n"
	}
	return "# simulated content of " + url + "\n"
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
		if err := p.box.WriteFile(p.into(flags["P"], name), []byte(body), 0); err != nil {
			p.fail(23, "cannot write %s: %s", name, reason(err))
		}
	}
	if strings.Contains(flags["w"], "%{http_code}") {
		p.printf("200")
	}
}

// into is where a file goes: below dir when there is one.
func (p *proc) into(dir, name string) string {
	if dir != "" && !path.IsAbs(name) {
		name = path.Join(dir, name)
	}
	return p.abs(name)
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
	_, rest := p.options("bcC branch=b depth")
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
