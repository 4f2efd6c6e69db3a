package pvesim

import (
	"embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

//go:embed data/*.txt
var dataFiles embed.FS

// firstVMID is the id of the first container.
const firstVMID = 101

// readTable splits a data file into lines of fields; "#" begins a comment line.
func readTable(name string, fields int) ([][]string, error) {
	text, err := dataFiles.ReadFile("data/" + name)
	if err != nil {
		return nil, err
	}
	var out [][]string
	for i, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) < fields {
			return nil, fmt.Errorf("%s line %d: %d columns, want %d", name, i+1, len(f), fields)
		}
		out = append(out, f)
	}
	return out, nil
}

// buildWorld makes nodes, storages, accounts and containers from the data files and the seed.
func (s *Sim) buildWorld(r release) error {
	w := &s.world
	*w = world{release: r, name: s.opt.Cluster, quorate: true, version: 4, containers: map[int]*container{}, pools: map[string]*pool{},
		ha: map[string]*haResource{}, options: map[string]string{}, flocks: map[int]chan struct{}{},
		users: map[string]*user{}, groups: map[string]string{}, roles: builtinRoles(), acl: map[string][]grant{}}
	w.everything = rights{}
	for _, p := range privileges {
		w.everything[p] = true
	}
	w.aclChanged()
	w.tasks.init()
	w.buildNodes(s.opt)
	if err := w.buildStorages(s.born); err != nil {
		return err
	}
	secret := uuid(s.opt.Seed, "token", s.opt.Cluster)
	w.users["root@pam"] = &user{id: "root@pam", password: s.opt.RootPassword, tokens: map[string]*token{"berth": {secret: secret}}}
	s.token = "root@pam!berth=" + secret
	if err := w.buildContainers(s); err != nil {
		return err
	}
	w.buildHistory(s)
	return nil
}

func (w *world) buildNodes(o Options) {
	for i := range o.Nodes {
		name := "pve" + strconv.Itoa(i+1)
		seed := hash(o.Seed, o.Cluster, name)
		n := &node{name: name, id: i + 1, online: true, seed: seed, bridges: []string{"vmbr0", "vmbr1"}, guests: map[int]*container{}, tick: math.MinInt64,
			ip:   fmt.Sprintf("192.0.2.%d", 11+i),
			cpus: []int{8, 16, 12, 24}[seed%4], memory: int64([]int{32, 64, 48, 128}[seed>>4%4]) << 30, swap: 8 << 30, disk: 94 << 30}
		n.booted = -time.Duration(3+seed%90) * 24 * time.Hour
		n.phase = o.StatisticsCycle * time.Duration(i) / time.Duration(o.Nodes)
		w.nodes = append(w.nodes, n)
	}
	for _, n := range w.nodes { // a node has room for its share of the containers
		share := int64(o.Containers/o.Nodes + 1)
		n.memory = max(n.memory, share*2<<30)
		n.cpus = max(n.cpus, int(share)/2)
	}
}

func (w *world) buildContainers(s *Sim) error {
	named, err := readTable("containers.txt", 11)
	if err != nil {
		return err
	}
	roles, err := readTable("roles.txt", 10)
	if err != nil {
		return err
	}
	for i := range s.opt.Containers {
		row := named[min(i, len(named)-1)]
		if i >= len(named) {
			row = numberedRow(roles, i-len(named), hash(s.opt.Seed, "row", strconv.Itoa(i)))
		}
		if err := w.buildContainer(s, i, row); err != nil {
			return fmt.Errorf("container %q: %w", row[0], err)
		}
	}
	w.buildHA()
	return nil
}

// numberedRow makes web-01, db-01, ..., web-02, db-02, ... most of them running.
func numberedRow(roles [][]string, i int, seed uint64) []string {
	r := roles[i%len(roles)]
	state := "running"
	if seed%7 == 0 {
		state = "stopped"
	}
	name := fmt.Sprintf("%s-%02d", r[0], i/len(roles)+1)
	return append([]string{name, r[1], r[2], r[3], r[4], r[5], state}, r[6:]...)
}

