package shell

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newBox(os string) *Box {
	return New(Spec{Hostname: "web", OS: os, Memory: 1 << 30, Disk: 8 << 30, Cores: 2, Addrs: []string{"10.0.3.7/24"}, Now: time.Now,
		Services: []Service{{Name: "sshd", Port: 22, Running: true, Enabled: true}}})
}

// script runs a text in the box and returns standard output, standard error and the exit status.
func script(t *testing.T, b *Box, text string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = b.Run(t.Context(), Command{Args: []string{"sh", "-c", text}, Env: []string{"HOME=/root", "PATH=/usr/local/bin:/usr/bin:/bin"}, Dir: "/root", Stdout: &out, Stderr: &errs})
	return out.String(), errs.String(), code
}

func TestScripts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, os, script, want string }{
		{"variables, loops and functions", "debian", `greet() { echo "hi $1"; }; for i in 1 2; do greet $i; done; x=$((6*7)); echo $x`, "hi 1\nhi 2\n42\n"},
		{"files with a here-document", "debian", "mkdir -p /opt/app && cat > /opt/app/conf <<'EOF'\nport=80\nEOF\ncat /opt/app/conf; wc -l < /opt/app/conf", "port=80\n1\n"},
		{"directories", "debian", `cd /etc && pwd; cd ..; pwd; (cd /tmp; pwd); pwd; [ -f ./etc/passwd ] && echo here; cd /nowhere 2>/dev/null || echo no`, "/etc\n/\n/tmp\n/\nhere\nno\n"},
		{"relative tests in a deep directory", "debian", `mkdir -p /a/b/c; touch /a/x; cd /a/b/c; [[ -e ../../x ]] && echo up; test -d ../../../etc && echo etc`, "up\netc\n"},
		{"pipes and text tools", "debian", `printf 'b\na\nb\n' | sort | uniq -c | sort -rn | head -n1 | tr -s ' '; echo a:b:c | cut -d: -f2,3; echo hello | tr a-z A-Z`, " 2 b\nb:c\nHELLO\n"},
		{"sed in place", "debian", `printf '#Port 22\nx y\n' > /tmp/f; sed -i -e 's/^#\?Port .*/Port 2222/' -e '$a end' /tmp/f; cat /tmp/f; sed -n 's/\(x\) \(y\)/\2-\1/p' /tmp/f`, "Port 2222\nx y\nend\ny-x\n"},
		{"grep and exit status", "debian", `grep -q root: /etc/passwd && echo found; grep -c nologin /etc/passwd; grep nothing /etc/passwd || echo $?`, "found\n3\n1\n"},
		{"base64 both ways", "debian", `echo -n 'über' | base64 | base64 -d; echo; printf abc | sha256sum | cut -c1-8`, "über\nba7816bf\n"},
		{"command substitution and os-release", "debian", `. /etc/os-release; echo "$ID $(echo $VERSION_CODENAME)"`, "debian bookworm\n"},
		{"errexit stops", "debian", "set -e; false; echo not reached", ""},
		{"trap at exit", "debian", `trap 'echo bye' EXIT; echo hi`, "hi\nbye\n"},
		{"case and globs", "debian", `mkdir /g; touch /g/a.txt /g/b.txt; for f in /g/*.txt; do case $f in *a*) echo A;; *) echo $f;; esac; done`, "A\n/g/b.txt\n"},
		{"nginx on Debian listens", "debian", `apt-get update -qq >/dev/null; DEBIAN_FRONTEND=noninteractive apt-get install -y nginx curl >/dev/null && systemctl is-active nginx && ss -H -lnt | grep -c ':80 ' && curl -fsS http://localhost:80/`, "active\n1\nOK\n"},
		{"unknown package", "debian", `apt-get install -y no-such-thing >/dev/null 2>&1 || echo $?`, "100\n"},
		{"nginx on Alpine waits for rc-service", "alpine", `apk add nginx >/dev/null; ss -H -ltn | grep -c ':80 ' || true; rc-update add nginx default; rc-service nginx start >/dev/null; ss -H -ltn | grep -c ':80 '`, "0\n1\n"},
		{"own unit", "debian", "cat > /etc/systemd/system/app.service <<E\n[Service]\nExecStart=/usr/local/bin/app --port 9000\nE\nprintf '#!/bin/sh\\n' > /usr/local/bin/app; chmod +x /usr/local/bin/app; systemctl daemon-reload; systemctl enable --now app; ss -H -lntp | grep -o 'app'; systemctl list-units --type=service --state=running --no-legend --plain | cut -d' ' -f1", "app\napp.service\nsshd.service\n"},
		{"unit whose program is missing", "debian", "printf '[Service]\\nExecStart=/opt/none\\n' > /etc/systemd/system/bad.service; systemctl start bad 2>/dev/null || echo failed; systemctl is-active bad", "failed\ninactive\n"},
		{"users and owners", "debian", `useradd -r -m -d /srv/app app && touch /srv/app/f && chown -R app:app /srv/app && stat -c '%U:%G %a' /srv/app/f; id -u app >/dev/null && echo known; useradd app 2>/dev/null || echo $?`, "app:app 644\nknown\n9\n"},
		{"docker compose", "debian", "apt-get install -y docker.io >/dev/null; mkdir -p /srv/x; cd /srv/x; cat > compose.yaml <<'E'\nservices:\n  web:\n    image: nginx:1\n    ports:\n      - \"8080:80\"\nE\ndocker compose up -d 2>/dev/null; docker ps --format '{{.Names}} {{.Image}} {{.Ports}}'; ss -H -lnt | grep -c 8080", "web nginx:1 0.0.0.0:8080->80/tcp\n1\n"},
		{"scripts run scripts", "debian", "printf '#!/bin/bash\\necho \"got $1\"; exit 3\\n' > /root/s.sh; chmod +x s.sh; ./s.sh x; echo $?; bash /root/s.sh y; sh -c 'echo $0 $1' a b", "got x\n3\ngot y\na b\n"},
		{"command lookup", "debian", `command -v bash; command -v nothing || echo none; which apk || echo none`, "/usr/bin/bash\nnone\nnone\n"},
		{"scripts from the internet", "debian", `apt-get install -y curl >/dev/null; curl -fsSL https://get.docker.com | sh >/dev/null && systemctl is-active docker; curl -fsSL https://deb.nodesource.com/setup_22.x | bash -; wget -qO- https://example.org/x.sh | sh && echo fine; curl -s https://api.github.com/repos/a/b/releases/latest | grep -o 'v[0-9.]*' | head -n1`, "active\nfine\nv1.0.0\n"},
		{"timeout", "debian", `timeout 0.05 sh -c 'until ss -ltn | grep -q :9; do sleep 0.01; done'; echo $?; timeout 5 echo quick`, "124\nquick\n"},
		{"find and modes", "debian", `mkdir -p /d/e; touch /d/a.txt /d/e/b.txt; find /d -name '*.txt' -type f; chmod u=rwx,go= /d/a.txt; stat -c '%a' /d/a.txt; chmod -R a+X /d; find /d -type d -maxdepth 1; find /d -name b.txt -delete; ls /d/e`, "/d/a.txt\n/d/e/b.txt\n700\n/d\n/d/e\n"},
		{"links", "debian", `echo x > /opt/v1; ln -s /opt/v1 /opt/current; cat /opt/current; readlink -f /opt/current; ln -sfn /opt/v2 /opt/current; readlink /opt/current; [ -L /opt/current ] && echo link; ls -l /opt | grep -c current`, "x\n/opt/v1\n/opt/v2\nlink\n1\n"},
		{"copy, move, remove", "debian", `mkdir -p /s/t; echo 1 > /s/t/f; cp -r /s /copy; cp -a /s/. /into 2>/dev/null || { mkdir /into; cp -a /s/. /into; }; mv /s/t/f /s/g; cat /copy/t/f /into/t/f /s/g; rm -rf /s; ls /s 2>/dev/null || echo gone; cp /none /x 2>/dev/null || echo $?`, "1\n1\n1\ngone\n1\n"},
		{"head and tail", "debian", `seq 1 20 > /n; head -n 2 /n; tail -n 1 /n; tail -n +19 /n; head -n -18 /n; head -c 3 /n; tail -c 3 /n`, "1\n2\n20\n19\n20\n1\n2\n1\n220\n"},
		{"xargs", "debian", `printf 'a b\nc\n' | xargs echo; printf 'x\ny\n' | xargs -I{} echo '<{}>'; printf '1 2' | xargs -n1 echo`, "a b c\n<x>\n<y>\n1\n2\n"},
		{"checksums", "debian", `echo hi > /f; sha256sum /f > /sum; sha256sum -c /sum; echo ho > /f; sha256sum -c /sum || echo $?; md5sum /f | cut -c1-6`, "/f: OK\n/f: FAILED\n1\n79e7e2\n"},
		{"sed addresses", "debian", `seq 1 6 | sed -n '2,3p'; seq 1 6 | sed '/3/,/5/d'; printf 'a\nb\n' | sed '/a/a after' | sed 's/B/X/I'; seq 3 | sed '2!d'; seq 3 | sed '$!d'; echo a/b | sed 's|/|-|g;s/a/&&/'`, "2\n3\n1\n2\n6\na\nafter\nX\n2\n3\naa-b\n"},
		{"apt queries", "debian", `apt-get install -y jq >/dev/null; dpkg -s jq | grep Status; dpkg-query -W -f='${Version}' jq; echo; apt-get remove -y jq >/dev/null; dpkg -s jq >/dev/null 2>&1 || echo removed; dpkg --print-architecture`, "Status: install ok installed\n1.7.1\nremoved\namd64\n"},
		{"fedora", "fedora", `dnf install -y nginx >/dev/null && systemctl is-active nginx; systemctl start nginx && systemctl is-active nginx; rpm -q nginx >/dev/null && echo known`, "inactive\nactive\nknown\n"},
		{"python and node", "debian", `apt-get install -y python3-venv nodejs npm >/dev/null; python3 -m venv /opt/v && . /opt/v/bin/activate && pip install flask==3 && npm install -g pm2 >/dev/null && command -v pm2; cd /opt && npm install >/dev/null && ls`, "Successfully installed flask==3\n/usr/local/bin/pm2\nnode_modules\nv\n"},
		{"docker by hand", "debian", `apt-get install -y docker.io >/dev/null; docker run -d --name web -p 127.0.0.1:8081:80 nginx:1 >/dev/null; docker run --name web nginx 2>/dev/null || echo $?; docker stop web; ss -H -ltn | grep -c 8081; docker ps -aq | wc -l; docker rm web; systemctl stop docker; docker ps 2>/dev/null || echo down`, "125\nweb\n0\n1\nweb\ndown\n"},
		{"openrc", "alpine", `apk add redis >/dev/null; rc-service redis start; rc-service redis status; rc-status | grep -c started; rc-service none start 2>/dev/null || echo $?`, " * starting redis ... [ ok ]\n * status: started\n2\n1\n"},
		{"journal", "debian", `logger hello there; journalctl -n 1 --no-pager | grep -o 'hello there'; systemctl restart sshd; journalctl -u sshd -n 5 | grep -c Started; systemctl show sshd -p ActiveState --value`, "hello there\n1\nactive\n"},
		{"users", "alpine", `adduser -D -h /srv/app app; id app >/dev/null && getent passwd app | cut -d: -f6; [ -d /srv/app ] && echo home; deluser app; id app 2>/dev/null || echo gone; echo root:new | chpasswd`, "/srv/app\nhome\ngone\n"},
		{"machine", "debian", `uname -s; uname -m; nproc; free -m | grep -c Mem; df / | tail -n1 | awk '{print $6}'; date -I | wc -c; uptime | grep -c load; ip addr | grep -c 10.0.3.7; basename /a/b.c .c; dirname /a/b.c`, "Linux\nx86_64\n2\n1\n/\n11\n1\n1\nb\n/a\n"},
		{"reading input", "debian", `printf 'a b\nc d\n' | while read -r x y; do echo "$y"; done; echo z | { read v; echo "v=$v"; }`, "b\nd\nv=z\n"},
		{"awk columns", "debian", `printf 'a 1\nb 2\n' | awk '/b/ {print $2}'; hostname -I | awk '{print $1}'; echo x:y | awk -F: '{print $2 "-" $1}'`, "2\n10.0.3.7\ny-x\n"},
		{"not found is 127", "debian", `nothing-here 2>/dev/null; echo $?; /no/where 2>/dev/null; echo $?`, "127\n127\n"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, stderr, _ := script(t, newBox(tc.os), tc.script)
			if got != tc.want {
				t.Errorf("got %q, want %q (standard error: %s)", got, tc.want, stderr)
			}
		})
	}
}

