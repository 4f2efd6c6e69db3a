package shell

import (
	"context"
	"io"
	"io/fs"
	"os"

	"mvdan.cc/sh/v3/interp"
)

// open serves redirections.
func (s *session) open(ctx context.Context, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	return s.proc.box.open(absolute(interp.HandlerCtx(ctx), name), flag, perm)
}

func (s *session) stat(ctx context.Context, name string, follow bool) (fs.FileInfo, error) {
	b := s.proc.box
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.tree.find(absolute(interp.HandlerCtx(ctx), name), follow)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s *session) readDir(ctx context.Context, name string) ([]fs.DirEntry, error) {
	b := s.proc.box
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.tree.find(absolute(interp.HandlerCtx(ctx), name), true)
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for _, c := range f.list() {
		out = append(out, c)
	}
	return out, nil
}

// handle is an open file of the box.
type handle struct {
	box  *Box
	name string
	rest []byte // still to be read
	own  *file
}

// open opens a file for reading, writing or appending.
func (b *Box) open(name string, flag int, perm fs.FileMode) (io.ReadWriteCloser, error) {
	if name == "/dev/null" || name == "/dev/tty" || name == "/dev/stdout" || name == "/dev/stderr" {
		return &handle{box: b, name: name}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.tree.find(name, true)
	switch {
	case err != nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: errText("no such file or directory")}
	case err == nil && f.IsDir():
		return nil, &fs.PathError{Op: "open", Path: name, Err: errText("is a directory")}
	case err != nil || flag&os.O_TRUNC != 0:
		if err := b.tree.write(name, nil, perm&0o755); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: errText("no such file or directory")}
		}
		if f, err = b.tree.find(name, true); err != nil {
			return nil, err
		}
	}
	return &handle{box: b, name: name, rest: append([]byte(nil), f.data...), own: f}, nil
}

func (h *handle) Read(p []byte) (int, error) {
	if len(h.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

func (h *handle) Write(p []byte) (int, error) {
	if h.own == nil {
		return len(p), nil
	}
	h.box.mu.Lock()
	defer h.box.mu.Unlock()
	h.own.data = append(h.own.data, p...)
	h.own.changed = h.box.tree.now()
	return len(p), nil
}

func (h *handle) Close() error { return nil }
