package pvesim

import (
	"encoding/pem"
	"fmt"
	"time"
)

func listNodes(c *call) (any, error) {
	out := []obj{}
	for _, n := range c.sim.world.nodes {
		row := c.nodeRow(n, false)
		row["ssl_fingerprint"] = nil
		if n.online {
			row["ssl_fingerprint"] = c.sim.nodeFingerprint(n)
		}
		out = append(out, row)
	}
	return out, nil
}

// nodeFingerprint is the real one for the node that answers, and an invented one for the others.
func (s *Sim) nodeFingerprint(n *node) string {
	if n == s.world.nodes[0] {
		return s.shownFingerprint()
	}
	return fingerprint([]byte(uuid(n.seed, "certificate")))
}

// nodeStatus is GET /nodes/{node}/status. It reads the host live, not the samples.
func nodeStatus(c *call) (any, error) {
	n, w := c.node, &c.sim.world
	f := n.figuresAt(c.sim.clock(c.now), func(ct *container) (bool, time.Duration) { return ct.running, ct.started })
	load := f.cpu * float64(n.cpus)
	kernel := map[int]string{9: "6.17.2-1-pve", 8: "6.8.12-16-pve", 7: "5.15.158-2-pve"}[w.release.major]
	out := obj{
		"uptime": f.uptime, "cpu": f.cpu, "wait": f.wait, "idle": 0,
		"loadavg":    []string{fmt.Sprintf("%.2f", load), fmt.Sprintf("%.2f", load*0.93), fmt.Sprintf("%.2f", load*0.88)},
		"memory":     obj{"total": n.memory, "used": f.mem, "free": n.memory - f.mem, "available": n.memory - f.mem + 400<<20},
		"swap":       obj{"total": n.swap, "used": 0, "free": n.swap},
		"rootfs":     obj{"total": n.disk, "used": f.disk, "free": n.disk - f.disk, "avail": n.disk - f.disk - n.disk/20},
		"cpuinfo":    obj{"model": "AMD EPYC 4344P 8-Core Processor", "cpus": n.cpus, "cores": n.cpus / 2, "sockets": 1, "mhz": "3800.000", "user_hz": 100, "hvm": "1", "vendor": "AuthenticAMD", "family": "25", "flags": "fpu vme de pse tsc msr pae mce cx8 apic sep"},
		"ksm":        obj{"shared": 0},
		"kversion":   "Linux " + kernel + " #1 SMP PREEMPT_DYNAMIC",
		"boot-info":  obj{"mode": "efi", "secureboot": 0},
		"pveversion": fmt.Sprintf("pve-manager/%s/%s", versions[w.release], repoID),
	}
	if !w.release.before(8, 1) {
		out["current-kernel"] = obj{"sysname": "Linux", "release": kernel, "version": "#1 SMP PREEMPT_DYNAMIC", "machine": "x86_64"}
	}
	return out, nil
}

func nodeTime(c *call) (any, error) {
	return obj{"time": c.now.Unix(), "localtime": c.now.Unix(), "timezone": "Etc/UTC"}, nil
}

func nodeDNS(c *call) (any, error) {
	return obj{"search": c.sim.world.name + ".local", "dns1": "192.0.2.1"}, nil
}

func nodeSubscription(c *call) (any, error) {
	return obj{"status": "notfound", "message": "There is no subscription key", "serverid": fmt.Sprintf("%032X", c.node.seed), "url": "https://www.proxmox.com/proxmox-ve/pricing"}, nil
}

func nodeServices(c *call) (any, error) {
	out := []obj{}
	for _, name := range []string{"corosync", "cron", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "pvedaemon", "pvefw-logger", "pveproxy", "pvescheduler", "pvestatd", "ssh", "syslog"} {
		out = append(out, obj{"service": name, "name": name, "desc": name, "state": "running", "active-state": "active", "unit-state": "enabled"})
	}
	return out, nil
}

// certificates is GET .../certificates/info.
func certificates(c *call) (any, error) {
	leaf := c.sim.cert.Leaf
	out := obj{"filename": "pve-ssl.pem", "fingerprint": c.sim.nodeFingerprint(c.node), "subject": "/OU=PVE Cluster Node/CN=" + c.node.name + "." + c.sim.world.name + ".local",
		"issuer": "/CN=Proxmox Virtual Environment/OU=" + uuid(c.sim.opt.Seed, "ca") + "/O=PVE Cluster Manager CA", "notbefore": leaf.NotBefore.Unix(),
		"notafter": leaf.NotAfter.Unix(), "public-key-type": "id-ecPublicKey", "public-key-bits": 256,
		"san": []string{"127.0.0.1", "localhost", c.node.name, c.node.ip}}
	if c.node == c.sim.world.nodes[0] {
		out["pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	}
	return []obj{out}, nil
}

// networks is GET /nodes/{node}/network; bridges only for those who may use or audit them.
func networks(c *call) (any, error) {
	kind := c.params["type"]
	out := []obj{}
	for _, b := range c.node.bridges {
		wanted := kind == "" || kind == "bridge" || kind == "any_bridge" || kind == "any_local_bridge" || kind == "include_sdn"
		if !wanted || !c.sim.world.allowedAny(c.user, "/sdn/zones/localnetwork/"+b, "SDN.Audit", "SDN.Use") {
			continue
		}
		row := obj{"iface": b, "type": "bridge", "active": 1, "autostart": 1, "method": "manual", "method6": "manual", "priority": 4,
			"families": []string{"inet"}, "bridge_ports": "", "bridge_stp": "off", "bridge_fd": "0"}
		if b == "vmbr0" {
			row["method"], row["address"], row["netmask"], row["cidr"], row["gateway"], row["bridge_ports"] = "static", c.node.ip, "24", c.node.ip+"/24", "192.0.2.1", "eno1"
		}
		out = append(out, row)
	}
	if kind == "" || kind == "eth" || kind == "include_sdn" {
		out = append(out, obj{"iface": "eno1", "type": "eth", "active": 1, "exists": 1, "method": "manual", "method6": "manual", "priority": 3, "families": []string{"inet"}})
	}
	return out, nil
}

// nodeConfig is GET /nodes/{node}/config: nothing was ever set.
func nodeConfig(*call) (any, error) { return obj{}, nil }

// updates is GET .../apt/update: everything is current.
func updates(*call) (any, error) { return []obj{}, nil }

// syslog shows the lines of the cluster log that this node wrote.
func syslog(c *call) (any, error) {
	out := []obj{}
	for _, e := range c.sim.world.log {
		if e.node == c.node.name {
			out = append(out, obj{"n": len(out) + 1, "t": fmt.Sprintf("%s %s %s[%d]: %s", e.at.Format("Jan 02 15:04:05"), e.node, e.tag, e.pid, e.text)})
		}
	}
	return c.page(out), nil
}
