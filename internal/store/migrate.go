package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"berth"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to date. Several processes may do it at once: each migration is one transaction together
// with its entry in goose's table, so a process that loses the race fails without a trace and looks again.
// Every such failure means that another process got further, which bounds the loop.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	for {
		before, known, err := p.GetVersions(ctx)
		if err != nil {
			return fmt.Errorf("read the version of the database: %w", err)
		}
		if before > known {
			return berth.Errorf(berth.Conflict, "The database was written by a newer Berth (its version is %d, this program knows up to %d): start the newer program, or restore a backup made before the update.", before, known)
		}
		_, err = p.Up(ctx)
		if err == nil {
			return nil
		}
		if after, _, again := p.GetVersions(ctx); again != nil || after == before {
			return fmt.Errorf("bring the database from version %d to %d: %w", before, known, err)
		}
	}
}
