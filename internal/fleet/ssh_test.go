package fleet

import (
	"strings"
	"testing"

	"berth"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestSSHIsSetUpPinnedTestedAndForgotten(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		sim := simulate(t, s, pvesim.Options{Nodes: 2})
		if err := sim.StartSSH("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		c := must(s.ClusterByName(ctx, "home"))(t)
		if err := TestSSH(ctx, s, c); berth.CodeOf(err) != berth.NotFound {
			t.Errorf("before it is set up: %v", err)
		}
		if err := SetUpSSH(ctx, s, actor, c, "root; reboot"); berth.CodeOf(err) != berth.Invalid {
			t.Errorf("a login that a shell misreads: %v", err)
		}
		if err := SetUpSSH(ctx, s, actor, c, "root"); err != nil {
			t.Fatal(err)
		}
		if lines := must(NodeAddresses(ctx, s, c))(t); len(lines) != 2 || lines[0] != "pve1 192.0.2.11:22" {
			t.Errorf("the nodes are at %q", lines)
		}
		hosts := must(ScanHosts(ctx, []string{"pve1 " + sim.NodeSSHAddr("pve1"), " pve2  " + sim.NodeSSHAddr("pve2")}))(t)
		if err := s.PinSSHHosts(ctx, actor, c, hosts); err != nil {
			t.Fatal(err)
		}
		if err := TestSSH(ctx, s, c); berth.CodeOf(err) != berth.Unavailable || !strings.Contains(err.Error(), "does not let Berth's key in") {
			t.Errorf("before the key is let in: %v", err)
		}
		ssh, private, err := s.SSH(ctx, c)
		if err != nil || !strings.Contains(private, "PRIVATE KEY") {
			t.Fatal(err)
		}
		for _, line := range ssh.Commands() {
			if !strings.Contains(line, "restrict "+ssh.PublicKey) {
				t.Errorf("the command is %q", line)
			}
		}
		if err := sim.AuthorizeKey("restrict " + ssh.PublicKey); err != nil {
			t.Fatal(err)
		}
		if err := TestSSH(ctx, s, c); err != nil {
			t.Error(err)
		}
		hosts[1].Key = ssh.PublicKey // another one than the node has
		if err := s.PinSSHHosts(ctx, actor, c, hosts); err != nil {
			t.Fatal(err)
		}
		if err := TestSSH(ctx, s, c); err == nil || !strings.Contains(err.Error(), "Node pve2: It shows another host key") {
			t.Errorf("a changed host key: %v", err)
		}
		if _, err := s.RotateKey(ctx, actor); err != nil {
			t.Fatal(err)
		}
		if _, again, err := s.SSH(ctx, c); err != nil || again != private {
			t.Errorf("the key is not the same after the key of the secrets was changed (%v)", err)
		}
		if err := s.RemoveSSH(ctx, actor, c); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.SSH(ctx, c); berth.CodeOf(err) != berth.NotFound {
			t.Errorf("after it was forgotten: %v", err)
		}
	})
}

func TestScanSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for line, code := range map[string]berth.Code{"": berth.Invalid, "pve1": berth.Invalid, "pve1 " + freeAddress(t): berth.Unavailable} {
		if _, err := ScanHosts(t.Context(), []string{line}); berth.CodeOf(err) != code {
			t.Errorf("%q gives %v, want %s", line, err, code)
		}
	}
}

// must gives the value of a call that has to succeed.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
