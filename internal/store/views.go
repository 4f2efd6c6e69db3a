package store

import (
	"context"

	"berth"
	"berth/internal/store/sqlc"
)

const mostViews = 50 // of one user

// SetPreference keeps what a user chose under a name.
func (s *Store) SetPreference(ctx context.Context, userID, name, value string) error {
	return s.change(ctx, "keep preference "+name, func(q *sqlc.Queries) error {
		return q.SetPreference(ctx, sqlc.SetPreferenceParams{UserID: userID, Name: name, Value: value})
	})
}

// Preferences gives all that a user chose, by name.
func (s *Store) Preferences(ctx context.Context, userID string) (map[string]string, error) {
	rows, err := s.look().Preferences(ctx, userID)
	if err != nil {
		return nil, explain("read preferences", err)
	}
	preferences := make(map[string]string, len(rows))
	for _, r := range rows {
		preferences[r.Name] = r.Value
	}
	return preferences, nil
}

// SaveView keeps a view under its name; a view of the same owner and name is replaced. Returns Invalid if v does
// not validate, and Conflict if its owner has 50 others.
func (s *Store) SaveView(ctx context.Context, v berth.SavedView) error {
	if err := v.Validate(); err != nil {
		return err
	}
	return s.change(ctx, "save view "+v.Name, func(q *sqlc.Queries) error {
		others, err := q.OtherViews(ctx, sqlc.OtherViewsParams{UserID: v.OwnerID, Name: v.Name})
		if err != nil {
			return err
		}
		if others >= mostViews {
			return berth.Errorf(berth.Conflict, "You have %d views: remove one that you do not need.", mostViews)
		}
		return q.SaveView(ctx, sqlc.SaveViewParams{ID: newID(), UserID: v.OwnerID, Name: v.Name, Params: v.Params, Shared: v.Shared, CreatedAt: millis(s.now())})
	})
}

// SavedViews lists a user's own views and the shared ones, by name.
func (s *Store) SavedViews(ctx context.Context, userID string) ([]berth.SavedView, error) {
	rows, err := s.look().SavedViews(ctx, userID)
	if err != nil {
		return nil, explain("list views", err)
	}
	views := make([]berth.SavedView, len(rows))
	for i, r := range rows {
		views[i] = berth.SavedView{ID: r.ID, OwnerID: r.UserID, Owner: r.Owner, Name: r.Name, Params: r.Params, Shared: r.Shared}
	}
	return views, nil
}

// RemoveView removes a view of its owner. Returns NotFound if the user has no such view.
func (s *Store) RemoveView(ctx context.Context, userID, id string) error {
	return s.change(ctx, "remove view", func(q *sqlc.Queries) error {
		rows, err := q.RemoveView(ctx, sqlc.RemoveViewParams{ID: id, UserID: userID})
		return exactly(rows, err, berth.NotFound, "You have no such view.")
	})
}
