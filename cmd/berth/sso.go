package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"berth"
	"berth/internal/store"
)

type ssoCommand struct {
	Add  ssoAddCommand  `cmd:"" help:"Let people in whom a provider of OpenID Connect knows, or a connected cluster."`
	List ssoListCommand `cmd:"" help:"List the providers."`
	Rm   ssoRmCommand   `cmd:"" help:"Remove a provider; accounts that came through it stay."`
}

type ssoAddCommand struct {
	Name         string            `arg:"" help:"Name of the provider, as people read it."`
	Cluster      string            `required:"" xor:"from" env:"-" placeholder:"NAME" help:"The realms of this connected cluster, in place of a provider."`
	Issuer       string            `required:"" xor:"from" env:"-" placeholder:"https://HOST" help:"Address of the provider; /.well-known/openid-configuration is below it. Tell it https://BERTH/login/sso/NAME/callback."`
	ClientID     string            `env:"-" name:"client-id" placeholder:"ID" help:"What the provider calls Berth."`
	ClientSecret string            `env:"BERTH_SSO_SECRET" placeholder:"SECRET" help:"The secret that goes with it."`
	GroupsClaim  string            `default:"groups" env:"-" placeholder:"CLAIM" help:"Claim that lists somebody's groups (${default})."`
	Map          map[string]string `required:"" env:"-" placeholder:"THEIRS=OURS" help:"Which group of theirs is which of Berth; several with semicolons. Nobody else gets in."`
	databaseFlags
}

// Run adds the provider.
func (c *ssoAddCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		p := berth.SignOn{Name: c.Name, Issuer: strings.TrimRight(c.Issuer, "/"), ClientID: c.ClientID, GroupsClaim: c.GroupsClaim, Mapping: c.Map}
		if c.Cluster != "" {
			if _, err := s.ClusterByName(ctx, c.Cluster); err != nil {
				return err
			}
			p.Issuer = berth.OfCluster(c.Cluster)
		}
		groups, err := s.Groups(ctx)
		if err != nil {
			return err
		}
		for _, ours := range c.Map {
			if !slices.ContainsFunc(groups, func(g berth.Group) bool { return strings.EqualFold(g.Name, ours) }) {
				return berth.Errorf(berth.NotFound, "There is no group called %s; add it first.", ours)
			}
		}
		if err := s.AddSignOn(ctx, shellActor(), p, c.ClientSecret); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "People can sign in through %s.\n", p.Name)
		return nil
	})
}

type ssoListCommand struct{ databaseFlags }

// Run prints a table of the providers.
func (c *ssoListCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		providers, err := s.SignOns(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tADDRESS\tCLIENT\tGROUPS")
		for _, p := range providers {
			var groups []string
			for _, theirs := range slices.Sorted(maps.Keys(p.Mapping)) {
				groups = append(groups, theirs+"="+p.Mapping[theirs])
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, p.Issuer, p.ClientID, strings.Join(groups, ", "))
		}
		return table.Flush()
	})
}

type ssoRmCommand struct {
	Name string `arg:"" help:"Name of the provider."`
	databaseFlags
}

// Run removes the provider.
func (c *ssoRmCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.RemoveSignOn(ctx, shellActor(), c.Name); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Nobody signs in through %s any more.\n", c.Name)
		return nil
	})
}
