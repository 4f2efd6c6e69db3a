package remote

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"berth/internal/pve/pvesim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node starts the SSH port of a simulated node that lets the key in.
func node(t *testing.T) (t1 Target, fingerprint string) {
	t.Helper()
	private, public, err := NewKey("berth")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := pvesim.New(pvesim.Options{AuthorizedKeys: []string{public}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	if err := sim.StartSSH("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	line, fingerprint, err := HostKey(t.Context(), sim.SSHAddr())
	if err != nil || line != sim.SSHHostKey() {
		t.Fatalf("the host shows %q (%v), want %q", line, err, sim.SSHHostKey())
	}
	return Target{Address: sim.SSHAddr(), Login: "root", PrivateKey: private, HostKey: line}, fingerprint
}

func TestCommandRunsOnTheNode(t *testing.T) {
	t.Parallel()
	target, _ := node(t)
	out, err := Run(t.Context(), target, "pct list | head -n 1")
	if err != nil || !strings.HasPrefix(out, "VMID") {
		t.Errorf("got %q (%v)", out, err)
	}
}

func TestCommandThatFailsTellsItsStatusAndWords(t *testing.T) {
	t.Parallel()
	target, _ := node(t)
	_, err := Run(t.Context(), target, "echo two >&2; exit 3")
	if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Status != 3 || !strings.Contains(err.Error(), "two") {
		t.Errorf("got %v", err)
	}
}

func TestOtherHostKeyIsRefusedBeforeAnybodyLogsIn(t *testing.T) {
	t.Parallel()
	target, fingerprint := node(t)
	other, _ := node(t)
	target.HostKey = other.HostKey
	_, err := Run(t.Context(), target, "true")
	if wrong, ok := errors.AsType[*HostKeyError](err); !ok || wrong.Got != fingerprint {
		t.Errorf("got %v", err)
	}
}

func TestKeyThatIsNotLetInIsAnError(t *testing.T) {
	t.Parallel()
	target, _ := node(t)
	var err error
	if target.PrivateKey, _, err = NewKey("stranger"); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), target, "true"); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("got %v", err)
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	t.Parallel()
	target, _ := node(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Run(ctx, target, "sleep 600"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHostThatDoesNotListenIsAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := HostKey(t.Context(), l.Addr().String()); err == nil {
		t.Error("nobody is there, and that is no error")
	}
}
