package berth

import (
	"net/netip"
	"testing"
	"time"
)

var queryNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// webContainer is a container that has everything.
func webContainer() *Container {
	return &Container{
		ID: "0197-aa", Cluster: "Home", VMID: 150, Node: "pve1", Hostname: "Web-Server", Lifecycle: LifecycleReady,
		Live: LiveRunning, Status: StatusRunning, HasFigures: true, CPUs: 4, CPU: 0.25,
		MemoryBytes: 3 << 30, MemoryLimitBytes: 4 << 30, DiskBytes: 10 << 30, DiskLimitBytes: 20 << 30,
		StartedAt: queryNow.Add(-90 * time.Minute), CreatedAt: queryNow.Add(-72 * time.Hour),
		Tags: []string{"prod", "team-a"}, Pool: "shop", Lock: "backup", HAState: "started", Template: "my gitea",
		Addresses: []Address{{Prefix: netip.MustParsePrefix("10.0.3.7/24")}, {Prefix: netip.MustParsePrefix("fd00::7/64")}},
		Services:  []Service{{Name: "nginx"}, {Name: "Postgresql"}}, OddFields: []string{"cpu"},
	}
}

func matches(t *testing.T, text string, c *Container) bool {
	t.Helper()
	q, err := ParseQuery(text)
	if err != nil {
		t.Fatalf("ParseQuery(%q): %v", text, err)
	}
	return q.Matches(c, queryNow)
}

func TestQueriesOfARunningContainer(t *testing.T) {
	t.Parallel()
	yes := []string{
		"", "   ", "web", "WEB", "serv", "web*", "*server", "w*s*r", "150", "15", "15*", "prod", "team", "10.0.3", "fd00::", "fd00::*7", "nginx", "post",
		"web nginx", "web,db", "db,web", `"web-server"`, `we"b-s"erver`, "-db", "-db web", "*",
		"name:web", "name:SERVER", "name=web-server", "name=web*", "name:*-*", "hostname:web", "NAME:web", "-name=web", "name:db,web",
		"status:running", "STATUS:Running", "status=running", "status:stopped,running", "status:run*", "-status:stopped",
		"live:running", "node:pve1", "node:PVE1", "node:pve*", "node:pve2,pve1", "-node:pve", "cluster:home", "cluster:ho*",
		`template:"my gitea"`, "template:my*", `template:"my "*`, "template:*", "tag:prod", "tags:prod", "tag:team-*", "tag:prod tag:team-a", "-tag:team",
		"service:nginx", "service:ngin", "service:postgresql", "service=nginx", "services:post", "-service=ngin",
		"pool:shop", "lock:backup", "lock:*", "ha:started", "id:0197-aa", "id:0197*",
		"ip:10.0.3.7", "ip:10.0.3.0/24", "ip:10.0.0.99/16", "ip:10.0.", "ip:10.*.7", "ip:fd00::7", "ip:fd00:0::7", "ip:fd00::/64", "ip:FD00:", "ip:*",
		"ip:192.168.0.0/16,10.0.0.0/8", "address:10.", "-ip:10.0.3.70", "ip:::ffff:10.0.3.7", "ip:0.0.0.0/0", "ip:::/0",
		"vmid:150", "vmid=150", "vmid:100-199", "vmid:1,100-199", "vmid:150-150", "vmid>149", "vmid>=150", "vmid<151", "vmid<=150", "-vmid:15", "vmid:0150",
		"mem>74%", "mem>=75%", "mem<75.1%", "mem<=75%", "mem:75%", "mem=75%", "mem:50%-80%", "mem:10%,75%", "memory>2G", "mem>2GiB", "mem>2gb",
		"mem>=3G", "mem<=3072M", "mem:3G", "mem:2.6G-3.1G", "mem:3145728K", "mem:3221225472B", "mem<1T", "mem<.5p",
		"disk:50%", "disk>9G", "disk<11g", "cpu>0.5", "cpu:1", "cpu>=1", "cpu<1.1", "cpu>24%", "cpu:25%", "cpu<=25%", "cpu>.9",
		"uptime>1h", "uptime:90m", "uptime<91m", "uptime:2h", "uptime:1h-2h", "uptime>89.5m", "uptime>=5400s", "uptime<1d", "uptime<1w",
		"created<7d", "created:3d", "created>2d", "created<1w", "created:71h-73h",
		"is:tracked", "is:running", "is:locked", "is:ha", "is:odd", "is:gone,locked", "-is:gone", "-is:stale", "-is:unknown", "-is:discovered", "IS:Locked",
	}
	no := []string{
		"-web", "*-*-*", "webx", "web db", "db", "db,mail", "web*x", "server*", "151", "192.168", "-prod", `"web server"`, "g*tea", "gitea", "home", "pve1",
		"name=web", "name:db", "name:web*x", "-name:web", "name:eb*", `name:"web*"`, "status:stopped", "-status:running", "-status:r*", "live:stopped",
		"node:pve", "node:pve2", "-node:pve1", "cluster:hom", "template:gitea", "-template:*", "tag:pro", "tag:test", "-tag:prod",
		"service:redis", "service=ngin", "pool:sho", "lock:snapshot", "-lock:*", "ha:stopped", "id:0197",
		"ip:10.0.3.70", "ip:10.0.3.8", "ip:10.0.4.0/24", "ip:0.3.7", "ip:10.0.3.7*0", "ip:fd00::8", "ip:fd01::/16", "-ip:10.0.3.7",
		"vmid:15", "vmid:151-199", "vmid>150", "vmid<150", "-vmid:150",
		"mem>75%", "mem<75%", "mem:74%", "mem:76%", "mem:75.1%", "mem>3G", "mem<3G", "mem:4G", "mem:10%-20%,30%", "-mem>10%",
		"disk>50%", "disk:11G", "cpu>1", "cpu<1", "cpu:2", "cpu>25%", "cpu<25%", "uptime<1h", "uptime>90m", "uptime:89m", "uptime:1h", "created>7d", "created<3d",
		"is:discovered", "is:stopped", "is:creating", "is:error", "is:unknown", "is:gone", "is:stale", "-is:tracked", "status:running -is:odd",
	}
	c := webContainer()
	for _, text := range yes {
		if !matches(t, text, c) {
			t.Errorf("%q does not match", text)
		}
	}
	for _, text := range no {
		if matches(t, text, c) {
			t.Errorf("%q matches", text)
		}
	}
}

