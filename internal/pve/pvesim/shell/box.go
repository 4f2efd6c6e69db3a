// Package shell is what is inside a simulated container: a file system in memory, packages, services and commands,
// driven by a POSIX shell.
//
// It runs real provisioning scripts: they write files, install packages and start services, which ss and systemctl
// then show. Nothing of it touches the host: no process is started and no file of the host is opened.
package shell

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Spec is what a box begins with.
type Spec struct {
	Hostname string
	OS       string // debian, ubuntu, alpine, fedora, ...
	Memory   int64  // bytes, for free
	Disk     int64  // bytes, for df
	Cores    int
	Addrs    []string // addresses of eth0 with prefix length
	Services []Service
	Password string // of root, for the login prompt
	Keys     string // authorised keys of root
	Now      func() time.Time
	Made     time.Time          // of the files that it begins with; zero: now
	Booted   time.Time          // zero: now
	Programs map[string]Program // further commands, such as pct on a node
}

// Program is a command that the owner of the box supplies; it returns the exit status.
type Program func(ctx context.Context, c Command) int

// Service is a unit that runs, or could run, in the box.
type Service struct {
	Name    string
	Port    int // 0 for none
	Running bool
	Enabled bool
	Command string // ExecStart, when a unit file gave one
	docker  bool
}

// Box is the inside of one container. Its methods may be called from several goroutines.
type Box struct {
	mu       sync.Mutex
	spec     Spec
	tree     *tree
	services map[string]*Service
	packages map[string]string // version by name
	users    map[string]int    // uid by name
	docker   map[string]*dockerContainer
	journal  []string
	booted   time.Time
	commands map[string]command
}

// pkg is one line of packages.txt.
type pkg struct {
	version, unit string
	port          int
	commands      []string
}

//go:embed data/packages.txt
var packageTable string

// knownPackages reads the table of installable packages.
var knownPackages = sync.OnceValue(func() map[string]pkg {
	out := map[string]pkg{}
	for line := range strings.Lines(packageTable) {
		f := strings.Fields(line)
		if len(f) < 5 || strings.HasPrefix(f[0], "#") {
			continue
		}
		p := pkg{version: f[1]}
		fmt.Sscan(f[3], &p.port)
		if f[2] != "-" {
			p.unit = f[2]
		}
		if f[4] != "-" {
			p.commands = strings.Split(f[4], ",")
		}
		out[f[0]] = p
	}
	return out
})

// New makes a box with the files that a fresh container of its distribution has.
func New(s Spec) *Box {
	b := &Box{spec: s, services: map[string]*Service{}, packages: map[string]string{}, users: map[string]int{"root": 0, "daemon": 1, "www-data": 33, "nobody": 65534}, docker: map[string]*dockerContainer{}, booted: cmp.Or(s.Booted, s.Now())}
	b.tree = newTree(func() time.Time { return cmp.Or(s.Made, s.Now()) })
	for _, dir := range strings.Fields("/bin /sbin /etc/apt/sources.list.d /etc/systemd/system /etc/init.d /etc/ssh /etc/default /etc/profile.d /home /root/.ssh /tmp /var/log /var/lib /var/www/html /var/cache /run /opt /srv /mnt /dev /proc /sys /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/share/keyrings /usr/lib/systemd/system") {
		b.tree.mkdirs(dir)
	}
	b.seedFiles()
	for _, name := range strings.Fields("coreutils bash tzdata ca-certificates") {
		b.packages[name] = knownPackages()[name].version
	}
	b.commands = commandTable()
	for name, prog := range s.Programs {
		b.commands[name] = func(p *proc) int {
			return prog(p.ctx, Command{Args: p.args, Env: p.env, Dir: p.dir, Stdin: p.in, Stdout: p.out, Stderr: p.errs})
		}
	}
	present := b.familyCommands()
	for name := range b.commands {
		if contains(optional, name) && !contains(present, name) {
			continue
		}
		b.tree.put("/usr/bin/"+name, &file{mode: 0o755, owner: "root:root", data: []byte("\x7fELF")})
	}
	b.seedServices(s.Services)
	for _, name := range []string{"/bin/sh", b.rootShell()} {
		b.tree.put(name, &file{mode: 0o755, owner: "root:root", data: []byte("\x7fELF")})
	}
	b.tree.now = s.Now
	return b
}

// seedServices puts the services of the spec in place, with the commands of their packages. Where docker runs, the
// others are containers of it.
func (b *Box) seedServices(list []Service) {
	byUnit := map[string]string{}
	for name, k := range knownPackages() {
		if k.unit != "" && (byUnit[k.unit] == "" || name < byUnit[k.unit]) {
			byUnit[k.unit] = name
		}
	}
	docker := slices.ContainsFunc(list, func(s Service) bool { return s.Name == "docker" })
	for _, s := range list {
		if docker && s.Port > 0 && s.Name != "sshd" {
			b.dockerUp(&dockerContainer{name: s.Name, image: s.Name + ":latest", ports: [][2]int{{s.Port, s.Port}}, running: s.Running})
			continue
		}
		if name := byUnit[s.Name]; name != "" {
			b.installPackage(name, knownPackages()[name], false)
			delete(b.services, s.Name)
		}
		b.addService(s)
	}
}

