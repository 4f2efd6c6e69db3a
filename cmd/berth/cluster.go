package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"berth"
	"berth/internal/fleet"
	"berth/internal/store"
)

type clusterCommand struct {
	Add    clusterAddCommand    `cmd:"" help:"Connect a cluster; a running Berth picks it up by itself."`
	List   clusterListCommand   `cmd:"" help:"List the connected clusters."`
	Test   clusterTestCommand   `cmd:"" help:"Ask a connected cluster for its version."`
	Change clusterChangeCommand `cmd:"" help:"Change token, certificate or addresses of a connected cluster, once they work."`
	Doctor clusterDoctorCommand `cmd:"" help:"Tell what the token of a cluster may do, and how to grant the rest."`
	Grants clusterGrantsCommand `cmd:"" help:"Print the commands that grant Berth what it needs on a cluster."`
	Rm     clusterRmCommand     `cmd:"" help:"Forget a cluster. Nothing in Proxmox VE is changed."`
}

type clusterAddCommand struct {
	Name        string   `arg:"" help:"Name of the cluster in Berth: small letters, digits, dashes."`
	URL         []string `required:"" env:"-" name:"url" placeholder:"https://HOST:8006" help:"Address of a node; several for fail-over."`
	Token       string   `required:"" env:"BERTH_CLUSTER_TOKEN" placeholder:"USER@REALM!ID=SECRET" help:"API token of Proxmox VE."`
	Fingerprint string   `env:"-" placeholder:"sha256:HEX" help:"SHA-256 fingerprint of the certificate, or several of several nodes, separated by commas; without it, an authority that this machine knows must have signed it."`
	databaseFlags
}

// Run checks the connection and stores it.
func (c *clusterAddCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		cluster := berth.Cluster{Name: c.Name, Fingerprint: c.Fingerprint}
		for _, u := range c.URL {
			cluster.Endpoints = append(cluster.Endpoints, strings.TrimRight(u, "/"))
		}
		added, err := fleet.Connect(ctx, s, shellActor(), cluster, c.Token)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Cluster %s is connected.\n", added.Name)
		return nil
	})
}

type clusterListCommand struct{ databaseFlags }

// Run prints a table of the clusters.
func (c *clusterListCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		clusters, err := s.Clusters(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tADDRESS\tTOKEN\tADDED")
		for _, c := range clusters {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Name, strings.Join(c.Endpoints, ","), c.TokenID, c.CreatedAt.Local().Format("2006-01-02 15:04"))
		}
		return table.Flush()
	})
}

type clusterTestCommand struct {
	Name string `arg:"" help:"Name of the cluster."`
	databaseFlags
}

// Run asks the cluster for its version.
func (c *clusterTestCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		cluster, err := s.ClusterByName(ctx, c.Name)
		if err != nil {
			return err
		}
		secret, err := s.ClusterSecret(ctx, cluster.ID)
		if err != nil {
			return err
		}
		version, err := fleet.Test(ctx, cluster, secret)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Cluster %s answers: Proxmox VE %s.\n", cluster.Name, version.Version)
		return nil
	})
}

type clusterRmCommand struct {
	Name string `arg:"" help:"Name of the cluster."`
	databaseFlags
}

// Run forgets the cluster.
func (c *clusterRmCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.RemoveCluster(ctx, shellActor(), c.Name); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Cluster %s is not connected any more; its history is kept.\n", c.Name)
		return nil
	})
}

type clusterChangeCommand struct {
	Name        string   `arg:"" help:"Name of the cluster."`
	URL         []string `env:"-" name:"url" placeholder:"https://HOST:8006" help:"New addresses, in the order in which they are tried."`
	Token       string   `env:"-" placeholder:"USER@REALM!ID=SECRET" help:"New API token."`
	Fingerprint string   `env:"-" placeholder:"sha256:HEX" help:"New fingerprints, separated by commas."`
	databaseFlags
}

// Run tries the changed connection and stores it.
func (c *clusterChangeCommand) Run(ctx context.Context, o output) error {
	change := fleet.Change{Token: c.Token, Fingerprint: c.Fingerprint}
	for _, u := range c.URL {
		change.Endpoints = append(change.Endpoints, strings.TrimRight(u, "/"))
	}
	if change.Token == "" && change.Fingerprint == "" && len(change.Endpoints) == 0 {
		return berth.Errorf(berth.Invalid, "Say what to change: --token, --fingerprint or --url.")
	}
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		changed, err := fleet.ChangeConnection(ctx, s, shellActor(), c.Name, change)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Cluster %s is changed; a running Berth takes it up by itself.\n", changed.Name)
		return nil
	})
}

type clusterDoctorCommand struct {
	Name string `arg:"" help:"Name of the cluster."`
	databaseFlags
}

// Run prints a table of what works, and the commands that grant what does not.
func (c *clusterDoctorCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		cluster, err := s.ClusterByName(ctx, c.Name)
		if err != nil {
			return err
		}
		secret, err := s.ClusterSecret(ctx, cluster.ID)
		if err != nil {
			return err
		}
		x, err := fleet.Examine(ctx, time.Now, cluster, cluster.TokenID+"="+secret)
		if err != nil {
			return err
		}
		return printFindings(o, x)
	})
}

func printFindings(o output, x fleet.Examination) error {
	table := tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "FEATURE\tSTATE\tMISSING")
	var commands []string
	for _, f := range x.Findings {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Feature, f.State, strings.Join(f.Missing, "; "))
		for _, line := range f.Commands {
			if !slices.Contains(commands, line) {
				commands = append(commands, line)
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(commands) > 0 {
		fmt.Fprintf(o.out, "\nTo grant what is missing, as root in a shell of a node:\n\n%s\n", strings.Join(commands, "\n"))
	}
	return nil
}

type clusterGrantsCommand struct {
	Purpose string   `arg:"" default:"create" enum:"watch,operate,create" help:"What Berth is to do there: watch, operate or create."`
	User    string   `default:"berth@pve" help:"User of Proxmox VE."`
	TokenID string   `name:"token-id" default:"berth" help:"Id of its API token."`
	Backups []string `default:"local" help:"Storages for backups and OS images."`
	Disks   []string `default:"local-lvm" help:"Storages for disks of new containers."`
	Bridges []string `help:"Bridges for new containers; without any, all."`
	Pool    string   `help:"Operate and create only in this pool."`
}

// Run prints the commands.
func (c *clusterGrantsCommand) Run(o output) error {
	g := berth.Grants{Purpose: berth.Purpose(c.Purpose), User: c.User, Token: c.TokenID, Backups: c.Backups, Disks: c.Disks, Bridges: c.Bridges, Pool: c.Pool}
	if err := g.Validate(); err != nil {
		return err
	}
	fmt.Fprintln(o.out, strings.Join(g.Commands(), "\n"))
	return nil
}