// provisioning is a script of the kind that installs an application.
const provisioning = `#!/usr/bin/env bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
log() { printf '[%s] %s\n' "$(date +%H)" "$*" >&2; }
VERSION="${VERSION:-1.22.0}"
if [[ $EUID -ne 0 ]]; then echo "run as root" >&2; exit 1; fi
. /etc/os-release
case "$ID" in debian|ubuntu) ;; *) log "unsupported $ID"; exit 2;; esac
log "installing packages"
apt-get update -qq
apt-get install -y --no-install-recommends -o Dpkg::Options::="--force-confold" git curl sqlite3 >/dev/null
id gitea &>/dev/null || useradd --system --shell /bin/bash --create-home --home-dir /var/lib/gitea gitea
install -d -o gitea -g gitea -m 0750 /var/lib/gitea/custom /var/lib/gitea/data /etc/gitea
wget -qO /usr/local/bin/gitea "https://dl.gitea.com/gitea/${VERSION}/gitea-linux-amd64"
chmod 0755 /usr/local/bin/gitea
chown -R gitea:gitea /var/lib/gitea
cat > /etc/gitea/app.ini <<EOF
[server]
HTTP_PORT = 3000
DOMAIN = $(hostname)
EOF
sed -i "s/^HTTP_PORT.*/HTTP_PORT = 3300/" /etc/gitea/app.ini
cat > /etc/systemd/system/gitea.service <<'EOF'
[Unit]
Description=Gitea
[Service]
ExecStart=/usr/local/bin/gitea web --port 3300 --config /etc/gitea/app.ini
User=gitea
[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload
systemctl enable --now gitea
for i in $(seq 1 10); do
	if curl -fsS -o /dev/null http://localhost:3300/; then log "up after $i"; break; fi
	sleep 1
done
ss -H -ltn | awk '{print $4}' | grep -q ':3300$' && echo "gitea ${VERSION} listens on 3300"
grep HTTP_PORT /etc/gitea/app.ini | cut -d= -f2 | tr -d ' '
`

