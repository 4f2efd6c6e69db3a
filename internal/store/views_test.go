package store_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestPreferencesAreKeptPerUser(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		anna, ben := addUser(t, s, "anna"), addUser(t, s, "ben")
		for _, value := range []string{"cards", "table"} {
			if err := s.SetPreference(t.Context(), anna.ID, "layout", value); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Preferences(t.Context(), anna.ID)
		if diff := cmp.Diff(map[string]string{"layout": "table"}, got); err != nil || diff != "" {
			t.Errorf("anna's preferences (-want +got, error %v):\n%s", err, diff)
		}
		if got, err := s.Preferences(t.Context(), ben.ID); err != nil || len(got) != 0 {
			t.Errorf("ben's preferences are %v, %v", got, err)
		}
	})
}

func TestViewsAreSeenByTheirOwnerAndWhenShared(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		anna, ben := addUser(t, s, "anna"), addUser(t, s, "ben")
		for _, v := range []berth.SavedView{
			{OwnerID: anna.ID, Name: "Busy", Params: "sort=name"},
			{OwnerID: anna.ID, Name: "Busy", Params: "sort=-cpu"},
			{OwnerID: anna.ID, Name: "Ours", Params: "q=tag:prod", Shared: true},
			{OwnerID: ben.ID, Name: "Mine", Params: ""},
		} {
			if err := s.SaveView(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.SavedViews(t.Context(), ben.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := []berth.SavedView{{OwnerID: ben.ID, Owner: "ben", Name: "Mine"}, {OwnerID: anna.ID, Owner: "anna", Name: "Ours", Params: "q=tag:prod", Shared: true}}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(berth.SavedView{}, "ID")); diff != "" {
			t.Errorf("ben's views (-want +got):\n%s", diff)
		}
		if err := s.RemoveView(t.Context(), ben.ID, got[1].ID); berth.CodeOf(err) != berth.NotFound {
			t.Errorf("ben removes anna's view: %v, want NotFound", err)
		}
		if err := s.RemoveView(t.Context(), anna.ID, got[1].ID); err != nil {
			t.Error(err)
		}
		if mine, err := s.SavedViews(t.Context(), anna.ID); err != nil || len(mine) != 1 || mine[0].Params != "sort=-cpu" {
			t.Errorf("anna's views are %+v, %v; want the latest Busy only", mine, err)
		}
	})
}

func TestViewNeedsAName(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	if err := s.SaveView(t.Context(), berth.SavedView{OwnerID: addUser(t, s, "anna").ID, Name: "  "}); berth.CodeOf(err) != berth.Invalid {
		t.Errorf("got %v, want Invalid", err)
	}
}

func TestViewsOfOneUserAreBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		anna := addUser(t, s, "anna")
		save := func(n int) error {
			return s.SaveView(t.Context(), berth.SavedView{OwnerID: anna.ID, Name: "view " + strconv.Itoa(n)})
		}
		for n := range 50 {
			if err := save(n); err != nil {
				t.Fatal(err)
			}
		}
		if err := save(50); berth.CodeOf(err) != berth.Conflict {
			t.Errorf("one more gives %v, want Conflict", err)
		}
		if err := save(7); err != nil {
			t.Errorf("to replace one gives %v", err)
		}
	})
}
