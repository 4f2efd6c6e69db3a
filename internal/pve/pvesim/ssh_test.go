package pvesim

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// dialNode logs in to a node's SSH port as root.
func dialNode(t *testing.T, s *Sim, node string) *ssh.Client {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.SSHHostKey()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssh.Dial("tcp", s.NodeSSHAddr(node), &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.Password("berth-demo")}, HostKeyCallback: ssh.FixedHostKey(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// remote runs a command line and returns its outputs and exit status.
func remote(t *testing.T, c *ssh.Client, line, stdin string) (stdout, stderr string, status int) {
	t.Helper()
	sess, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	var out, errs bytes.Buffer
	sess.Stdout, sess.Stderr, sess.Stdin = &out, &errs, strings.NewReader(stdin)
	if err := sess.Run(line); err != nil {
		exit, is := err.(*ssh.ExitError)
		if !is {
			t.Fatalf("%s: %v", line, err)
		}
		status = exit.ExitStatus()
	}
	return out.String(), errs.String(), status
}

func TestPctOverSSH(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	if err := s.StartSSH("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c := dialNode(t, s, "pve1")
	tests := []struct {
		name, line, stdin, want, wantErr string
		status                           int
	}{
		{"exec without a shell", `pct exec 101 -- echo 'a b' '$HOME'`, "", "a b $HOME\n", "", 0},
		{"exec of a script", `pct exec 101 -- sh -c 'echo "$(hostname) $(id -u)"; pwd; exit 4'`, "", "gitea 0\n/\n", "", 4},
		{"input reaches the container", `pct exec 101 -- sh -c 'cat > /root/in && wc -c < /root/in'`, strings.Repeat("x", 70_000), "70000\n", "", 0},
		{"streams stay apart", `pct exec 101 -- sh -c 'echo out; echo err >&2'`, "", "out\n", "err\n", 0},
		{"services of the container listen", `pct exec 101 -- ss -H -ltn | grep -c :3000`, "", "1\n", "", 0},
		{"environment of the caller is kept", `FOO=bar; export FOO; pct exec 101 -- sh -c 'echo $FOO $PATH'`, "", "bar /sbin:/bin:/usr/sbin:/usr/bin\n", "", 0},
		{"environment cleared", `FOO=bar; export FOO; pct exec 101 --keep-env 0 -- sh -c 'echo x$FOO'`, "", "x\n", "", 0},
		{"option parser eats flags without --", `pct exec 101 ls -l`, "", "", "Unknown option: l\n400 unable to parse option\n", 255},
		{"not found", `pct exec 101 -- none`, "", "", "sh: none: command not found\n", 127},
		{"container of another node", `pct exec 102 -- true`, "", "", "Configuration file 'nodes/pve1/lxc/102.conf' does not exist\n", 255},
		{"container that is stopped", `pct exec 125 -- true`, "", "", "container '125' not running!\n", 255},
		{"push and pull", `echo hello > /tmp/f; pct push 101 /tmp/f /etc/greeting --perms 0600 && pct exec 101 -- stat -c %a /etc/greeting && pct pull 101 /etc/greeting /tmp/g && cat /tmp/g`, "", "600\nhello\n", "", 0},
		{"config", `pct config 101 | grep hostname`, "", "hostname: gitea\n", "", 0},
		{"list", `pct list | head -n 2 | tail -n 1 | awk '{print $1, $2}'`, "", "101 running\n", "", 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			out, errs, status := remote(t, c, tc.line, tc.stdin)
			if out != tc.want || errs != tc.wantErr || status != tc.status {
				t.Errorf("got %q, %q, %d; want %q, %q, %d", out, errs, status, tc.want, tc.wantErr, tc.status)
			}
		})
	}
	out, errs, _ := remote(t, dialNode(t, s, "pve2"), `pct exec 108 -- sh -c "docker ps --format '{{.Names}} {{.Ports}}'; ss -H -ltn | grep -c :2283; systemctl is-active docker"`, "")
	if out != "immich 0.0.0.0:2283->2283/tcp\n1\nactive\n" {
		t.Errorf("docker in container 108: %q %q", out, errs)
	}
	kinds := map[string]bool{}
	for _, row := range root(t, s).ok(t, "GET", "/nodes/pve1/tasks").([]any) {
		kinds[fmt.Sprint(row.(map[string]any)["type"])] = true
	}
	if !kinds["push_file"] || !kinds["pull_file"] {
		t.Errorf("tasks of push and pull are missing: %v", kinds)
	}
}

func TestSSHRefusesWrongPasswords(t *testing.T) {
	t.Parallel()
	s := startSim(t, quick())
	if err := s.StartSSH("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	_, err := ssh.Dial("tcp", s.SSHAddr(), &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.Password("wrong")}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err == nil {
		t.Error("login with a wrong password works")
	}
}
