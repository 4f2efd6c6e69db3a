// Command berth is mission control for LXC containers on Proxmox VE.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"berth"
)

type commands struct {
	Demo    demoCommand    `cmd:"" help:"Run Berth on a simulated three-node cluster with a temporary database; prints a sign-in link."`
	Serve   serveCommand   `cmd:"" help:"Run Berth."`
	Cluster clusterCommand `cmd:"" help:"Connect and list Proxmox VE clusters."`
	User    userCommand    `cmd:"" help:"Add and list accounts."`
	Group   groupCommand   `cmd:"" help:"Add groups of users."`
	Token   tokenCommand   `cmd:"" help:"Make, list and revoke API tokens."`
	Sso     ssoCommand     `cmd:"" name:"sso" help:"Single sign-on: let people in whom somebody else knows."`
	Key     keyCommand     `cmd:"" help:"Change the key that seals secrets."`
	Access  accessCommand  `cmd:"" help:"Say who may do what, and where."`
	Pvesim  pvesimCommand  `cmd:"" help:"Run the simulated Proxmox VE cluster alone, on real HTTPS and SSH ports."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// The exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // what was asked for did not happen
	exitInvalid = 2 // what was asked for cannot be understood
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// output is where a command prints to: results to out, everything else to err.
type output struct{ out, err io.Writer }

// run executes one command line and gives its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	parser, exited, err := newParser(ctx, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "berth:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if *exited { // --help
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "berth: %v; see berth --help\n", err)
		return exitInvalid
	}
	return report(command.Run(), stderr)
}

func newParser(ctx context.Context, stdout, stderr io.Writer) (parser *kong.Kong, exited *bool, err error) {
	exited = new(bool)
	parser, err = kong.New(&commands{},
		kong.Name("berth"),
		kong.Description("Mission control for LXC containers on Proxmox VE."),
		kong.DefaultEnvars("BERTH"),
		kong.Vars{"data": defaultDataDir(os.Getenv("HOME"), os.Getenv("XDG_DATA_HOME"), os.Geteuid() == 0)},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { *exited = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(output{out: stdout, err: stderr}),
	)
	return parser, exited, err
}

// report prints what a person can act on, and gives the exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	e, ok := errors.AsType[*berth.Error](err)
	if !ok {
		fmt.Fprintln(stderr, "berth:", err)
		return exitFailed
	}
	fmt.Fprintln(stderr, "berth:", e.Message)
	for name, message := range e.Fields {
		if message != e.Message {
			fmt.Fprintf(stderr, "  %s: %s\n", name, message)
		}
	}
	if e.Code == berth.Invalid {
		return exitInvalid
	}
	return exitFailed
}
