package storetest

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// keeper makes a server in the empty directory $1 with the programs of $2, says "ready", and takes everything away when
// its standard input ends. The input is a pipe from the test process, so it ends with that process however it dies.
// The server listens on a socket in the directory only, so several can run at once. The user postgres comes in without
// a password, everybody else needs one.
const keeper = `
cd "$1" || exit
PATH="$2:$PATH"
trap 'pg_ctl -D data -m immediate stop >/dev/null 2>&1; cd /; rm -rf "$1"' EXIT
exec 2>&1
initdb -D data -U postgres -A trust --no-sync --locale=C --encoding=UTF8 >log || { cat log; exit 1; }
printf 'local all postgres trust\nlocal all all scram-sha-256\n' >data/pg_hba.conf
pg_ctl -D data -l log -w -o "-k '$1' -c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off" start >/dev/null || { cat log; exit 1; }
echo ready
cat >/dev/null
`

// server is a PostgreSQL server for the tests of one process.
type server struct {
	url   string
	input io.Closer // the keeper's input; never closed on purpose, held so that the garbage collector does not either
}

// startServer starts a temporary server. It ends with this process.
func startServer() (*server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(fastDir(), "berth-pg-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", dir, programs)
	if cmd.SysProcAttr, err = notRoot(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := waitReady(out); err != nil {
		return nil, errors.Join(err, cmd.Wait())
	}
	return &server{"postgres://postgres@/postgres?" + url.Values{"host": {dir}}.Encode(), in}, nil
}

// fastDir is memory where there is plenty of it as files: new databases are ten times as quick there as on a busy disk.
// Otherwise it is empty, which means the usual directory for temporary files. Containers often have only 64 MB of such memory.
func fastDir() string {
	const memory, plenty = "/dev/shm", 2 << 30 // bytes
	var free syscall.Statfs_t
	if err := syscall.Statfs(memory, &free); err != nil || free.Bavail*uint64(free.Bsize) < plenty {
		return ""
	}
	return memory
}

func waitReady(out io.Reader) error {
	const ready = "ready\n"
	start := make([]byte, len(ready))
	n, err := io.ReadFull(out, start)
	if err == nil && string(start) == ready {
		return nil
	}
	rest, _ := io.ReadAll(out) // whatever can be had for the message
	return fmt.Errorf("start PostgreSQL: %s%s", start[:n], rest)
}

// findPrograms gives the directory of initdb: that of the PATH, or the newest where Debian keeps it.
func findPrograms() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	newest, version := "", -1
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, p := range found {
		if n, err := strconv.Atoi(strings.Split(p, "/")[4]); err == nil && n > version {
			newest, version = filepath.Dir(p), n
		}
	}
	if newest == "" {
		return "", errors.Join(errors.New("initdb is neither in the PATH nor in /usr/lib/postgresql/*/bin"), err)
	}
	return newest, nil
}

// notRoot gives dir to the user postgres and runs the server as that user if this process is root's, whom PostgreSQL
// refuses. The server gets a session of its own, so that Ctrl-C ends only the tests and the keeper can clean up.
func notRoot(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}
