package berth

import (
	"regexp"
	"strings"
	"time"
)

// SSH is how Berth runs commands on the nodes of a cluster. It is optional: only what the API of Proxmox VE cannot do
// inside containers takes it. Its private key is not part of it.
type SSH struct {
	Login     string // root, or a user who may run pct with sudo
	PublicKey string // ssh-ed25519 AAAA... comment
	Hosts     []SSHHost
	UpdatedAt time.Time
}

// SSHHost is a node with the key that it must show.
type SSHHost struct {
	Node        string `json:"node"`
	Address     string `json:"address"`     // host:port
	Key         string `json:"key"`         // in the form of authorized_keys; empty: not pinned
	Fingerprint string `json:"fingerprint"` // SHA256:... of it
}

var loginName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// Validate tells what is wrong, as Invalid with a message per field. A login that passes is safe in a shell.
func (s *SSH) Validate() error {
	if !loginName.MatchString(s.Login) {
		return InvalidFields(map[string]string{"login": "A login has small letters, digits, dashes and underscores: root, berth."})
	}
	return nil
}

// Commands gives the commands that let the key in, for a shell of every node as root. A user other than root may run pct and
// nothing else, and nobody can forward ports or agents with the key.
func (s *SSH) Commands() []string {
	line := "restrict " + s.PublicKey
	if s.Login == "root" {
		return []string{"echo '" + line + "' >> /root/.ssh/authorized_keys"}
	}
	home := "/home/" + s.Login
	rules := make([]string, len(sudoRules))
	for i, rule := range sudoRules {
		rules[i] = "/usr/sbin/pct " + rule
	}
	return []string{
		"id " + s.Login + " >/dev/null 2>&1 || useradd --create-home --home-dir " + home + " --shell /bin/sh " + s.Login,
		"install -d -m 700 -o " + s.Login + " -g " + s.Login + " " + home + "/.ssh",
		"echo '" + line + "' > " + home + "/.ssh/authorized_keys",
		"echo '" + s.Login + " ALL=(root) NOPASSWD: " + strings.Join(rules, ", ") + "' > /etc/sudoers.d/berth",
		"chmod 440 /etc/sudoers.d/berth",
	}
}

// sudoRules are the orders of pct that Berth gives. Whoever may run pct exec is root in every container of the node.
var sudoRules = []string{"list", "status *", "config *", "exec *", "push *", "pull *"}
