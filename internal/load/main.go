// Command load measures a running Berth against the numbers that the project holds, and prints a table of them.
//
// It starts simulated clusters and the real binary in a process of its own, signs in with one-time links, and does what
// browsers and other users of Proxmox VE do. Everything stays on 127.0.0.1 and ends by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// sizes say how much load there is.
type sizes struct {
	binary     string
	dir        string        // of the databases
	latency    time.Duration // of each call to Proxmox VE
	taskTime   time.Duration // typical time of a task there; 0: 2 s
	containers int           // of the usual cluster
	large      int           // containers of the large cluster
	largeNodes int
	viewers    int // browsers with an open page
	changes    int // containers stopped, and as many that die
	every      time.Duration
	bulk       int // containers of a bulk action
	crowd      int // browsers with an open page, for the cost of each
	idle       time.Duration
}

func main() {
	s := sizes{largeNodes: 100}
	flag.StringVar(&s.binary, "berth", "bin/berth", "the binary to measure")
	flag.DurationVar(&s.latency, "latency", 30*time.Millisecond, "of each call to Proxmox VE")
	flag.IntVar(&s.containers, "containers", 300, "containers of the usual cluster, three nodes")
	flag.IntVar(&s.large, "large", 10_000, "containers of the large cluster, 100 nodes")
	flag.IntVar(&s.viewers, "viewers", 50, "browsers that watch and reload the usual cluster")
	flag.IntVar(&s.changes, "changes", 30, "containers that are stopped, and as many that die, while somebody watches")
	flag.DurationVar(&s.every, "every", 4*time.Second, "between two stops, on average")
	flag.IntVar(&s.crowd, "crowd", 1000, "browsers that watch at once at the end")
	flag.DurationVar(&s.idle, "idle", 30*time.Second, "how long nobody watches")
	flag.IntVar(&s.bulk, "bulk", 500, "containers that one bulk action starts")
	only := flag.String("only", "", "measure these only: "+strings.Join(phaseNames(), ", ")+" (with commas)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s, *only, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// phase measures one thing, on the usual cluster or on one of its own.
type phase struct {
	name    string
	measure func(ctx context.Context, s sizes, usual *site, r *report) error
}

// phases are in the order in which they run. The large clusters come first: meanwhile the containers of the usual one are
// all read once, as in a Berth that has run for a while.
func phases() []phase {
	return []phase{{"large", measureLarge}, {"thousand", measureThousand}, {"bulk", measureBulk}, {"pages", measurePages}, {"idle", measureIdle},
		{"watch", measureWatched}, {"faults", measureFaults}, {"crowd", measureCrowd}}
}

func phaseNames() []string {
	var names []string
	for _, p := range phases() {
		names = append(names, p.name)
	}
	return names
}

func run(ctx context.Context, s sizes, only string, out io.Writer) (err error) {
	if s.dir, err = os.MkdirTemp("", "berth-load-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	usual, err := startSite(ctx, s, "usual", 3, s.containers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, usual.close()) }()
	r := &report{}
	for _, p := range phases() {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		fmt.Fprintf(out, "measuring: %s\n", p.name)
		if err := p.measure(ctx, s, usual, r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	r.print(out)
	return r.verdict()
}
