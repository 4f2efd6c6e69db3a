package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestUserNamesAreUniqueInWhateverCase(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		u := addUser(t, s, "Bert")
		_, err := s.AddUser(ctx, anna, berth.User{Name: "bERT", Role: berth.RoleViewer})
		wantError(t, err, berth.Conflict, "There is already a user called bERT.")
		wantEqual(t, must(s.UserByName(ctx, "BERT"))(t), u)
		wantEqual(t, must(s.UserByID(ctx, u.ID))(t), u)
		wantEqual(t, must(s.Users(ctx))(t), []berth.User{u})
		_, err = s.UserByName(ctx, "carl")
		wantError(t, err, berth.NotFound, "There is no user called carl.")
		_, err = s.UserByID(ctx, "carl")
		wantError(t, err, berth.NotFound, "This user does not exist any more.")
		_, err = s.AddUser(ctx, anna, berth.User{Name: "carl", Role: "king"})
		wantEqual(t, berth.CodeOf(err), berth.Invalid)
	})
}

func TestRemovedUserLosesSessionsAndLinks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		bert, carl := addUser(t, s, "bert"), addUser(t, s, "carl")
		token := must(s.NewSignInLink(ctx, bert.ID, time.Hour))(t)
		commit(t, s, "bert's", bert.ID, time.Hour)
		commit(t, s, "carl's", carl.ID, time.Hour)
		if err := s.RemoveUser(ctx, anna, "BERT"); err != nil {
			t.Fatal(err)
		}
		wantError(t, s.RemoveUser(ctx, anna, "bert"), berth.NotFound, "There is no user called bert.")
		_, err := s.UseSignInLink(ctx, token)
		wantError(t, err, berth.Unauthenticated, "This sign-in link is not known; ask for a new one.")
		wantEqual(t, found(t, s, "bert's"), false)
		wantEqual(t, found(t, s, "carl's"), true)
		wantError(t, s.Sessions().CommitCtx(ctx, "bert's", sessionData(t, bert.ID), time.Now().Add(time.Hour)), berth.Unauthenticated, "This user does not exist any more.")
		wantEqual(t, actions(must(s.Events(ctx, store.EventFilter{}, "", 10))(t)), []string{"user.remove", "user.add", "user.add"})
	})
}

func TestSignInLinkWorksOnceHoweverManyUseItAtOnce(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		one, two := storetest.OpenWith(t, o), storetest.OpenWith(t, o)
		bert := addUser(t, one, "bert")
		token := must(one.NewSignInLink(t.Context(), bert.ID, time.Hour))(t)
		const callers = 8
		errs := make(chan error, callers)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				<-start
				u, err := []*store.Store{one, two}[i%2].UseSignInLink(t.Context(), token)
				if err == nil && u != bert {
					t.Errorf("got user %v, want %v", u, bert)
				}
				errs <- err
			})
		}
		close(start)
		group.Wait()
		close(errs)
		winners := 0
		for err := range errs {
			if err == nil {
				winners++
				continue
			}
			wantError(t, err, berth.Unauthenticated, "This sign-in link was already used; ask for a new one.")
		}
		wantEqual(t, winners, 1)
	})
}

func TestSignInLinkExpires(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		now := &clock{noon}
		o.Now = now.now
		s := storetest.OpenWith(t, o)
		bert := addUser(t, s, "bert")
		early := must(s.NewSignInLink(t.Context(), bert.ID, time.Hour))(t)
		now.at = noon.Add(time.Hour - time.Millisecond)
		wantEqual(t, must(s.UseSignInLink(t.Context(), early))(t), bert)
		late := must(s.NewSignInLink(t.Context(), bert.ID, time.Hour))(t)
		now.at = now.at.Add(time.Hour)
		_, err := s.UseSignInLink(t.Context(), late)
		wantError(t, err, berth.Unauthenticated, "This sign-in link has expired; ask for a new one.")
	})
}

func TestSignInLinkNeedsAUserAndAToken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		_, err := s.NewSignInLink(t.Context(), "nobody", time.Hour)
		wantError(t, err, berth.NotFound, "This user does not exist any more.")
		_, err = s.UseSignInLink(t.Context(), "guessed")
		wantError(t, err, berth.Unauthenticated, "This sign-in link is not known; ask for a new one.")
	})
}

func TestTokensAreKeptOnlyAsHashes(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s := storetest.OpenWith(t, o)
		bert := addUser(t, s, "bert")
		link := must(s.NewSignInLink(t.Context(), bert.ID, time.Hour))(t)
		if len(link) != 43 { // 32 bytes in base64url
			t.Errorf("token %q has %d characters, want 43", link, len(link))
		}
		commit(t, s, "session-token", bert.ID, time.Hour)
		kept := keptText(t, o, "SELECT token_hash FROM sign_in_links UNION ALL SELECT token_hash FROM sessions")
		if len(kept) != 2 || strings.Contains(strings.Join(kept, " "), link) || strings.Contains(strings.Join(kept, " "), "session-token") {
			t.Errorf("kept %q, want two hashes", kept)
		}
	})
}

func keptText(t testing.TB, o store.Options, query string) []string {
	t.Helper()
	rows := must(raw(t, o).QueryContext(context.WithoutCancel(t.Context()), query))(t)
	defer rows.Close()
	var kept []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return kept
}
