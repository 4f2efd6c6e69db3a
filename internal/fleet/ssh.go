package fleet

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"berth"
	"berth/internal/pve"
	"berth/internal/remote"
	"berth/internal/store"
)

// SetUpSSH makes a new key for the nodes of a cluster. The one before does not get Berth in any more.
func SetUpSSH(ctx context.Context, s *store.Store, actor berth.Actor, c berth.Cluster, login string) error {
	private, public, err := remote.NewKey("berth-" + c.Name)
	if err != nil {
		return err
	}
	return s.SetSSH(ctx, actor, c, berth.SSH{Login: login, PublicKey: public}, private)
}

// NodeAddresses gives the SSH addresses of the nodes as the cluster itself names them, "NODE HOST:22". It needs the right to see the
// cluster's status; without it there are none.
func NodeAddresses(ctx context.Context, s *store.Store, c berth.Cluster) ([]string, error) {
	secret, err := s.ClusterSecret(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	client, err := pve.New(pve.Config{Endpoints: c.Endpoints, Token: c.TokenID + "=" + secret, Fingerprint: c.Fingerprint})
	if err != nil {
		return nil, &berth.Error{Code: berth.Invalid, Message: sentence(err.Error())}
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	status, err := client.ClusterStatus(ctx)
	if err != nil {
		return nil, testError(c, err)
	}
	var addresses []string
	for _, m := range status.Members {
		if m.Address != "" {
			addresses = append(addresses, m.Node+" "+net.JoinHostPort(m.Address, "22"))
		}
	}
	slices.Sort(addresses)
	return addresses, nil
}

// ScanHosts asks nodes for their host keys, so that a person can compare them. Each line is "NODE HOST" or "NODE HOST:PORT".
// Returns Invalid or Unavailable.
func ScanHosts(ctx context.Context, lines []string) ([]berth.SSHHost, error) {
	var hosts []berth.SSHHost
	for _, line := range lines {
		node, address, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || node == "" {
			return nil, berth.InvalidFields(map[string]string{"hosts": "Write a node and its address on each line: pve1 192.0.2.11:22."})
		}
		address = strings.TrimSpace(address)
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(strings.Trim(address, "[]"), "22")
		}
		key, fingerprint, err := remote.HostKey(ctx, address)
		if err != nil {
			return nil, &berth.Error{Code: berth.Unavailable, Message: "Node " + node + " at " + address + ": " + sshProblem(err), Err: err}
		}
		hosts = append(hosts, berth.SSHHost{Node: node, Address: address, Key: key, Fingerprint: fingerprint})
	}
	if len(hosts) == 0 {
		return nil, berth.InvalidFields(map[string]string{"hosts": "Name one node at least."})
	}
	return hosts, nil
}

// TestSSH runs pct on every pinned node. Returns the first problem, as Unavailable or Invalid.
func TestSSH(ctx context.Context, s *store.Store, c berth.Cluster) error {
	ssh, private, err := s.SSH(ctx, c)
	if err != nil {
		return err
	}
	if len(ssh.Hosts) == 0 {
		return berth.Errorf(berth.Invalid, "Pin the host keys of the nodes first.")
	}
	command := "pct list"
	if ssh.Login != "root" {
		command = "sudo -n /usr/sbin/pct list"
	}
	for _, h := range ssh.Hosts {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		_, err := remote.Run(ctx, remote.Target{Address: h.Address, Login: ssh.Login, PrivateKey: private, HostKey: h.Key}, command)
		cancel()
		if err != nil {
			return &berth.Error{Code: berth.Unavailable, Message: "Node " + h.Node + ": " + sshProblem(err), Err: err}
		}
	}
	return nil
}

// sshProblem says in plain words why SSH does not work.
func sshProblem(err error) string {
	if wrong, ok := errors.AsType[*remote.HostKeyError](err); ok {
		return "It shows another host key than the pinned one, " + wrong.Got + ". Nothing was sent there. If its key was changed, pin the new one."
	}
	if exit, ok := errors.AsType[*remote.ExitError](err); ok {
		return "The login works, but pct may not be run: " + sentence(exit.Error())
	}
	if strings.Contains(err.Error(), "unable to authenticate") {
		return "It does not let Berth's key in. Run the commands above there."
	}
	return plainProblem(err)
}
