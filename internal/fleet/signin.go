package fleet

import (
	"context"
	"errors"

	"berth"
	"berth/internal/pve"
)

// SignIn tells in which groups an account (USER@REALM) of a connected cluster is, if the password, and the code of the second
// factor if there is one, are its own. Otherwise it returns Unauthenticated, without saying what is wrong. Unavailable: the
// cluster cannot be asked now. The account needs no privilege.
func (f *Fleet) SignIn(ctx context.Context, cluster, account, password, code string) (groups []string, err error) {
	if password == "" { // Proxmox VE would call it a bad request
		return nil, errNotTheirs()
	}
	c, err := f.store.ClusterByName(ctx, cluster)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	login := &pve.Login{User: account, Password: password}
	if code != "" {
		login.SecondFactor = func(context.Context, pve.Factors) (string, error) { return code, nil }
	}
	client, err := pve.New(pve.Config{Endpoints: c.Endpoints, Fingerprint: c.Fingerprint, Login: login})
	if err != nil {
		return nil, berth.Errorf(berth.Unauthenticated, "An account of Proxmox VE is named like anna@pve.")
	}
	defer client.Close()
	users, err := client.Users(ctx)
	if err != nil {
		return nil, f.signInError(cluster, err)
	}
	for _, u := range users {
		if u.ID == account {
			return u.Groups, nil
		}
	}
	return nil, nil
}

func (f *Fleet) signInError(cluster string, err error) error {
	switch {
	case errors.Is(err, pve.ErrSecondFactor):
		return berth.Errorf(berth.Unauthenticated, "This account has a second factor: give the code that it shows now, too.")
	case pve.Classify(err).Kind == pve.KindUnauthenticated:
		return errNotTheirs()
	}
	f.log.Warn("cannot ask a cluster who somebody is", "cluster", cluster, "error", err)
	return berth.Errorf(berth.Unavailable, "Cluster %s cannot be asked now; try again in a moment.", cluster)
}

func errNotTheirs() error {
	return berth.Errorf(berth.Unauthenticated, "The name, the password or the code is wrong.")
}
