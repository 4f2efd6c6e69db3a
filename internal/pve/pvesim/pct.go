package pvesim

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"berth/internal/pve/pvesim/shell"
)

// pct is the command line tool of a node: exec, push, pull, config, list, status.
// Its own errors end with status 255, like those of ssh.
type pct struct {
	sim   *Sim
	node  *node
	files *shell.Box // of the node, for push and pull
}

const pctFailed = 255

func (p *pct) run(ctx context.Context, c shell.Command) int {
	args := c.Args[1:]
	if len(args) == 0 {
		fmt.Fprintln(c.Stderr, "ERROR: no command specified")
		return pctFailed
	}
	if args[0] == "list" {
		return p.list(c)
	}
	if len(args) < 2 {
		fmt.Fprintf(c.Stderr, "400 not enough arguments\npct %s <vmid> [OPTIONS]\n", args[0])
		return pctFailed
	}
	verb := map[string]func(context.Context, shell.Command, string, []string) error{"exec": p.exec, "push": p.push, "pull": p.pull, "config": p.config, "status": p.status}[args[0]]
	if verb == nil {
		fmt.Fprintf(c.Stderr, "ERROR: unknown command 'pct %s'\n", args[0])
		return pctFailed
	}
	err := verb(ctx, c, args[1], args[2:])
	if status, ok := errors.AsType[exitStatus](err); ok || err == nil {
		return int(status)
	}
	fmt.Fprintln(c.Stderr, err)
	return pctFailed
}

// exitStatus is the status of a program that ran.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// guest finds a container of this node.
func (p *pct) guest(id string) (*container, error) {
	ct := p.sim.world.container(atoi(id))
	if ct == nil || ct.node != p.node {
		return nil, noConfig(p.node, id)
	}
	return ct, nil
}

// running returns the inside of a container that runs.
func (p *pct) running(id string) (*shell.Box, error) {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	ct, err := p.guest(id)
	if err != nil {
		return nil, err
	}
	if !ct.running {
		return nil, fmt.Errorf("container '%s' not running!", id)
	}
	return p.sim.inside(ct), nil
}

// exec is "pct exec VMID [--keep-env 0|1] -- CMD ARG...". The words are handed over as they are, without a shell.
func (p *pct) exec(ctx context.Context, c shell.Command, id string, args []string) error {
	words, keep, err := execWords(args)
	if err != nil {
		return err
	}
	box, err := p.running(id)
	if err != nil {
		return err
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=lxc", "TERM=linux"}
	if keep {
		env = append(append(env, c.Env...), "PATH=/sbin:/bin:/usr/sbin:/usr/bin")
	}
	if code := box.Run(ctx, shell.Command{Args: words, Env: env, Dir: "/", Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr}); code != 0 {
		return exitStatus(code)
	}
	return nil
}

// execWords takes pct's own options off. Without "--" its parser eats every word that looks like an option.
func execWords(args []string) (words []string, keep bool, err error) {
	keep = true
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(words, args[i+1:]...), keep, nil
		case a == "--keep-env" || a == "-keep-env":
			if i+1 < len(args) {
				i++
				keep = args[i] != "0"
			}
		case strings.HasPrefix(a, "--keep-env="):
			keep = a != "--keep-env=0"
		case strings.HasPrefix(a, "-"):
			return nil, false, fmt.Errorf("Unknown option: %s\n400 unable to parse option", strings.TrimLeft(a, "-"))
		default:
			words = append(words, a)
		}
	}
	if len(words) == 0 {
		return nil, false, fmt.Errorf("missing command")
	}
	return words, keep, nil
}

// transferOptions are those of push and pull.
func transferOptions(args []string) (paths []string, options map[string]string) {
	options = map[string]string{}
	for i := 0; i < len(args); i++ {
		name, isOption := strings.CutPrefix(args[i], "-")
		if !isOption {
			paths = append(paths, args[i])
			continue
		}
		key, value, inline := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if !inline && i+1 < len(args) {
			i++
			value = args[i]
		}
		options[key] = value
	}
	return paths, options
}

// push is "pct push VMID FILE DESTINATION [--perms 0644 --user U --group G]".
func (p *pct) push(ctx context.Context, c shell.Command, id string, args []string) error {
	paths, options := transferOptions(args)
	if len(paths) != 2 {
		return fmt.Errorf("400 not enough arguments")
	}
	box, err := p.running(id)
	if err != nil {
		return err
	}
	data, err := p.files.ReadFile(absolutePath(c.Dir, paths[0]))
	if err != nil {
		return fmt.Errorf("failed to open %s for reading: No such file or directory", paths[0])
	}
	return p.task("push_file", id, func() error {
		if err := box.WriteFile(paths[1], data, octalMode(options["perms"])); err != nil {
			return fmt.Errorf("failed to create file: %s: No such file or directory", paths[1])
		}
		if owner := options["user"] + ":" + options["group"]; owner != ":" {
			box.Run(ctx, shell.Command{Args: []string{"chown", strings.TrimSuffix(owner, ":"), paths[1]}})
		}
		return nil
	})
}

// pull is "pct pull VMID PATH DESTINATION".
func (p *pct) pull(_ context.Context, c shell.Command, id string, args []string) error {
	paths, options := transferOptions(args)
	if len(paths) != 2 {
		return fmt.Errorf("400 not enough arguments")
	}
	box, err := p.running(id)
	if err != nil {
		return err
	}
	data, err := box.ReadFile(paths[0])
	if err != nil {
		return fmt.Errorf("failed to open %s: No such file or directory", paths[0])
	}
	return p.task("pull_file", id, func() error {
		return p.files.WriteFile(absolutePath(c.Dir, paths[1]), data, octalMode(options["perms"]))
	})
}

// task runs f as a task of root@pam under the config lock, as push and pull do.
func (p *pct) task(kind, id string, f func() error) error {
	var failed error
	p.sim.mu.Lock()
	t := p.sim.fork(p.node, caller{user: "root@pam"}, kind, id, func(t *task) error {
		failed = t.holding(atoi(id), f)
		return failed
	})
	p.sim.mu.Unlock()
	<-t.done
	return failed
}

func absolutePath(dir, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(dir, name)
}

// octalMode reads octal digits, or hexadecimal after 0x.
func octalMode(text string) uint32 {
	base := 8
	if hex, is := strings.CutPrefix(text, "0x"); is {
		text, base = hex, 16
	}
	n, err := strconv.ParseUint(text, base, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

func (p *pct) config(_ context.Context, c shell.Command, id string, _ []string) error {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	ct, err := p.guest(id)
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(ct.conf) {
		fmt.Fprintf(c.Stdout, "%s: %s\n", key, strings.TrimSuffix(ct.conf[key], "\n"))
	}
	return nil
}

func (p *pct) status(_ context.Context, c shell.Command, id string, _ []string) error {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	ct, err := p.guest(id)
	if err != nil {
		return err
	}
	state := "stopped"
	if ct.running {
		state = "running"
	}
	fmt.Fprintf(c.Stdout, "status: %s\n", state)
	return nil
}

func (p *pct) list(c shell.Command) int {
	p.sim.mu.Lock()
	defer p.sim.mu.Unlock()
	fmt.Fprintf(c.Stdout, "%-10s %-10s %-12s %-20s\n", "VMID", "Status", "Lock", "Name")
	for _, ct := range p.node.sortedGuests() {
		state := "stopped"
		if ct.running {
			state = "running"
		}
		fmt.Fprintf(c.Stdout, "%-10d %-10s %-12s %-20s\n", ct.vmid, state, ct.lock(), ct.name())
	}
	return 0
}
