package berth

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayImport is the table of allowed imports between the packages of this module. "berth" is the package of words.
// It carries three promises: no page can wait for Proxmox VE (web and api do not import pve), client and simulator
// cannot share a mistake (pvesim imports nothing of ours), and pve and jobs know nothing of containers as Berth sees them.
var mayImport = map[string][]string{
	"berth":                           {},
	"berth/cmd/berth":                 {"berth", "berth/internal/app", "berth/internal/fleet", "berth/internal/pve/pvesim", "berth/internal/store"},
	"berth/internal/load":             {"berth", "berth/internal/pve/pvesim"},
	"berth/internal/app":              {"berth", "berth/internal/auth", "berth/internal/console", "berth/internal/fleet", "berth/internal/jobs", "berth/internal/live", "berth/internal/store", "berth/internal/web"},
	"berth/internal/web":              {"berth", "berth/internal/auth", "berth/internal/console", "berth/internal/fleet", "berth/internal/live", "berth/internal/store", "berth/internal/web/static", "berth/internal/web/ui"},
	"berth/internal/web/ui":           {"berth/internal/web/static"},
	"berth/internal/web/static":       {},
	"berth/internal/auth":             {"berth", "berth/internal/store"},
	"berth/internal/console":          {"berth"},
	"berth/internal/fleet":            {"berth", "berth/internal/console", "berth/internal/jobs", "berth/internal/live", "berth/internal/pve", "berth/internal/remote", "berth/internal/store"},
	"berth/internal/jobs":             {"berth", "berth/internal/live", "berth/internal/store"},
	"berth/internal/live":             {},
	"berth/internal/store":            {"berth", "berth/internal/store/sqlc"},
	"berth/internal/store/sqlc":       {},
	"berth/internal/pve":              {},
	"berth/internal/remote":           {},
	"berth/internal/pve/pvesim":       {"berth/internal/pve/pvesim/shell"},
	"berth/internal/pve/pvesim/shell": {},
}

// testsMayAlsoImport is what only tests and test rigs may import besides.
var testsMayAlsoImport = []string{"berth/internal/pve/pvesim", "berth/internal/store/storetest", "berth/internal/browsertest", "berth/internal/pve/pvetest", "berth/internal/clocktest"}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, dir := range packageDirs(t) {
		pkg, err := build.Default.ImportDir(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		path := importPath(dir)
		allowed, known := mayImport[path]
		if !known && !isTestRig(path) {
			t.Errorf("package %s is not in the table of imports", path)
			continue
		}
		if isTestRig(path) {
			continue
		}
		for _, imported := range ours(pkg.Imports) {
			if !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which the table does not allow", path, imported)
			}
		}
	}
}

// The root package has the words only: no I/O, nothing but the standard library.
func TestTheWordsDoNoIO(t *testing.T) {
	t.Parallel()
	pkg, err := build.Default.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, imported := range pkg.Imports {
		if strings.Contains(imported, ".") || slices.Contains([]string{"os", "net", "net/http", "database/sql", "io"}, imported) {
			t.Errorf("the root package imports %s", imported)
		}
	}
}

func isTestRig(path string) bool { return slices.Contains(testsMayAlsoImport[1:], path) }

func ours(imports []string) []string {
	return slices.DeleteFunc(slices.Clone(imports), func(path string) bool {
		return path != "berth" && !strings.HasPrefix(path, "berth/")
	})
}

func importPath(dir string) string {
	if dir == "." {
		return "berth"
	}
	return "berth/" + filepath.ToSlash(dir)
}

func packageDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skip := d.Name() == "node_modules" || d.Name() == "testdata" || path == "tools" || len(d.Name()) > 1 && d.Name()[0] == '.'; skip {
				return filepath.SkipDir
			}
			return nil
		}
		if dir := filepath.Dir(path); strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}
