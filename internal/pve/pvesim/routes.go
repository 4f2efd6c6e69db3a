package pvesim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// handler answers one call while the world is locked. It returns plain JSON values.
type handler func(*call) (any, error)

// route is one line of the API: which call, who may do it, where it runs, which parameters it takes.
// The lines come from data/schema.json, the handlers from the tables in handlers.go.
type route struct {
	path       string
	world      bool // no login needed
	rootOnly   bool // no permission entry: only root@pam
	check      any  // permission expression
	protected  bool // runs in pvedaemon
	proxy      bool // runs on {node}
	noToken    bool // refuses API tokens
	upload     bool // multipart body, no CSRF token
	properties map[string]*property
	handler    handler
}

//go:embed data/schema.json
var schemaJSON []byte

type schemaLine struct {
	Method, Path, User     string
	Check                  any
	Root, Protected, Proxy int
	NoToken                int `json:"notoken"`
	Parameters             map[string]*property
}

// router finds the route of a request: a tree of path parts, where "{}" is any part and "{volume}" is all the rest.
type router struct {
	children map[string]*router
	name     string // of the variable, for a "{}" child
	methods  map[string]*route
}

// routers are the routes of each release. They never change, so all simulators share them.
var routers = map[release]func() (*router, error){
	{9, 2}: sync.OnceValues(func() (*router, error) { return newRouter(release{9, 2}) }),
	{8, 4}: sync.OnceValues(func() (*router, error) { return newRouter(release{8, 4}) }),
	{7, 4}: sync.OnceValues(func() (*router, error) { return newRouter(release{7, 4}) }),
}

func newRouter(r release) (*router, error) {
	var lines []schemaLine
	if err := json.Unmarshal(schemaJSON, &lines); err != nil {
		return nil, fmt.Errorf("read the API schema: %w", err)
	}
	root := &router{}
	table := handlers()
	for _, l := range lines {
		key := l.Method + " " + l.Path
		entry := &route{path: l.Path, world: l.User == "world", rootOnly: l.Root == 1, check: l.Check,
			protected: l.Protected == 1, proxy: l.Proxy == 1, noToken: l.NoToken == 1,
			upload: strings.HasSuffix(l.Path, "/upload"), properties: l.Parameters, handler: table[key]}
		delete(table, key)
		if !r.knows(key) {
			continue
		}
		r.adapt(key, entry)
		if err := compile(entry.properties); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", key, err)
		}
		root.add(l.Method, entry)
	}
	for key := range table {
		return nil, fmt.Errorf("handler for %s has no line in the schema", key)
	}
	return root, nil
}

func (r *router) add(method string, entry *route) {
	at := r
	for _, part := range splitPath(entry.path) {
		key, name := part, ""
		if strings.HasPrefix(part, "{") {
			key, name = "{}", strings.Trim(part, "{}")
		}
		next := at.children[key]
		if next == nil {
			next = &router{name: name}
			if at.children == nil {
				at.children = map[string]*router{}
			}
			at.children[key] = next
		}
		at = next
	}
	if at.methods == nil {
		at.methods = map[string]*route{}
	}
	at.methods[method] = entry
}

// find returns the route of a path and its variables, or nil.
func (r *router) find(method, path string) (*route, map[string]string) {
	at, vars := r, map[string]string{}
	parts := splitPath(path)
	for i, part := range parts {
		next := at.children[part]
		if next == nil {
			next = at.children["{}"]
			if next == nil {
				return nil, vars
			}
			vars[next.name] = part
			if next.name == "volume" {
				vars[next.name] = strings.Join(parts[i:], "/")
				return next.methods[method], vars
			}
		}
		at = next
	}
	return at.methods[method], vars
}

func splitPath(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// release is a Proxmox VE version as major and minor number.
type release struct{ major, minor int }

// versions are the full version numbers behind the releases that Options.Version names.
var versions = map[release]string{{9, 2}: "9.2.11", {8, 4}: "8.4.14", {7, 4}: "7.4-20"}

func parseRelease(text string) (release, error) {
	major, minor, _ := strings.Cut(text, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	r := release{a, b}
	if errA != nil || errB != nil || versions[r] == "" {
		return release{}, fmt.Errorf("unknown Proxmox VE version %q: use 9.2, 8.4 or 7.4", text)
	}
	return r, nil
}

func (r release) before(major, minor int) bool {
	return r.major < major || r.major == major && r.minor < minor
}

func (r release) String() string { return fmt.Sprintf("%d.%d", r.major, r.minor) }

// since names the calls that older releases do not have.
var since = map[string]release{
	"GET /nodes/{node}/lxc/{vmid}/interfaces":                {8, 1},
	"GET /nodes/{node}/lxc/{vmid}/migrate":                   {9, 0},
	"GET /nodes/{node}/query-oci-repo-tags":                  {9, 1},
	"POST /nodes/{node}/storage/{storage}/oci-registry-pull": {9, 1},
	"GET /cluster/bulk-action/guest":                         {9, 1},
	"POST /cluster/bulk-action/guest/start":                  {9, 1},
	"POST /cluster/bulk-action/guest/shutdown":               {9, 1},
	"POST /cluster/bulk-action/guest/suspend":                {9, 1},
	"POST /cluster/bulk-action/guest/migrate":                {9, 1},
}

func (r release) knows(key string) bool {
	first, limited := since[key]
	return !limited || !r.before(first.major, first.minor)
}

// adapt removes the parameters that a release does not know yet.
func (r release) adapt(key string, entry *route) {
	drop := func(names ...string) {
		for _, n := range names {
			delete(entry.properties, n)
		}
	}
	if !strings.Contains(key, "/lxc") {
		return
	}
	if r.before(9, 1) {
		drop("env", "entrypoint", "ha-managed")
		if net := entry.properties["net[n]"]; net != nil {
			delete(net.Properties, "host-managed")
		}
	}
	if r.before(8, 2) {
		drop("overrule-shutdown")
	}
	if r.before(8, 1) {
		drop("dev[n]")
	}
}
