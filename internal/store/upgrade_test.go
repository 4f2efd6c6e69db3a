package store_test

import (
	"os"
	"testing"

	"github.com/pressly/goose/v3"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Accounts from before there were grants keep their roles.
func TestRolesSurviveTheUpdate(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s := storetest.OpenWith(t, o)
		addUser(t, s, "bert")
		dialect := goose.DialectSQLite3
		if o.Database != "" {
			dialect = goose.DialectPostgres
		}
		db := raw(t, o)
		p := must(goose.NewProvider(dialect, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())))(t)
		if _, err := p.DownTo(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, keptText(t, o, "SELECT name || ' ' || role FROM users"), []string{"bert operator"})
		execRaw(t, o, "INSERT INTO users (id, name, role, created_at, updated_at) VALUES ($1, $2, 'admin', 0, 0)", "id-of-anna", "anna")
		after := storetest.OpenWith(t, o)
		wantEqual(t, must(after.Access(t.Context(), "id-of-anna"))(t).Everywhere(), berth.RoleAdmin)
		wantEqual(t, must(after.UserByName(t.Context(), "bert"))(t).Role, berth.RoleOperator)
	})
}
