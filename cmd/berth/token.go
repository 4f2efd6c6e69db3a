package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"berth"
	"berth/internal/store"
)

type tokenCommand struct {
	Add    tokenAddCommand    `cmd:"" help:"Make an API token of a user and print it; it is not shown again."`
	List   tokenListCommand   `cmd:"" help:"List the API tokens."`
	Revoke tokenRevokeCommand `cmd:"" help:"Remove an API token; it does not work any more at once."`
}

type tokenAddCommand struct {
	Name  string `arg:"" help:"What the token is for."`
	User  string `required:"" env:"-" placeholder:"NAME" help:"The user for whom it acts."`
	Role  string `default:"viewer" env:"-" enum:"viewer,operator,admin" placeholder:"ROLE" help:"What it may do, at most what the user may: viewer, operator or admin (${default})."`
	Scope string `env:"-" placeholder:"QUERY" help:"Only on the containers that the query means; wherever the user may without it."`
	Days  int    `default:"90" env:"-" placeholder:"N" help:"It expires after so many days (${default}); 0: never."`
	databaseFlags
}

// Run makes the token.
func (c *tokenAddCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		u, err := s.UserByName(ctx, c.User)
		if err != nil {
			return err
		}
		t := berth.APIToken{UserID: u.ID, User: u.Name, Name: c.Name, Grant: berth.Grant{Role: berth.Role(c.Role), Scope: c.Scope}}
		if c.Days != 0 {
			t.ExpiresAt = time.Now().Add(time.Duration(c.Days) * 24 * time.Hour)
		}
		key, err := s.AddToken(ctx, shellActor(), t)
		if err != nil {
			return err
		}
		fmt.Fprintln(o.out, key)
		return nil
	})
}

type tokenListCommand struct{ databaseFlags }

// Run prints a table of the tokens.
func (c *tokenListCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		tokens, err := s.Tokens(ctx, "")
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "USER\tNAME\tMAY\tEXPIRES\tLAST USED")
		for _, t := range tokens {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.User, t.Name, grantText(t.Grant), dateOr(t.ExpiresAt, "never"), dateOr(t.UsedAt, "never"))
		}
		return table.Flush()
	})
}

func dateOr(at time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	return at.Local().Format("2006-01-02 15:04")
}

type tokenRevokeCommand struct {
	Name string `arg:"" help:"Name of the token."`
	User string `required:"" env:"-" placeholder:"NAME" help:"The user for whom it acts."`
	databaseFlags
}

// Run removes the token.
func (c *tokenRevokeCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		u, err := s.UserByName(ctx, c.User)
		if err != nil {
			return err
		}
		tokens, err := s.Tokens(ctx, u.ID)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if !strings.EqualFold(t.Name, c.Name) {
				continue
			}
			if err := s.RevokeToken(ctx, shellActor(), t); err != nil {
				return err
			}
			fmt.Fprintf(o.out, "Token %s of %s is revoked.\n", t.Name, u.Name)
			return nil
		}
		return berth.Errorf(berth.NotFound, "%s has no token called %s.", u.Name, c.Name)
	})
}
