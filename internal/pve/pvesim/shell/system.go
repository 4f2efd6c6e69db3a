package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Commands about the machine, its users and the network.

func id(p *proc) int {
	if strings.HasSuffix(p.args[0], "whoami") {
		p.printf("root\n")
		return 0
	}
	flags, rest := p.options("")
	name, uid := "root", 0
	if len(rest) > 0 {
		p.box.mu.Lock()
		n, known := p.box.users[rest[0]]
		p.box.mu.Unlock()
		if !known {
			return p.fail(1, "'%s': no such user", rest[0])
		}
		name, uid = rest[0], n
	}
	switch {
	case has(flags, "n"):
		p.printf("%s\n", name)
	case has(flags, "u", "g"):
		p.printf("%d\n", uid)
	default:
		p.printf("uid=%d(%s) gid=%d(%s) groups=%d(%s)\n", uid, name, uid, name, uid, name)
	}
	return 0
}

func uname(p *proc) int {
	if strings.HasSuffix(p.args[0], "arch") {
		p.printf("x86_64\n")
		return 0
	}
	flags, _ := p.options("")
	if has(flags, "a") {
		p.printf("Linux %s 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux\n", p.box.hostname())
		return 0
	}
	var out []string
	for _, part := range [][2]string{{"s", "Linux"}, {"n", p.box.hostname()}, {"r", "6.17.2-1-pve"}, {"m", "x86_64"}} {
		if has(flags, part[0]) || len(flags) == 0 && part[0] == "s" {
			out = append(out, part[1])
		}
	}
	p.printf("%s\n", strings.Join(out, " "))
	return 0
}

func hostname(p *proc) int {
	flags, rest := p.options("")
	if strings.HasSuffix(p.args[0], "hostnamectl") {
		if len(rest) > 1 && (rest[0] == "set-hostname" || rest[0] == "hostname") {
			p.box.WriteFile("/etc/hostname", []byte(rest[1]+"\n"), 0)
			return 0
		}
		p.printf(" Static hostname: %s\n  Virtualization: lxc\n", p.box.hostname())
		return 0
	}
	switch {
	case has(flags, "I", "i"):
		p.box.mu.Lock()
		defer p.box.mu.Unlock()
		var out []string
		for _, a := range p.box.spec.Addrs {
			addr, _, _ := strings.Cut(a, "/")
			out = append(out, addr)
		}
		p.printf("%s\n", strings.Join(out, " "))
	case len(rest) > 0:
		p.box.WriteFile("/etc/hostname", []byte(rest[0]+"\n"), 0)
	default:
		p.printf("%s\n", p.box.hostname())
	}
	return 0
}

var dateFormats = strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%F", "2006-01-02", "%T", "15:04:05", "%Z", "UTC", "%z", "+0000", "%b", "Jan", "%a", "Mon", "%y", "06")

func date(p *proc) int {
	now := p.box.spec.Now().UTC()
	for _, a := range p.args[1:] {
		switch {
		case a == "+%s":
			p.printf("%d\n", now.Unix())
			return 0
		case strings.HasPrefix(a, "+"):
			p.printf("%s\n", now.Format(dateFormats.Replace(a[1:])))
			return 0
		case strings.HasPrefix(a, "-I"):
			p.printf("%s\n", now.Format(time.DateOnly))
			return 0
		}
	}
	p.printf("%s\n", now.Format("Mon Jan _2 15:04:05 UTC 2006"))
	return 0
}

// sleep waits for real, so that long jobs behave as such; it ends with the program's context.
func sleep(p *proc) int {
	if len(p.args) < 2 {
		return p.fail(1, "missing operand")
	}
	total := time.Duration(0)
	for _, a := range p.args[1:] {
		d, err := duration(a)
		if err != nil {
			return p.fail(1, "invalid time interval '%s'", a)
		}
		total += d
	}
	t := time.NewTimer(total)
	defer t.Stop()
	select {
	case <-t.C:
		return 0
	case <-p.ctx.Done():
		return 130
	}
}

// duration reads 5, 0.2, 10s, 3m or 1h.
func duration(text string) (time.Duration, error) {
	unit := time.Second
	if n := len(text) - 1; n > 0 {
		if u, is := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}[text[n]]; is {
			unit, text = u, text[:n]
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return time.Duration(f * float64(unit)), err
}

func uptime(p *proc) int {
	now := p.box.spec.Now()
	p.printf(" %s up %s,  0 users,  load average: 0.08, 0.05, 0.01\n", now.UTC().Format(time.TimeOnly), uptimeText(now.Sub(p.box.booted)))
	return 0
}

// uptimeText is how procps says it: "3 min", "2:05", "9 days,  2:05".
func uptimeText(up time.Duration) string {
	days, hours, minutes := int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60
	text := ""
	switch {
	case days == 1:
		text = "1 day, "
	case days > 1:
		text = fmt.Sprintf("%d days, ", days)
	}
	if hours == 0 {
		return fmt.Sprintf("%s%d min", text, minutes)
	}
	return fmt.Sprintf("%s%2d:%02d", text, hours, minutes)
}

func free(p *proc) int {
	flags, _ := p.options("")
	unit := int64(1024)
	if has(flags, "m") {
		unit = 1 << 20
	}
	total := p.box.spec.Memory / unit
	p.printf("               total        used        free      shared  buff/cache   available\nMem:    %12d%12d%12d%12d%12d%12d\nSwap:   %12d%12d%12d\n", total, total*3/10, total*6/10, 0, total/10, total*7/10, 0, 0, 0)
	return 0
}

func df(p *proc) int {
	total := p.box.spec.Disk / 1024
	p.printf("Filesystem     1K-blocks    Used Available Use%% Mounted on\n/dev/loop0     %9d %7d %9d  30%% /\n", total, total*3/10, total*7/10)
	return 0
}

func nproc(p *proc) int {
	p.printf("%d\n", max(1, p.box.spec.Cores))
	return 0
}

func ps(p *proc) int {
	p.printf("    PID TTY      STAT   TIME COMMAND\n      1 ?        Ss     0:00 /sbin/init\n")
	for i, s := range p.box.Running() {
		p.printf("%7d ?        Ss     0:01 %s\n", 100+7*i, s.Name)
	}
	return 0
}

func pgrep(p *proc) int {
	_, rest := p.options("")
	for i, s := range p.box.Running() {
		if len(rest) > 0 && strings.Contains(s.Name, rest[0]) {
			p.printf("%d\n", 100+7*i)
			return 0
		}
	}
	return 1
}
