package main

import (
	"context"
	"fmt"

	"berth"
	"berth/internal/pve/pvesim"
)

type pvesimCommand struct {
	Addr       string `default:"127.0.0.1:8006" placeholder:"HOST:PORT" help:"Address of the API, over HTTPS (${default})."`
	SSHAddr    string `name:"ssh-addr" default:"127.0.0.1:8022" placeholder:"HOST:PORT" help:"Address of the first node's SSH port (${default})."`
	APIVersion string `name:"version" default:"9.2" enum:"9.2,8.4,7.4" help:"Version of Proxmox VE to behave as: 9.2, 8.4 or 7.4 (${default})."`
	worldFlags
}

// worldFlags choose the simulated cluster.
type worldFlags struct {
	Nodes      int     `default:"3" help:"Nodes of the simulated cluster (${default})."`
	Containers int     `default:"40" help:"Containers of the simulated cluster (${default})."`
	Seed       uint64  `default:"1" help:"The same seed makes the same cluster (${default})."`
	Speed      float64 `default:"1" help:"How fast the simulated cluster lives (${default})."`
}

func (f worldFlags) options(version string) (pvesim.Options, error) {
	if f.Nodes < 1 || f.Nodes > 1000 || f.Containers < 0 || f.Containers > 100_000 || f.Speed <= 0 || f.Speed > 1000 {
		return pvesim.Options{}, berth.Errorf(berth.Invalid, "A simulated cluster has 1 to 1,000 nodes, 0 to 100,000 containers, and a speed above 0 and up to 1,000.")
	}
	if f.Containers == 0 {
		f.Containers = -1 // the simulator's zero value means its usual number
	}
	return pvesim.Options{Nodes: f.Nodes, Containers: f.Containers, Seed: f.Seed, Speed: f.Speed, Cluster: demoCluster, Version: version}, nil
}

const rootPassword = "berth-demo"

// Run runs the simulator until it is interrupted.
func (c *pvesimCommand) Run(ctx context.Context, o output) error {
	options, err := c.options(c.APIVersion)
	if err != nil {
		return err
	}
	options.RootPassword = rootPassword
	sim, err := pvesim.New(options)
	if err != nil {
		return err
	}
	defer sim.Close()
	if err := sim.Start(c.Addr); err != nil {
		return berth.Errorf(berth.Unavailable, "The API cannot listen on %s: %v.", c.Addr, err)
	}
	if err := sim.StartSSH(c.SSHAddr); err != nil {
		return berth.Errorf(berth.Unavailable, "SSH cannot listen on %s: %v.", c.SSHAddr, err)
	}
	c.print(o, sim)
	<-ctx.Done()
	return nil
}

func (c *pvesimCommand) print(o output, sim *pvesim.Sim) {
	fmt.Fprintf(o.out, `A simulated Proxmox VE %s with %d nodes and %d containers, until Ctrl+C.

API          %s/api2/json
fingerprint  %s
token        %s
password     root@pam, %s
SSH          ssh root@%s, host key %s
faults       curl -k %s/sim/

Connect a Berth:
  berth cluster add sim --url %s --token '%s' --fingerprint %s
`, c.APIVersion, c.Nodes, c.Containers, sim.URL(), sim.Fingerprint(), sim.Token(), rootPassword,
		sim.SSHAddr(), sim.SSHHostKey(), sim.URL(), sim.URL(), sim.Token(), sim.Fingerprint())
}