// osRelease are NAME, VERSION_ID and codename by distribution.
var osRelease = map[string][3]string{
	"debian": {"Debian GNU/Linux", "12", "bookworm"}, "ubuntu": {"Ubuntu", "24.04", "noble"}, "alpine": {"Alpine Linux", "3.22.0", ""},
	"fedora": {"Fedora Linux", "42", ""}, "centos": {"Rocky Linux", "9.6", ""}, "archlinux": {"Arch Linux", "", ""}, "opensuse": {"openSUSE Leap", "15.6", ""},
	"devuan": {"Devuan GNU/Linux", "5", "daedalus"},
}

func (b *Box) seedFiles() {
	s := b.spec
	r, known := osRelease[s.OS]
	if !known {
		r = [3]string{"Linux", "1", ""}
	}
	id := s.OS
	if id == "centos" {
		id = "rocky"
	}
	passwd := "root:x:0:0:root:/root:" + b.rootShell() + "\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	files := map[string]string{
		"/etc/hostname": s.Hostname + "\n", "/etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\t" + s.Hostname + "\n", "/etc/passwd": passwd, "/etc/group": "root:x:0:\nwww-data:x:33:\nsudo:x:27:\n",
		"/etc/resolv.conf": "nameserver 192.0.2.1\n", "/etc/timezone": "Etc/UTC\n", "/root/.ssh/authorized_keys": s.Keys,
		"/etc/os-release": fmt.Sprintf("PRETTY_NAME=\"%s %s\"\nNAME=\"%s\"\nID=%s\nVERSION_ID=\"%s\"\nVERSION_CODENAME=%s\n", r[0], r[1], r[0], id, r[1], r[2]),
		"/dev/null":       "", "/proc/uptime": "1.00 1.00\n", "/etc/ssh/sshd_config": "PermitRootLogin prohibit-password\n",
	}
	switch s.OS {
	case "debian", "devuan":
		files["/etc/debian_version"] = r[1] + ".12\n"
	case "alpine":
		files["/etc/alpine-release"] = r[1] + "\n"
	}
	for name, text := range files {
		b.tree.write(name, []byte(text), 0o644)
	}
}

// rootShell is the login shell of root.
func (b *Box) rootShell() string {
	if b.spec.OS == "alpine" {
		return "/bin/sh"
	}
	return "/bin/bash"
}

// Prompt is what the interactive shell of root shows.
func (b *Box) Prompt() string {
	if b.spec.OS == "alpine" {
		return "/ # "
	}
	return "root@" + b.hostname() + ":~# "
}

func (b *Box) hostname() string {
	if data, err := b.ReadFile("/etc/hostname"); err == nil {
		return strings.TrimSpace(string(data))
	}
	return b.spec.Hostname
}

// Password is the password of root, "" when the account is locked.
func (b *Box) Password() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spec.Password
}

// ReadFile returns a file's content.
func (b *Box) ReadFile(name string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.tree.find(name, true)
	if err != nil {
		return nil, err
	}
	if f.IsDir() {
		return nil, errText("is a directory")
	}
	return append([]byte(nil), f.data...), nil
}

// WriteFile makes or replaces a file, as pct push does.
func (b *Box) WriteFile(name string, data []byte, mode uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.tree.write(name, data, 0o644); err != nil {
		return err
	}
	f, err := b.tree.find(name, true)
	if err == nil && mode != 0 {
		f.mode = f.mode&^0o777 | fileMode(mode)
	}
	return err
}

// Running lists the services that run.
func (b *Box) Running() []Service {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Service
	for _, name := range sortedNames(b.services) {
		if s := b.services[name]; s.Running {
			out = append(out, *s)
		}
	}
	return out
}

// Rebooted is the box after a restart of the container: enabled services run, /tmp and /run are empty.
func (b *Box) Rebooted() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.services {
		s.Running = s.Enabled
	}
	for _, dir := range []string{"/tmp", "/run"} {
		b.tree.put(dir, b.tree.newDir(dir))
	}
	b.booted = b.spec.Now()
}

// Copy is an independent box with the same content, for clones and backups.
func (b *Box) Copy() *Box {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &Box{spec: b.spec, commands: b.commands, packages: maps.Clone(b.packages), users: maps.Clone(b.users), services: map[string]*Service{}, docker: map[string]*dockerContainer{}, booted: b.booted}
	c.tree = &tree{root: b.tree.root.clone(), now: b.tree.now}
	for name, s := range b.services {
		copied := *s
		c.services[name] = &copied
	}
	for name, d := range b.docker {
		copied := *d
		c.docker[name] = &copied
	}
	return c
}

// SetAddrs tells the box its addresses, for ip and hostname -I.
func (b *Box) SetAddrs(addrs []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spec.Addrs = addrs
}

// Command is one program to run in the box, as pct exec or a console would.
type Command struct {
	Args   []string
	Env    []string // KEY=value
	Dir    string   // "/" when empty
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Run runs a program and returns its exit status: 127 when there is none of that name. Background jobs of a script
// live on until ctx ends.
func (b *Box) Run(ctx context.Context, c Command) int {
	p := &proc{box: b, ctx: ctx, args: c.Args, env: c.Env, dir: c.Dir, in: c.Stdin, out: c.Stdout, errs: c.Stderr}
	if p.dir == "" {
		p.dir = "/"
	}
	if p.in == nil {
		p.in = strings.NewReader("")
	}
	if p.out == nil {
		p.out = io.Discard
	}
	if p.errs == nil {
		p.errs = io.Discard
	}
	return p.run()
}
