package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"berth"
)

// prepareDataDir creates the data directory if it is missing and gives its absolute path.
func prepareDataDir(dir string) (string, error) {
	if dir == "" {
		return "", berth.Errorf(berth.Invalid, "No data directory is given.")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", dirProblem(dir, "cannot be found", err)
	}
	switch info, err := os.Stat(abs); {
	case err == nil && !info.IsDir():
		return "", berth.Errorf(berth.Invalid, "The data directory %s is not a directory: move that file away or choose another data directory.", abs)
	case errors.Is(err, syscall.ENOTDIR):
		return "", berth.Errorf(berth.Invalid, "The data directory %s cannot be created, because a part of its path is a file: choose another data directory.", abs)
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(abs, 0o700); err != nil {
			return "", dirProblem(abs, "cannot be created", err)
		}
	case err != nil:
		return "", dirProblem(abs, "cannot be reached", err)
	}
	if _, err := os.ReadDir(abs); err != nil {
		return "", dirProblem(abs, "cannot be read", err)
	}
	return abs, nil
}

// checkWritable finds out by writing, because permissions, read-only mounts and full disks have no other common test.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".berth-write-*")
	if err != nil {
		return dirProblem(dir, "cannot be written to", err)
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	if err != nil {
		return dirProblem(dir, "cannot be written to", err)
	}
	return nil
}

func dirProblem(dir, what string, err error) error {
	reason := err
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		reason = e.Err
	}
	return &berth.Error{
		Code:    berth.Invalid,
		Message: "The data directory " + dir + " " + what + " (" + reason.Error() + "): give the user that runs Berth access to it or choose another data directory.",
		Err:     err,
	}
}

// publish gives the complete file temp the name path as well, unless another process was faster: its file is kept.
// The new name survives a power cut.
func publish(temp, path string) error {
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
