package pvesim

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// shape is what the figures of a container follow from. It is replaced, never changed, when the config changes.
type shape struct {
	name     string
	cores    float64
	cpus     any // number, or text when it comes from cpulimit
	memory   int64
	swap     int64
	disk     int64 // configured size of rootfs
	tags     string
	template bool
	load     float64 // typical CPU use, 0..1
}

// reshape derives the shape from the config; load is in percent, negative keeps the old one.
func (ct *container) reshape(load int) {
	sh := &shape{name: ct.name(), tags: ct.conf["tags"], template: ct.isTemplate(), load: float64(load) / 100}
	if load < 0 && ct.shape != nil {
		sh.load = ct.shape.load
	}
	sh.cores = float64(ct.node.cpus)
	sh.cpus = sh.cores
	if n, err := strconv.ParseFloat(ct.conf["cores"], 64); err == nil {
		sh.cores, sh.cpus = n, n
	} else if limit, err := strconv.ParseFloat(ct.conf["cpulimit"], 64); err == nil && limit > 0 {
		sh.cores, sh.cpus = limit, ct.conf["cpulimit"]
	}
	sh.memory, sh.swap = mebibytes(ct.conf["memory"]), mebibytes(ct.conf["swap"])
	sh.disk = diskSize(ct.conf["rootfs"])
	ct.shape = sh
}

func mebibytes(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		n = 512
	}
	return n << 20
}

// diskSize reads size= of a volume config line; 4 GiB when it says nothing.
func diskSize(conf string) int64 {
	for _, part := range strings.Split(conf, ",") {
		if text, is := strings.CutPrefix(part, "size="); is {
			if n, err := parseSize(text); err == nil {
				return n
			}
		}
	}
	return 4 << 30
}

// parseSize reads "8G", "512M" or plain bytes.
func parseSize(text string) (int64, error) {
	shift := 0
	if n := len(text); n > 0 {
		if at := strings.IndexByte("KMGT", text[n-1]); at >= 0 {
			shift, text = 10*(at+1), text[:n-1]
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return int64(f * float64(int64(1)<<shift)), err
}

// figures are the live numbers of a container at one moment.
type figures struct {
	cpu                     float64 // fraction of its cores
	mem, disk, swap         int64
	netin, netout           int64
	read, write             int64
	uptime                  int64 // seconds
	pressureCPU, pressureIO float64
}

// wave is a smooth signal around 1 that depends on the seed: slow swell, minutes, seconds.
func wave(seed uint64, t float64) float64 {
	phase := func(shift uint) float64 { return float64(seed>>shift&1023) / 1023 * 2 * math.Pi }
	return 1 + 0.45*math.Sin(t/5400+phase(0)) + 0.25*math.Sin(t/611+phase(10)) + 0.2*math.Sin(t/97+phase(20)) + 0.08*math.Sin(t/13+phase(30))
}

// flow is a counter that grows at rate per second times a wave, integrated, so that it never falls.
func flow(seed uint64, rate, from, to float64) int64 {
	integral := func(t float64) float64 {
		p1, p2 := float64(seed>>12&1023)/1023*2*math.Pi, float64(seed>>22&1023)/1023*2*math.Pi
		return t - 0.5*5400*math.Cos(t/5400+p1) - 0.3*611*math.Cos(t/611+p2)
	}
	return int64(max(0, rate*(integral(to)-integral(from))))
}

// figuresAt computes the live numbers at simulated time at, for a container that runs since started.
func (sh *shape) figuresAt(seed uint64, at, started time.Duration) figures {
	t, since := at.Seconds(), started.Seconds()
	up := max(0, t-since)
	warm := 1 - math.Exp(-up/40) // a service needs a while to fill its memory
	var f figures
	f.uptime = int64(up)
	f.cpu = min(1, max(0.0005, sh.load*wave(seed, t)))
	used := 0.18 + 0.5*float64(seed>>33&1023)/1023
	f.mem = int64(float64(sh.memory) * min(0.97, used*(0.3+0.7*warm)*(0.9+0.1*wave(seed>>5, t))))
	full := 0.08 + 0.65*float64(seed>>43&1023)/1023
	f.disk = int64(float64(sh.disk) * min(0.96, full+0.01*wave(seed>>7, t/20)))
	if seed>>53&3 == 0 {
		f.swap = int64(float64(sh.swap) * 0.3 * warm)
	}
	rate := 2000 + sh.load*400_000*float64(seed>>3&15)
	f.netin, f.netout = flow(seed, rate, since, t), flow(seed>>1, rate*0.7, since, t)
	f.read, f.write = flow(seed>>2, rate*0.4, since, t), flow(seed>>4, rate*0.9, since, t)
	f.pressureCPU = max(0, f.cpu-0.4) * 20
	f.pressureIO = max(0, wave(seed>>9, t)-1.3) * 4
	return f
}

// usable is the size that df shows inside a running container: a little less than configured.
func (sh *shape) usable() int64 { return sh.disk - sh.disk/20 }

// nodeFigures are the numbers of a node.
type nodeFigures struct {
	cpu, wait float64
	mem, disk int64
	uptime    int64
}

// figuresAt sums up the containers of a node at simulated time at, plus what the host itself needs.
func (n *node) figuresAt(at time.Duration, state func(*container) (running bool, started time.Duration)) nodeFigures {
	var cores float64
	mem := int64(1800 << 20)
	for _, ct := range n.guests {
		if running, started := state(ct); running {
			f := ct.shape.figuresAt(ct.seed, at, started)
			cores += f.cpu * ct.shape.cores
			mem += f.mem
		}
	}
	t := at.Seconds()
	return nodeFigures{cpu: min(1, cores/float64(n.cpus)*0.5+0.02*wave(n.seed, t)), wait: 0.002 * wave(n.seed>>3, t),
		mem: min(mem, n.memory*97/100), disk: int64(float64(n.disk) * (0.3 + 0.02*wave(n.seed, t/50))), uptime: int64((at - n.booted).Seconds())}
}
