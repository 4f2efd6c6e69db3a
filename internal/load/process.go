package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running "berth serve".
type process struct {
	command *exec.Cmd
	url     string
	log     *os.File
}

const startTimeout = 20 * time.Second

// startBerth starts Berth on a free port and waits until it says where it is. Its log goes to a file beside its data.
func startBerth(ctx context.Context, binary, data string) (*process, error) {
	log, err := os.OpenFile(data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, binary, "serve", "--addr", "127.0.0.1:0", "--data", data), log: log}
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	p.command.WaitDelay = startTimeout
	p.command.Stderr = log
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s (make build makes it): %w", binary, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Berth is at ")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("berth serve does not say where it is: %q, see %s", line, log.Name()), p.stop())
	}
	p.url = url
	return p, nil
}

// stop ends Berth as a service manager does, and waits for it.
func (p *process) stop() error {
	defer p.log.Close()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop berth: %w", err)
	}
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("berth did not end well, see %s: %w", p.log.Name(), err)
	}
	return nil
}

const clockTick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go runs on

// cpu is the processor time that Berth has used since its start (proc(5), fields 14 and 15 of stat).
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("read %s: %q", p.proc("stat"), text)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// memory gives a figure of /proc/PID/status in MiB: VmRSS is resident now, VmHWM the most so far.
func (p *process) memory(name string) (float64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), name+":")
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("%s has no %s", p.proc("status"), name)
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), name)
}

// cpuOf gives the processor time that Berth uses while work runs.
func (p *process) cpuOf(work func() error) (time.Duration, error) {
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return after - before, err
}
