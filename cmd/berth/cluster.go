package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"berth"
	"berth/internal/fleet"
	"berth/internal/store"
)

type clusterCommand struct {
	Add  clusterAddCommand  `cmd:"" help:"Connect a cluster; a running Berth picks it up by itself."`
	List clusterListCommand `cmd:"" help:"List the connected clusters."`
	Test clusterTestCommand `cmd:"" help:"Ask a connected cluster for its version."`
	Rm   clusterRmCommand   `cmd:"" help:"Forget a cluster. Nothing in Proxmox VE is changed."`
}

type clusterAddCommand struct {
	Name        string   `arg:"" help:"Name of the cluster in Berth: small letters, digits, dashes."`
	URL         []string `required:"" env:"-" name:"url" placeholder:"https://HOST:8006" help:"Address of a node; several for fail-over."`
	Token       string   `required:"" env:"BERTH_CLUSTER_TOKEN" placeholder:"USER@REALM!ID=SECRET" help:"API token of Proxmox VE."`
	Fingerprint string   `placeholder:"sha256:HEX" help:"SHA-256 fingerprint of the certificate, or several of several nodes, separated by commas; without it, an authority that this machine knows must have signed it."`
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
