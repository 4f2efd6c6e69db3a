package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth"
	"berth/internal/store/sqlc"
)

// AddSignOn adds a provider with the secret that Berth has there. Returns Invalid, and Conflict if the name is taken.
func (s *Store) AddSignOn(ctx context.Context, actor berth.Actor, p berth.SignOn, secret string) error {
	if err := p.Validate(); err != nil {
		return err
	}
	mapping, err := json.Marshal(p.Mapping)
	if err != nil {
		return err
	}
	p.ID = newID()
	return s.change(ctx, "add provider "+p.Name, func(q *sqlc.Queries) error {
		sealed, err := s.seal(ctx, q, placeSignOnSecret, p.ID, secret)
		if err != nil {
			return err
		}
		rows, err := q.AddSignOn(ctx, sqlc.AddSignOnParams{ID: p.ID, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: sealed,
			GroupsClaim: p.GroupsClaim, Mapping: string(mapping), CreatedAt: millis(s.now())})
		if err := exactly(rows, err, berth.Conflict, "There is already a provider called %s.", p.Name); err != nil {
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "sso.add", Subject: "provider " + p.Name, Details: map[string]string{"issuer": p.Issuer}})
	})
}

// SignOns lists the providers by name.
func (s *Store) SignOns(ctx context.Context) ([]berth.SignOn, error) {
	rows, err := s.look().SignOns(ctx)
	if err != nil {
		return nil, explain("list providers", err)
	}
	providers := make([]berth.SignOn, len(rows))
	for i, r := range rows {
		if providers[i], err = signOnOf(r); err != nil {
			return nil, err
		}
	}
	return providers, nil
}

// SignOn gives the provider of that name, in whatever case, and the secret that Berth has there. Returns NotFound.
func (s *Store) SignOn(ctx context.Context, name string) (p berth.SignOn, secret string, err error) {
	row, err := s.look().SignOnByName(ctx, name)
	if err != nil {
		return p, "", explain("read provider "+name, missing(err, "There is no provider called %s.", name))
	}
	if p, err = signOnOf(row); err != nil {
		return p, "", err
	}
	secret, err = s.unseal(placeSignOnSecret, row.ID, row.ClientSecret)
	return p, secret, err
}

// RemoveSignOn removes a provider. The accounts that came through it stay, without a way to sign in through it, and out of
// the groups that it put them into. Returns NotFound, and Conflict as Give.
func (s *Store) RemoveSignOn(ctx context.Context, actor berth.Actor, name string) error {
	return s.changeAccess(ctx, actor, "remove provider "+name, func(q *sqlc.Queries) error {
		row, err := q.SignOnByName(ctx, name)
		if err != nil {
			return missing(err, "There is no provider called %s.", name)
		}
		if err := q.RemoveMembersOf(ctx, row.ID); err != nil {
			return err
		}
		if _, err := q.RemoveSignOn(ctx, row.ID); err != nil { // identities go with it: ON DELETE CASCADE
			return err
		}
		return s.record(ctx, q, actor, berth.Event{Action: "sso.remove", Subject: "provider " + row.Name})
	})
}

func signOnOf(r sqlc.SignOn) (berth.SignOn, error) {
	p := berth.SignOn{ID: r.ID, Name: r.Name, Issuer: r.Issuer, ClientID: r.ClientID, GroupsClaim: r.GroupsClaim, CreatedAt: fromMillis(r.CreatedAt)}
	if err := json.Unmarshal([]byte(r.Mapping), &p.Mapping); err != nil {
		return p, fmt.Errorf("read the groups of provider %s: %w", r.Name, err)
	}
	return p, nil
}

// Identity is somebody as a provider knows them.
type Identity struct {
	Subject string // the provider's own id for them
	Name    string // that they would like to have
	Groups  []string
}

// UserOf gives the account of somebody whom a provider has sent, and makes one the first time; nobody gets the account of
// somebody else because of a name. Membership in the groups of the provider's mapping is as the provider says; what an admin
// has said stays. Returns Forbidden to somebody new who is in none of these groups.
func (s *Store) UserOf(ctx context.Context, p berth.SignOn, who Identity) (berth.User, error) {
	var user berth.User
	err := s.change(ctx, "sign in through "+p.Name, func(q *sqlc.Queries) error {
		id, err := q.UserOfIdentity(ctx, sqlc.UserOfIdentityParams{ProviderID: p.ID, Subject: who.Subject})
		if berth.CodeOf(missing(err, "new")) == berth.NotFound {
			id, err = s.newIdentity(ctx, q, p, who)
		}
		if err != nil {
			return err
		}
		if err := joinAsTold(ctx, q, p, id, who.Groups); err != nil {
			return err
		}
		row, err := q.UserByID(ctx, id)
		user = userOf(row)
		return err
	})
	return user, err
}

func (s *Store) newIdentity(ctx context.Context, q *sqlc.Queries, p berth.SignOn, who Identity) (userID string, err error) {
	if !slices.ContainsFunc(who.Groups, func(group string) bool { return p.Mapping[group] != "" }) {
		return "", berth.Errorf(berth.Forbidden, "%s knows you, but none of your groups there may use this Berth.", p.Name)
	}
	u := berth.User{ID: newID(), CreatedAt: fromMillis(millis(s.now()))}
	for _, name := range []string{who.Name, who.Name + "@" + p.Name} {
		u.Name = name
		if err := u.Validate(); err != nil {
			return "", err
		}
		err := s.addUser(ctx, q, u)
		if err == nil {
			break
		}
		if berth.CodeOf(err) != berth.Conflict || strings.Contains(name, "@"+p.Name) {
			return "", err
		}
	}
	err = q.AddIdentity(ctx, sqlc.AddIdentityParams{ProviderID: p.ID, Subject: who.Subject, UserID: u.ID})
	by := berth.Actor{ID: u.ID, Name: u.Name, Source: "web"}
	return u.ID, errors.Join(err, s.record(ctx, q, by, berth.Event{Action: "user.add", Subject: "user " + u.Name, Details: map[string]string{"provider": p.Name}}))
}

// joinAsTold makes the user a member of the groups that the provider tells of, and of no others of its mapping.
func joinAsTold(ctx context.Context, q *sqlc.Queries, p berth.SignOn, userID string, groups []string) error {
	wanted := map[string]bool{}
	for theirs, ours := range p.Mapping {
		wanted[ours] = wanted[ours] || slices.Contains(groups, theirs)
	}
	for ours, member := range wanted {
		group, err := q.GroupByName(ctx, ours)
		if berth.CodeOf(missing(err, "gone")) == berth.NotFound {
			continue // the group was removed
		}
		if err != nil {
			return err
		}
		if member {
			_, err = q.AddMember(ctx, sqlc.AddMemberParams{GroupID: group.ID, UserID: userID, Source: p.ID})
		} else {
			err = q.RemoveMemberOf(ctx, sqlc.RemoveMemberOfParams{GroupID: group.ID, UserID: userID, Source: p.ID})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