// Nothing is known of an empty container but its VMID, so no field matches it, and every negated one does.
func TestWhatIsNotKnownNeverMatches(t *testing.T) {
	t.Parallel()
	c := &Container{VMID: 100}
	for _, text := range []string{
		"name:*", "node:*", "cluster:*", "template:*", "tag:*", "service:*", "ip:*", "pool:*", "lock:*", "ha:*", "id:*", "status:*", "live:*",
		"mem>=0%", "mem>=0b", "mem<1p", "disk>=0%", "disk<1p", "cpu>=0", "cpu<=100%", "uptime>=0s", "uptime<1w", "created<9999w", "created>=0s",
		"is:tracked", "is:locked", "is:ha", "is:odd",
	} {
		if matches(t, text, c) {
			t.Errorf("%q matches", text)
		}
		if !matches(t, "-"+text, c) {
			t.Errorf("%q does not match", "-"+text)
		}
	}
}

func TestFiguresThatMeanNothingNeverMatch(t *testing.T) {
	t.Parallel()
	notSampled := webContainer()
	notSampled.HasFigures = false
	stopped := webContainer()
	stopped.Live, stopped.Status, stopped.DiskBytes, stopped.MemoryBytes, stopped.CPU = LiveStopped, StatusStopped, 0, 0, 0
	noLimit := webContainer()
	noLimit.MemoryLimitBytes, noLimit.DiskLimitBytes = 0, 0
	for _, test := range []struct {
		name  string
		c     *Container
		query string
		want  bool
	}{
		{"memory without a sample", notSampled, "mem>1%", false},
		{"processor without a sample", notSampled, "cpu>0", false},
		{"uptime without a sample", notSampled, "uptime>1s", false},
		{"age needs no sample", notSampled, "created>1s", true},
		{"disk of a stopped one is not known", stopped, "disk<90%", false},
		{"disk space of a stopped one is not known", stopped, "disk<20G", false},
		{"uptime of a stopped one is not known", stopped, "uptime<1h", false},
		{"a stopped one uses no memory", stopped, "mem<10%", true},
		{"a stopped one uses no core", stopped, "cpu:0", true},
		{"no share without a limit", noLimit, "mem>1%", false},
		{"an amount without a limit", noLimit, "mem>1G", true},
		{"no disk share without a limit", noLimit, "disk>1%", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := matches(t, test.query, test.c); got != test.want {
				t.Errorf("%s: got %t, want %t", test.query, got, test.want)
			}
		})
	}
}

func TestNamesBeyondASCII(t *testing.T) {
	t.Parallel()
	c := &Container{VMID: 100, Hostname: "MÜLLER", Template: "ΑΒΓ"}
	for text, want := range map[string]bool{"müller": true, "mü*R": true, "mm": false, "name=Müller": true, "name:ÜLL": true, "template:αβγ": true, "u": false} {
		if got := matches(t, text, c); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
}

// IPv4 addresses that come in the form of IPv6 are found like any IPv4 address.
func TestMappedAddresses(t *testing.T) {
	t.Parallel()
	c := &Container{VMID: 100, Addresses: []Address{{Prefix: netip.MustParsePrefix("::ffff:10.9.8.7/128")}}}
	for _, text := range []string{"10.9*", "ip:10.9.", "ip:10.9.8.7", "ip:10.9.0.0/16", "ip:10.*.7", "-ip:::*"} {
		if !matches(t, text, c) {
			t.Errorf("%q does not match", text)
		}
	}
}

func TestKeywordsAndStatusesOfUnknownContainers(t *testing.T) {
	t.Parallel()
	for reason, want := range map[UnknownReason]string{
		UnknownGone: "is:gone", UnknownNode: "is:stale", UnknownCluster: "is:stale", UnknownNeverPolled: "is:stale", UnknownNotSampled: "is:unknown",
	} {
		c := &Container{VMID: 100, Status: StatusUnknown, Unknown: reason}
		if !matches(t, want, c) || !matches(t, "is:unknown status:unknown is:discovered", c) {
			t.Errorf("%s: does not match %s", reason, want)
		}
		if other := "is:stale"; want != other && matches(t, other, c) {
			t.Errorf("%s: matches %s", reason, other)
		}
	}
	for _, s := range Statuses() {
		c := &Container{VMID: 100, Status: s}
		if !matches(t, "is:"+string(s)+" status:"+string(s), c) {
			t.Errorf("is:%s does not match status %s", s, s)
		}
	}
}
