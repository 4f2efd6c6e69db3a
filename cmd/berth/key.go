package main

import (
	"context"
	"fmt"

	"berth/internal/store"
)

type keyCommand struct {
	Rotate keyRotateCommand `cmd:"" help:"Make a new key and seal every secret with it; may run while Berth does, and goes on where it was interrupted."`
}

type keyRotateCommand struct{ databaseFlags }

// Run changes the key.
func (c *keyRotateCommand) Run(ctx context.Context, o output) error {
	return withStore(ctx, c.databaseFlags, func(s *store.Store) error {
		n, err := s.RotateKey(ctx, shellActor())
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "The key is a new one; secrets sealed anew: %d. Back it up, and copy it to every server that uses this database.\n", n)
		return nil
	})
}