func TestProvisioningScriptInstallsAnApplication(t *testing.T) {
	t.Parallel()
	b := newBox("debian")
	if err := b.WriteFile("/root/install.sh", []byte(provisioning), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again changes nothing
		out, stderr, code := script(t, b, "VERSION=1.23.4 ./install.sh")
		if want := "gitea 1.23.4 listens on 3300\n3300\n"; code != 0 || out != want || !strings.Contains(stderr, "up after 1") {
			t.Errorf("got %q, %d, want %q (standard error: %s)", out, code, want, stderr)
		}
	}
	var names []string
	for _, s := range b.Running() {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "gitea sshd" {
		t.Errorf("running services: %s", got)
	}
	alpine := newBox("alpine")
	alpine.WriteFile("/root/install.sh", []byte(provisioning), 0o755)
	if _, _, code := script(t, alpine, "apk add bash >/dev/null; /root/install.sh 2>/dev/null"); code != 2 {
		t.Errorf("on Alpine the script ends with %d, want 2", code)
	}
}

func TestNothingReachesTheHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("host"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBox("debian")
	for _, text := range []string{
		"cat " + secret, "source " + secret, ". " + secret, "read x < " + secret + "; echo $x", "echo new > " + filepath.Join(dir, "new"), "ls " + dir + "/", "cd " + dir + " && pwd",
		"[ -e " + secret + " ] && echo host", "[[ -r " + secret + " ]] && echo host", "test -x /usr/bin/go && echo host", "for f in " + dir + "/*; do [ -e $f ] && echo host; done",
		"cat <(echo host)", "mkdir -p " + dir + "/made", "touch /tmp/sh-interp-1", "TMPDIR=/tmp sh -c 'echo x > /tmp/sh-interp-2'", "command -v " + secret, "exec " + secret, "type " + secret, "echo ~",
	} {
		out, _, _ := script(t, b, text)
		if strings.Contains(out, "host") || strings.Contains(out, dir) {
			t.Errorf("%s shows %q of the host", text, out)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("files on the host: %v %v", left, err)
	}
	for _, name := range []string{"/tmp/sh-interp-1", "/tmp/sh-interp-2"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s was made on the host", name)
		}
	}
}

func TestRebootKeepsFilesAndEnabledServices(t *testing.T) {
	t.Parallel()
	b := newBox("debian")
	script(t, b, "apt-get install -y nginx redis-server >/dev/null; systemctl disable redis-server; echo keep > /root/f; echo lose > /tmp/f")
	b.Rebooted()
	out, _, _ := script(t, b, "cat /root/f; ls /tmp; systemctl is-active nginx; systemctl is-active redis-server")
	if want := "keep\nactive\ninactive\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestCopyIsIndependent(t *testing.T) {
	t.Parallel()
	a := newBox("debian")
	script(t, a, "echo one > /root/f")
	b := a.Copy()
	script(t, b, "echo two > /root/f; systemctl stop sshd")
	outA, _, _ := script(t, a, "cat /root/f; systemctl is-active sshd")
	if outA != "one\nactive\n" {
		t.Errorf("the original changed: %q", outA)
	}
}

func TestInputAndExitStatus(t *testing.T) {
	t.Parallel()
	b := newBox("debian")
	var out bytes.Buffer
	code := b.Run(t.Context(), Command{Args: []string{"sh", "-c", "cat > /root/in; wc -c < /root/in; exit 7"}, Stdin: strings.NewReader(strings.Repeat("x", 100_000)), Stdout: &out})
	if code != 7 || out.String() != "100000\n" {
		t.Errorf("got %d %q, want 7 and 100000", code, out.String())
	}
}

func TestCancelEndsASleepingScript(t *testing.T) {
	t.Parallel()
	b := newBox("debian")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	done := make(chan int)
	go func() {
		done <- b.Run(ctx, Command{Args: []string{"sh", "-c", "printf go; sleep 600"}, Stdout: signal(started)})
	}()
	<-started
	cancel()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("script still sleeps")
	}
}

// signal is a writer that closes a channel at the first write.
type signal chan struct{}

func (s signal) Write(p []byte) (int, error) {
	close(s)
	return len(p), nil
}
