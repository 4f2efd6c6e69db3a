package shell

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// file is one entry of the in-memory file system: a directory, a file or a symbolic link.
type file struct {
	name     string
	mode     fs.FileMode
	owner    string // "user:group"
	data     []byte
	link     string
	changed  time.Time
	children map[string]*file // of a directory
}

func (f *file) Name() string               { return f.name }
func (f *file) Size() int64                { return int64(len(f.data)) }
func (f *file) Mode() fs.FileMode          { return f.mode }
func (f *file) ModTime() time.Time         { return f.changed }
func (f *file) IsDir() bool                { return f.mode.IsDir() }
func (f *file) Sys() any                   { return nil }
func (f *file) Type() fs.FileMode          { return f.mode.Type() }
func (f *file) Info() (fs.FileInfo, error) { return f, nil }

// tree is the file system. Box.mu guards it; paths are absolute and clean.
type tree struct {
	root *file
	now  func() time.Time
}

func newTree(now func() time.Time) *tree {
	t := &tree{now: now}
	t.root = t.newDir("/")
	return t
}

func (t *tree) newDir(name string) *file {
	return &file{name: name, mode: fs.ModeDir | 0o755, owner: "root:root", changed: t.now(), children: map[string]*file{}}
}

const maxLinks = 20

// find follows a path; the last link is followed only when asked to.
func (t *tree) find(name string, follow bool) (*file, error) {
	f, _, err := t.walk(name, follow, 0)
	return f, err
}

// walk also returns the path without links.
func (t *tree) walk(name string, follow bool, depth int) (*file, string, error) {
	if depth > maxLinks {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: errText("too many levels of symbolic links")}
	}
	at, real := t.root, "/"
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		next := at.children[part]
		if !at.IsDir() || next == nil {
			return nil, "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if next.link != "" && (follow || i < len(parts)-1) {
			target := next.link
			if !path.IsAbs(target) {
				target = path.Join(real, target)
			}
			return t.walk(path.Join(target, strings.Join(parts[i+1:], "/")), follow, depth+1)
		}
		at, real = next, path.Join(real, part)
	}
	return at, real, nil
}

type errText string

func (e errText) Error() string { return string(e) }

// dirOf finds the directory that holds name.
func (t *tree) dirOf(name string) (*file, error) {
	d, err := t.find(path.Dir(name), true)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if !d.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errText("not a directory")}
	}
	return d, nil
}

// put makes or replaces an entry.
func (t *tree) put(name string, f *file) error {
	d, err := t.dirOf(name)
	if err != nil {
		return err
	}
	f.name = path.Base(name)
	f.changed = t.now()
	d.children[f.name] = f
	return nil
}

// write sets the content of a file and makes it if needed; an existing one keeps mode and owner.
func (t *tree) write(name string, data []byte, mode fs.FileMode) error {
	if f, real, err := t.walk(name, true, 0); err == nil {
		if f.IsDir() {
			return &fs.PathError{Op: "open", Path: real, Err: errText("is a directory")}
		}
		f.data, f.changed = data, t.now()
		return nil
	}
	return t.put(name, &file{mode: mode, owner: "root:root", data: data})
}

// mkdirs makes a directory and its parents.
func (t *tree) mkdirs(name string) error {
	at := t.root
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == '/' }) {
		next := at.children[part]
		if next != nil && next.link != "" {
			followed, err := t.find(next.link, true)
			if err != nil {
				return err
			}
			next = followed
		}
		if next == nil {
			next = t.newDir(part)
			at.children[part] = next
		}
		if !next.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
		}
		at = next
	}
	return nil
}

// remove takes an entry out, whatever it holds.
func (t *tree) remove(name string) error {
	d, err := t.dirOf(name)
	if err != nil || d.children[path.Base(name)] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(d.children, path.Base(name))
	return nil
}

// list is the sorted content of a directory.
func (f *file) list() []*file {
	out := make([]*file, 0, len(f.children))
	for _, c := range f.children {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *file) int { return strings.Compare(a.name, b.name) })
	return out
}

// clone copies an entry with everything below it.
func (f *file) clone() *file {
	c := *f
	c.data = slices.Clone(f.data)
	if f.children != nil {
		c.children = make(map[string]*file, len(f.children))
		for name, child := range f.children {
			c.children[name] = child.clone()
		}
	}
	return &c
}
