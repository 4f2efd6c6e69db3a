package pvesim

import (
	"time"
)

// rrdSteps are width and number of points per time frame: 9.x, and what 7 and 8 had.
var rrdSteps = map[string][2]struct {
	step   time.Duration
	points int
}{
	"hour":   {{time.Minute, 60}, {time.Minute, 60}},
	"day":    {{time.Minute, 1440}, {30 * time.Minute, 70}},
	"week":   {{30 * time.Minute, 336}, {3 * time.Hour, 70}},
	"month":  {{30 * time.Minute, 1440}, {12 * time.Hour, 70}},
	"year":   {{6 * time.Hour, 1440}, {7 * 24 * time.Hour, 70}},
	"decade": {{7 * 24 * time.Hour, 521}, {7 * 24 * time.Hour, 521}},
}

// series makes the points of a time frame; fill adds the figures of a moment from since on, both in simulated time.
func (c *call) series(since time.Duration, fill func(row obj, at time.Duration)) []obj {
	frame := rrdSteps[c.params["timeframe"]][0]
	if c.sim.world.release.before(9, 0) {
		frame = rrdSteps[c.params["timeframe"]][1]
	}
	last := c.now.Truncate(frame.step)
	out := make([]obj, 0, frame.points)
	for i := frame.points - 1; i >= 0; i-- {
		at := last.Add(-time.Duration(i) * frame.step)
		row := obj{"time": at.Unix()}
		if moment := c.sim.clock(at); moment >= since {
			fill(row, moment)
		}
		out = append(out, row)
	}
	return out
}

// containerRRD is GET .../rrddata: counters become rates here.
func containerRRD(c *call) (any, error) {
	ct := c.sim.world.container(c.params.number("vmid", 0))
	if ct == nil {
		return nil, die("RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening '/var/lib/rrdcached/db/pve-vm-9.0/%s': No such file or directory", c.params["vmid"])
	}
	if !ct.sample.seen {
		return []obj{}, nil
	}
	return c.series(ct.made, func(row obj, at time.Duration) { ct.addRRD(row, at, c.sim.world.release) }), nil
}

func (ct *container) addRRD(row obj, at time.Duration, r release) {
	sh := ct.shape
	row["maxcpu"], row["maxmem"], row["maxdisk"] = sh.cores, float64(sh.memory), float64(sh.disk)
	started, ran := ct.ranAt(at)
	if !ran {
		for _, key := range []string{"cpu", "mem", "disk", "netin", "netout", "diskread", "diskwrite"} {
			row[key] = 0.0
		}
		return
	}
	f := sh.figuresAt(ct.seed, at, started)
	before := sh.figuresAt(ct.seed, at-time.Minute, started)
	rate := func(now, then int64) float64 { return float64(now-then) / 60 }
	row["cpu"], row["mem"], row["disk"] = f.cpu, float64(f.mem), float64(f.disk)
	row["netin"], row["netout"] = rate(f.netin, before.netin), rate(f.netout, before.netout)
	row["diskread"], row["diskwrite"] = rate(f.read, before.read), rate(f.write, before.write)
	if !r.before(9, 0) {
		row["memhost"] = float64(f.mem)
		row["pressurecpusome"], row["pressurecpufull"] = f.pressureCPU, 0.0
		row["pressureiosome"], row["pressureiofull"] = f.pressureIO, f.pressureIO/2
		row["pressurememorysome"], row["pressurememoryfull"] = 0.0, 0.0
	}
}

// ranAt returns since when a container had been running at a moment, and reports whether it was.
func (ct *container) ranAt(at time.Duration) (since time.Duration, ran bool) {
	if ct.running && at >= ct.started {
		return ct.started, true
	}
	for _, r := range ct.runs {
		if r.from <= at && at < r.to {
			return r.from, true
		}
	}
	return 0, false
}

func nodeRRD(c *call) (any, error) {
	if c.node == nil {
		return nil, die("no such cluster node '%s'", c.vars["node"])
	}
	n := c.node
	now := n.figuresAt(c.sim.clock(c.now), func(ct *container) (bool, time.Duration) { return ct.running, ct.started })
	return c.series(-installed, func(row obj, at time.Duration) {
		t := at.Seconds()
		row["maxcpu"], row["memtotal"], row["roottotal"], row["swaptotal"] = float64(n.cpus), float64(n.memory), float64(n.disk), float64(n.swap)
		cpu := min(1, now.cpu*wave(n.seed, t))
		row["cpu"], row["iowait"], row["loadavg"] = cpu, 0.002*wave(n.seed>>3, t), cpu*float64(n.cpus)
		row["memused"], row["rootused"], row["swapused"] = float64(now.mem)*(0.95+0.05*wave(n.seed>>6, t)), float64(now.disk), 0.0
		row["netin"], row["netout"] = 3e5*wave(n.seed>>8, t), 2e5*wave(n.seed>>9, t)
	}), nil
}

func storageRRD(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	used := float64(st.used(c.node))
	return c.series(-installed, func(row obj, at time.Duration) {
		row["total"], row["used"] = float64(st.total), used*(0.98+0.01*wave(hash(4, st.id), at.Seconds()/40))
	}), nil
}
