package pvesim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"berth/internal/pve/pvesim/shell"
)

// pveumVerbs are the orders of pveum that are simulated: the call of the API that each is, and the names of the words that
// follow it (pve-access-control 9.1).
var pveumVerbs = map[string]struct {
	method, path string
	words        []string
}{
	"role add":       {"POST", "/access/roles", []string{"roleid"}},
	"role modify":    {"PUT", "/access/roles/{roleid}", []string{"roleid"}},
	"user add":       {"POST", "/access/users", []string{"userid"}},
	"acl modify":     {"PUT", "/access/acl", []string{"path"}},
	"aclmod":         {"PUT", "/access/acl", []string{"path"}},
	"user token add": {"POST", "/access/users/{userid}/token/{tokenid}", []string{"userid", "tokenid"}},
}

// pveum manages users on the command line of a node, as root.
func (s *Sim) pveum(_ context.Context, c shell.Command) int {
	answer, err := s.runPveum(c.Args[1:])
	if err != nil {
		fmt.Fprintln(c.Stderr, err)
		return 255
	}
	if row, is := answer.(obj); is {
		printTable(c, row)
	}
	return 0
}

func (s *Sim) runPveum(args []string) (any, error) {
	for n := min(3, len(args)); n > 0; n-- {
		verb, known := pveumVerbs[strings.Join(args[:n], " ")]
		if !known {
			continue
		}
		p, err := pveumParams(verb.words, args[n:])
		if err != nil {
			return nil, err
		}
		return s.asRoot(verb.method, verb.path, p)
	}
	return nil, fmt.Errorf("ERROR: unknown command 'pveum %s'", strings.Join(args, " "))
}

// pveumParams reads the words and options after a verb.
func pveumParams(names, args []string) (params, error) {
	p := params{}
	for len(args) > 0 {
		option, is := strings.CutPrefix(args[0], "--")
		switch {
		case is && len(args) > 1:
			p[option], args = args[1], args[2:]
		case is:
			return nil, fmt.Errorf("Option %s requires an argument\n400 unable to parse option", option)
		case len(names) == 0:
			return nil, errors.New("400 too many arguments")
		default:
			p[names[0]] = args[0]
			names, args = names[1:], args[1:]
		}
	}
	if len(names) > 0 {
		return nil, errors.New("400 not enough arguments")
	}
	return p, nil
}

// asRoot makes a call of the API as root@pam does on the node itself.
func (s *Sim) asRoot(method, pattern string, p params) (any, error) {
	path := pattern
	for name, value := range p {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{sim: s, method: method, path: path, user: caller{user: "root@pam"}, now: s.now(), params: p}
	if c.route, c.vars = s.routes.find(method, path); c.route == nil {
		return nil, fmt.Errorf("400 no such path %s", path)
	}
	if err := c.route.validate(c.params); err != nil {
		return nil, err
	}
	return c.route.handler(c)
}

// printTable prints a row as pveum prints what a call answers.
func printTable(c shell.Command, row obj) {
	wide := 5
	for _, value := range row {
		wide = max(wide, len(fmt.Sprint(value)))
	}
	line := strings.Repeat("─", wide+2)
	fmt.Fprintf(c.Stdout, "┌──────────────┬%s┐\n│ %-12s │ %-*s │\n", line, "key", wide, "value")
	for _, key := range sortedKeys(row) {
		fmt.Fprintf(c.Stdout, "├──────────────┼%s┤\n│ %-12s │ %-*s │\n", line, key, wide, fmt.Sprint(row[key]))
	}
	fmt.Fprintf(c.Stdout, "└──────────────┴%s┘\n", line)
}

// Shell runs a line in the shell of a node as root does there, and gives what it prints and its status.
func (s *Sim) Shell(node, line string) (output string, status int) {
	n := s.world.node(node)
	if n == nil {
		return "ssh: Could not resolve hostname " + node + ": Name or service not known\n", 255
	}
	var out strings.Builder
	status = s.nodeBox(n).Run(s.ctx, shell.Command{Args: []string{"sh", "-c", line}, Dir: "/root", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
		Env: []string{"HOME=/root", "USER=root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}})
	return out.String(), status
}
