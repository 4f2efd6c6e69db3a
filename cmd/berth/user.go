package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"berth"
	"berth/internal/app"
	"berth/internal/store"
)

type userCommand struct {
	Add   userAddCommand   `cmd:"" help:"Add an account and print its one-time sign-in link."`
	List  userListCommand  `cmd:"" help:"List the accounts."`
	Reset userResetCommand `cmd:"" help:"Print a new one-time sign-in link for an account."`
	Rm    userRmCommand    `cmd:"" help:"Remove an account; its sessions end at once."`
}

const linkTime = 24 * time.Hour

// linkFlags say where the browser of the person who gets the link reaches Berth.
type linkFlags struct {
	URL string `default:"http://127.0.0.1:7420" name:"url" placeholder:"URL" help:"Address at which browsers reach Berth (${default})."`
}

func (f linkFlags) print(ctx context.Context, o output, s *store.Store, u berth.User) error {
	token, err := s.NewSignInLink(ctx, u.ID, linkTime)
	if err != nil {
		return err
	}
	access, err := s.Access(ctx, u.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "Sign-in link of %s (%s), works once within 24 hours: %s\n", u.Name, grantTexts(access.Grants()), app.SignInURL(strings.TrimRight(f.URL, "/"), token))
	return nil
}

type userAddCommand struct {
	Name  string `arg:"" help:"Name of the account."`
	Role  string `required:"" env:"-" enum:"viewer,operator,admin" placeholder:"ROLE" help:"What the account may do: viewer, operator or admin."`
	Scope string `env:"-" placeholder:"QUERY" help:"Only on the containers that the query means, such as 'cluster:home tag:team-a'; everywhere without it."`
	linkFlags
	databaseFlags
}

// Run adds the account.
func (c *userAddCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		u, err := s.AddUserWith(ctx, shellActor(), c.Name, berth.Grant{Role: berth.Role(c.Role), Scope: c.Scope})
		if err != nil {
			return err
		}
		return c.print(ctx, o, s, u)
	})
}

type userResetCommand struct {
	Name string `arg:"" help:"Name of the account."`
	linkFlags
	databaseFlags
}

// Run prints a new link.
func (c *userResetCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		u, err := s.UserByName(ctx, c.Name)
		if err != nil {
			return err
		}
		return c.print(ctx, o, s, u)
	})
}

type userListCommand struct{ databaseFlags }

// Run prints a table of the accounts.
func (c *userListCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		users, err := s.Users(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(o.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(table, "NAME\tMAY\tADDED")
		for _, u := range users {
			access, err := s.Access(ctx, u.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", u.Name, grantTexts(access.Grants()), u.CreatedAt.Local().Format("2006-01-02 15:04"))
		}
		return table.Flush()
	})
}

type userRmCommand struct {
	Name string `arg:"" help:"Name of the account."`
	databaseFlags
}

// Run removes the account.
func (c *userRmCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.RemoveUser(ctx, shellActor(), c.Name); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Account %s is removed.\n", c.Name)
		return nil
	})
}

// withStore opens the database for one piece of work.
func withStore(ctx context.Context, f databaseFlags, work func(*store.Store) error) error {
	s, err := store.Open(ctx, f.options())
	if err != nil {
		return err
	}
	return errors.Join(work(s), s.Close())
}

// shellActor is whoever runs the command, as the history names them.
func shellActor() berth.Actor {
	name := "shell"
	if u, err := user.Current(); err == nil {
		name = "shell:" + u.Username
	}
	return berth.Actor{Name: name, Source: "cli"}
}
