package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"berth"
	"berth/internal/store"
)

type accessCommand struct {
	List accessListCommand `cmd:"" help:"List who has been given which role, and where."`
	Give accessGiveCommand `cmd:"" help:"Give a role to a user or a group, everywhere or on the containers of a query."`
	Take accessTakeCommand `cmd:"" help:"Take a role away again."`
}

// holderFlags name a user or a group.
type holderFlags struct {
	User  string `env:"-" xor:"holder" required:"" placeholder:"NAME" help:"The user."`
	Group string `env:"-" xor:"holder" required:"" placeholder:"NAME" help:"The group."`
	Scope string `env:"-" placeholder:"QUERY" help:"Only on the containers that the query means, such as 'cluster:home tag:team-a'; everywhere without it."`
}

func (f holderFlags) holder() store.Holder { return store.Holder{User: f.User, Group: f.Group} }

type accessGiveCommand struct {
	Role string `arg:"" enum:"viewer,operator,admin" help:"viewer, operator or admin."`
	holderFlags
	databaseFlags
}

// Run gives the role.
func (c *accessGiveCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.Give(ctx, shellActor(), c.holder(), berth.Grant{Role: berth.Role(c.Role), Scope: c.Scope}); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "The %s is %s.\n", c.holder(), grantText(berth.Grant{Role: berth.Role(c.Role), Scope: c.Scope}))
		return nil
	})
}

type accessTakeCommand struct {
	holderFlags
	databaseFlags
}

// Run takes the role.
func (c *accessTakeCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		scope, err := berth.ParseScope(c.Scope)
		if err != nil {
			return err
		}
		if err := s.TakeAway(ctx, shellActor(), c.holder(), scope.String()); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "The %s has no role there any more.\n", c.holder())
		return nil
	})
}

type accessListCommand struct{ databaseFlags }

// Run prints a table of users and groups with their roles.
func (c *accessListCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		list, err := s.AccessList(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "WHO\tMAY\tMEMBERS")
		for _, u := range list.Users {
			fmt.Fprintf(table, "user %s\t%s\t\n", u.Name, grantTexts(u.Grants))
		}
		for _, g := range list.Groups {
			fmt.Fprintf(table, "group %s\t%s\t%s\n", g.Name, grantTexts(g.Grants), strings.Join(g.Members, ", "))
		}
		return table.Flush()
	})
}

func grantTexts(grants []berth.Grant) string {
	texts := make([]string, len(grants))
	for i, g := range grants {
		texts[i] = grantText(g)
	}
	if len(texts) == 0 {
		return "nothing"
	}
	return strings.Join(texts, "; ")
}

func grantText(g berth.Grant) string {
	if g.Scope == "" {
		return string(g.Role) + " everywhere"
	}
	return string(g.Role) + " on " + g.Scope
}
