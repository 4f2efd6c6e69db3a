package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"berth/internal/store"
	"berth/internal/store/storetest"
)

// sessionData is what scs would commit for a session of the user.
func sessionData(t testing.TB, userID string) []byte {
	t.Helper()
	return must(scs.GobCodec{}.Encode(noon, map[string]any{store.SessionUser: userID}))(t)
}

func commit(t testing.TB, s *store.Store, token, userID string, lasts time.Duration) {
	t.Helper()
	if err := s.Sessions().CommitCtx(t.Context(), token, sessionData(t, userID), time.Now().Add(lasts)); err != nil {
		t.Fatalf("commit session %s: %v", token, err)
	}
}

func found(t testing.TB, s *store.Store, token string) bool {
	t.Helper()
	_, ok, err := s.Sessions().FindCtx(t.Context(), token)
	if err != nil {
		t.Fatalf("find session %s: %v", token, err)
	}
	return ok
}

func TestSessionsKeepTheContractOfScs(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		now := &clock{noon}
		o.Now = now.now
		s := storetest.OpenWith(t, o)
		ctx, sessions := t.Context(), s.Sessions()
		if all := must(sessions.AllCtx(ctx))(t); all == nil || len(all) != 0 {
			t.Errorf("no sessions: got %v, want an empty map", all)
		}
		wantEqual(t, found(t, s, "unknown"), false)
		if err := sessions.DeleteCtx(ctx, "unknown"); err != nil {
			t.Errorf("delete an unknown session: %v", err)
		}
		commit(t, s, "token", "", time.Hour)
		bert := addUser(t, s, "bert")
		commit(t, s, "token", bert.ID, 2*time.Hour) // overwrites data and expiry
		now.at = noon.Add(time.Hour)
		data, ok, err := sessions.FindCtx(ctx, "token")
		if err != nil || !ok {
			t.Fatalf("find: got %v, %v", ok, err)
		}
		wantEqual(t, data, sessionData(t, bert.ID))
		now.at = noon.Add(2 * time.Hour)
		wantEqual(t, found(t, s, "token"), false)
		wantEqual(t, len(must(sessions.AllCtx(ctx))(t)), 0)
		commit(t, s, "token", bert.ID, 3*time.Hour)
		if err := sessions.DeleteCtx(ctx, "token"); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, found(t, s, "token"), false)
	})
}

func TestSessionManagerEndsTheSessionsOfOneUser(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		bert, carl := addUser(t, s, "bert"), addUser(t, s, "carl")
		commit(t, s, "bert's laptop", bert.ID, time.Hour)
		commit(t, s, "bert's phone", bert.ID, time.Hour)
		commit(t, s, "carl's", carl.ID, time.Hour)
		// Not scs.New: it starts the goroutine of a store in memory.
		manager := scs.SessionManager{Store: s.Sessions(), Codec: scs.GobCodec{}, Lifetime: time.Hour}
		err := manager.Iterate(t.Context(), func(ctx context.Context) error {
			if manager.GetString(ctx, store.SessionUser) != bert.ID {
				return nil
			}
			return manager.Destroy(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, found(t, s, "bert's laptop"), false)
		wantEqual(t, found(t, s, "bert's phone"), false)
		wantEqual(t, found(t, s, "carl's"), true)
	})
}

func TestHandleOfASessionSignsNobodyIn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		commit(t, s, "token", "", time.Hour)
		all := must(s.Sessions().AllCtx(t.Context()))(t)
		wantEqual(t, len(all), 1)
		for handle := range all {
			wantEqual(t, found(t, s, handle), false)
		}
	})
}

func TestExpiredSessionsAndLinksAreDeleted(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		now := &clock{noon}
		o.Now = now.now
		s := storetest.OpenWith(t, o)
		bert := addUser(t, s, "bert")
		commit(t, s, "old", bert.ID, time.Hour)
		commit(t, s, "new", bert.ID, 3*time.Hour)
		must(s.NewSignInLink(t.Context(), bert.ID, time.Hour))(t)
		now.at = noon.Add(2 * time.Hour)
		wantEqual(t, must(s.DeleteExpired(t.Context()))(t), 1)
		wantEqual(t, found(t, s, "new"), true)
		now.at = noon.Add(31 * 24 * time.Hour)
		wantEqual(t, must(s.DeleteExpired(t.Context()))(t), 2)
		wantEqual(t, len(keptText(t, o, "SELECT token_hash FROM sign_in_links UNION ALL SELECT token_hash FROM sessions")), 0)
	})
}
