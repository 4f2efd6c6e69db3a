package store_test

import (
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestAPITokens(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		ctx, now := t.Context(), &clock{noon}
		o.Now = now.now
		s := storetest.OpenWith(t, o)
		bert, carl := addUser(t, s, "bert"), addUser(t, s, "carl")
		token := berth.APIToken{UserID: bert.ID, User: "bert", Name: "script", Grant: berth.Grant{Role: berth.RoleOperator, Scope: "tag:a"}, ExpiresAt: noon.Add(time.Hour)}
		key := must(s.AddToken(ctx, anna, token))(t)
		if !strings.HasPrefix(key, "berth_") || len(key) != len("berth_")+43 {
			t.Errorf("the key is %q", key)
		}
		for _, kept := range keptText(t, o, "SELECT token_hash FROM api_tokens UNION ALL SELECT details FROM events") {
			if strings.Contains(kept, strings.TrimPrefix(key, "berth_")) {
				t.Error("the key is kept")
			}
		}
		_, err := s.AddToken(ctx, anna, token)
		wantError(t, err, berth.Conflict, "There is already a token called script.")
		admin := token
		admin.Name, admin.Grant.Role = "admin", berth.RoleAdmin
		_, err = s.AddToken(ctx, anna, admin)
		wantError(t, err, berth.Forbidden, "bert is not admin, so a token cannot be.")
		late := token
		late.Name, late.ExpiresAt = "late", noon
		_, err = s.AddToken(ctx, anna, late)
		wantError(t, err, berth.Invalid, "A token expires in the future.")

		used := must(s.UseToken(ctx, key, "10.0.0.1"))(t)
		wantEqual(t, used.Grant, token.Grant)
		now.at = now.at.Add(2 * time.Minute)
		must(s.UseToken(ctx, key, "10.0.0.1"))(t)
		now.at = now.at.Add(2 * time.Minute)
		must(s.UseToken(ctx, key, "10.0.0.2"))(t)
		got := must(s.Tokens(ctx, ""))(t)[0]
		wantEqual(t, got.UsedAddress, "10.0.0.2")
		wantEqual(t, got.UsedAt, now.at)
		wantEqual(t, len(must(s.Tokens(ctx, carl.ID))(t)), 0)
		_, err = s.UseToken(ctx, "berth_guessed", "10.0.0.1")
		wantError(t, err, berth.Unauthenticated, "This API token does not work.")
		now.at = noon.Add(time.Hour)
		_, err = s.UseToken(ctx, key, "10.0.0.2")
		wantError(t, err, berth.Unauthenticated, "This API token does not work.")
		theirs := got
		theirs.UserID = carl.ID
		wantError(t, s.RevokeToken(ctx, anna, theirs), berth.NotFound, "There is no such token.")
		ok(t, s.RevokeToken(ctx, anna, got))
		wantEqual(t, actions(must(s.Events(ctx, store.EventFilter{}, "", 10))(t)), []string{"token.revoke", "token.expired", "token.address", "token.address", "token.add", "user.add", "user.add"})
	})
}