// buildContainer makes one container from its row of the table.
func (w *world) buildContainer(s *Sim, i int, row []string) error {
	vmid := firstVMID + i
	seed := hash(s.opt.Seed, s.opt.Cluster, row[0], strconv.Itoa(vmid))
	n := w.nodes[i%len(w.nodes)]
	gib, err := strconv.Atoi(row[4])
	if err != nil {
		return fmt.Errorf("disk size: %w", err)
	}
	made := -time.Duration((30+seed%400)*24+seed>>8%24) * time.Hour
	volume := w.storage("local-lvm").allocate(n, vmid, int64(gib)<<30, s.born.Add(made))
	ct := &container{vmid: vmid, node: n, seed: seed, made: made, pid: 2000 + int(seed%60000), snaps: map[string]*snapshot{}, pending: map[string]string{}, removing: map[string]bool{}}
	ct.conf = map[string]string{
		"arch": "amd64", "ostype": row[1], "cores": row[2], "memory": row[3], "swap": "512", "hostname": row[0],
		"rootfs": fmt.Sprintf("%s,size=%dG", volume, gib), "net0": netConfig(vmid, seed, row[5]),
		"tags": row[7], "unprivileged": "1", "features": "nesting=1", "onboot": strconv.Itoa(flag(row[6] == "running")),
	}
	if row[7] == "-" {
		delete(ct.conf, "tags")
	}
	ct.place(row[6], seed)
	if row[8] != "-" {
		w.join(ct, row[8])
	}
	load, err := strconv.Atoi(row[9])
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	ct.services = readServices(row[10])
	ct.reshape(load)
	w.add(ct)
	ct.sample = sample{seen: true, running: ct.running, started: ct.started, shape: ct.shape, tick: math.MinInt64}
	return nil
}

// place sets the state a container begins in, and when it ran before.
func (ct *container) place(state string, seed uint64) {
	switch state {
	case "running":
		ct.running = true
		ct.started = -min(time.Duration(1+seed%2000)*time.Hour/2, -ct.node.booted-time.Minute, -ct.made-time.Hour)
		ct.runs = []run{{ct.made, ct.started - 5*time.Minute}}
		return
	case "template":
		ct.conf["template"] = "1"
		return
	case "stopped":
	default:
		ct.conf["lock"] = state
	}
	ct.runs = []run{{ct.made, -time.Duration(48+seed%480) * time.Hour}}
}

func (w *world) join(ct *container, id string) {
	if w.pools[id] == nil {
		w.pools[id] = &pool{members: map[int]bool{}, storages: map[string]bool{}}
	}
	w.pools[id].members[ct.vmid] = true
	ct.pool = id
}

// netConfig is net0 for one of the address kinds of containers.txt.
func netConfig(vmid int, seed uint64, kind string) string {
	mac := fmt.Sprintf("BC:24:11:%02X:%02X:%02X", byte(seed>>16), byte(seed>>8), byte(seed))
	subnet, host := 3+vmid/200, 10+vmid%200
	base := "name=eth0,bridge=vmbr0,firewall=1,"
	static := fmt.Sprintf("gw=10.0.%d.1,hwaddr=%s,ip=10.0.%d.%d/24", subnet, mac, subnet, host)
	switch kind {
	case "static":
		return base + static + ",type=veth"
	case "dual":
		return base + static + fmt.Sprintf(",ip6=2001:db8:%x::%x/64,gw6=2001:db8:%x::1,type=veth", subnet, host, subnet)
	case "auto":
		return base + "hwaddr=" + mac + ",ip=dhcp,ip6=auto,type=veth"
	}
	return base + "hwaddr=" + mac + ",ip=dhcp,type=veth"
}

func readServices(text string) []service {
	var out []service
	if text == "-" {
		return nil
	}
	for _, part := range strings.Split(text, ",") {
		name, port, _ := strings.Cut(part, ":")
		out = append(out, service{name, atoi(port)})
	}
	return out
}

// buildHA puts three of the named containers under high availability.
func (w *world) buildHA() {
	if !w.inCluster() {
		return
	}
	for _, vmid := range []int{firstVMID + 3, firstVMID + 6, firstVMID + 9} {
		if ct := w.container(vmid); ct != nil && ct.running {
			w.ha["ct:"+strconv.Itoa(vmid)] = &haResource{vmid: vmid, state: "started", maxRelocate: 1, maxRestart: 1}
		}
	}
}
