package main

import (
	"context"
	"fmt"

	"berth/internal/store"
)

type groupCommand struct {
	Add   groupAddCommand   `cmd:"" help:"Add a group of users; 'berth access give' gives it a role."`
	Rm    groupRmCommand    `cmd:"" help:"Remove a group; its members lose what was given to it."`
	Join  groupJoinCommand  `cmd:"" help:"Make a user a member of a group."`
	Leave groupLeaveCommand `cmd:"" help:"Take a user out of a group."`
}

type groupAddCommand struct {
	Name string `arg:"" help:"Name of the group."`
	databaseFlags
}

// Run adds the group.
func (c *groupAddCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if _, err := s.AddGroup(ctx, shellActor(), c.Name); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Group %s is added.\n", c.Name)
		return nil
	})
}

type groupRmCommand struct {
	Name string `arg:"" help:"Name of the group."`
	databaseFlags
}

// Run removes the group.
func (c *groupRmCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.RemoveGroup(ctx, shellActor(), c.Name); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "Group %s is removed.\n", c.Name)
		return nil
	})
}

type groupJoinCommand struct {
	Group string `arg:"" help:"Name of the group."`
	User  string `arg:"" help:"Name of the user."`
	databaseFlags
}

// Run makes the user a member.
func (c *groupJoinCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.Join(ctx, shellActor(), c.Group, c.User); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%s is in group %s.\n", c.User, c.Group)
		return nil
	})
}

type groupLeaveCommand struct {
	Group string `arg:"" help:"Name of the group."`
	User  string `arg:"" help:"Name of the user."`
	databaseFlags
}

// Run takes the user out.
func (c *groupLeaveCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		if err := s.Leave(ctx, shellActor(), c.Group, c.User); err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%s is not in group %s any more.\n", c.User, c.Group)
		return nil
	})
}
