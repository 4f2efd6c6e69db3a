package pvesim

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"time"
)

// state is what a node knows about a storage right now.
func (st *storage) state(n *node) obj {
	row := obj{"type": st.kind, "content": joinComma(st.content), "enabled": flag(!st.disabled), "shared": flag(st.shared), "active": 0, "total": 0, "used": 0, "avail": 0}
	if !st.broken && !st.disabled {
		used := st.used(n)
		row["active"], row["total"], row["used"], row["avail"] = 1, st.total, used, st.total-used
	}
	return row
}

// nodeStorages is GET /nodes/{node}/storage.
func nodeStorages(c *call) (any, error) {
	out := []obj{}
	for _, st := range c.sim.world.storages {
		if !st.on(c.node) || c.params.truth("enabled") && st.disabled || !c.seesStorage(st) || !st.holdsAny(c.params.list("content")) ||
			c.params.has("storage") && c.params["storage"] != st.id {
			continue
		}
		row := st.state(c.node)
		row["storage"] = st.id
		if row["active"] == 1 {
			row["used_fraction"] = float64(row["used"].(int64)) / float64(st.total)
		}
		out = append(out, row)
	}
	return out, nil
}

func (c *call) seesStorage(st *storage) bool {
	return c.sim.world.allowedAny(c.user, "/storage/"+st.id, "Datastore.Audit", "Datastore.AllocateSpace")
}

// holdsAny is true for an empty wish.
func (st *storage) holdsAny(contents []string) bool {
	for _, c := range contents {
		if st.holds(c) {
			return true
		}
	}
	return len(contents) == 0
}

func storageStatus(c *call) (any, error) {
	st := c.sim.world.storage(c.params["storage"])
	if st == nil {
		return nil, invalidParam("storage", "No such storage.")
	}
	return st.state(c.node), nil
}

// definitions is GET /storage: storage.cfg.
func definitions(c *call) (any, error) {
	out := []obj{}
	for _, st := range c.sim.world.storages {
		if c.seesStorage(st) && (!c.params.has("type") || c.params["type"] == st.kind) {
			out = append(out, st.definition())
		}
	}
	return out, nil
}

func (st *storage) definition() obj {
	row := obj{"storage": st.id, "type": st.kind, "content": joinComma(st.content), "digest": fmt.Sprintf("%040x", hash(3, st.id))}
	switch st.kind {
	case "dir":
		row["path"] = "/mnt/" + st.id
		if st.id == "local" {
			row["path"] = "/var/lib/vz"
		}
	case "lvmthin":
		row["vgname"], row["thinpool"] = "pve", "data"
	case "zfspool":
		row["pool"] = st.id
	case "nfs":
		row["server"], row["export"], row["path"] = "192.0.2.60", "/export/pve", "/mnt/pve/"+st.id
	}
	if st.shared && st.kind != "nfs" {
		row["shared"] = 1
	}
	return row
}

// knownStorage finds the storage of the call; an unknown one is a 500.
func (c *call) knownStorage() (*storage, error) {
	st := c.sim.world.storage(c.params["storage"])
	if st == nil {
		return nil, die("storage '%s' does not exist", c.params["storage"])
	}
	return st, nil
}

func definition(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	return st.definition(), nil
}

// listContent is GET .../content; rows are filtered again by what the caller may do with them.
func listContent(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	if err := st.active(); err != nil {
		return nil, err
	}
	out := []obj{}
	for _, v := range st.sortedVolumes(c.node) {
		wanted := (!c.params.has("content") || v.content == c.params["content"]) && (!c.params.has("vmid") || strconv.Itoa(v.vmid) == c.params["vmid"])
		if wanted && c.seesVolume(st, v) {
			out = append(out, v.row(st))
		}
	}
	return out, nil
}

func (c *call) seesVolume(st *storage, v *volume) bool {
	w, at, owner := &c.sim.world, "/storage/"+st.id, fmt.Sprintf("/vms/%d", v.vmid)
	if w.allowed(c.user, at, "Datastore.Allocate") {
		return true
	}
	switch v.content {
	case "backup":
		return w.allowed(c.user, at, "Datastore.AllocateSpace") && w.allowed(c.user, owner, "VM.Backup")
	case "rootdir":
		return w.allowed(c.user, at, "Datastore.Audit") && w.allowed(c.user, owner, "VM.Config.Disk")
	}
	return true
}

func (v *volume) row(st *storage) obj {
	row := obj{"volid": st.id + ":" + v.name, "content": v.content, "format": v.format, "size": v.size, "ctime": v.made.Unix()}
	switch v.content {
	case "rootdir":
		row["vmid"], row["parent"], row["used"] = v.vmid, nil, v.size/3
	case "backup":
		row["vmid"], row["subtype"] = v.vmid, "lxc"
		if line, _, _ := strings.Cut(v.notes, "\n"); line != "" {
			row["notes"] = line
		}
		if v.protected {
			row["protected"] = 1
		}
	}
	return row
}

// knownVolume finds the volume of the path, "STORE:name" or just the name.
func (c *call) knownVolume() (*storage, *volume, string, error) {
	volid := c.params["volume"]
	if !strings.Contains(volid, ":") {
		volid = c.params["storage"] + ":" + volid
	}
	st, v := c.sim.world.volume(c.node, volid)
	if st == nil {
		id, _, _ := strings.Cut(volid, ":")
		return nil, nil, volid, die("storage '%s' does not exist", id)
	}
	return st, v, volid, nil
}

// mayTouchVolume checks reading and changing of one volume by its kind.
func (c *call) mayTouchVolume(st *storage, volid string) error {
	_, name, _ := strings.Cut(volid, ":")
	at := "/storage/" + st.id
	if !strings.HasPrefix(name, "backup/") {
		if c.sim.world.allowed(c.user, at, "Datastore.Allocate") {
			return nil
		}
		if strings.HasPrefix(name, "vztmpl/") || strings.HasPrefix(name, "iso/") {
			return c.mayAny(at, "Datastore.AllocateSpace", "Datastore.Audit")
		}
		return c.may(at, "Datastore.Allocate")
	}
	if err := c.may(at, "Datastore.AllocateSpace"); err != nil {
		return err
	}
	if c.sim.world.allowed(c.user, at, "Datastore.Allocate") {
		return nil
	}
	return c.may(fmt.Sprintf("/vms/%d", backupOwner(name)), "VM.Backup")
}

func getVolume(c *call) (any, error) {
	st, v, volid, err := c.knownVolume()
	if err != nil {
		return nil, err
	}
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, die("volume '%s' does not exist", volid)
	}
	row := obj{"format": "raw", "size": v.size, "used": v.size, "path": st.pathOf(v)}
	if v.content == "backup" {
		row["protected"] = flag(v.protected)
		if v.notes != "" {
			row["notes"] = v.notes
		}
	}
	return row, nil
}

func (st *storage) pathOf(v *volume) string {
	base := map[string]string{"dir": "/mnt/" + st.id, "nfs": "/mnt/pve/" + st.id}[st.kind]
	if st.id == "local" {
		base = "/var/lib/vz"
	}
	_, file, _ := strings.Cut(v.name, "/")
	switch v.content {
	case "vztmpl":
		return base + "/template/cache/" + file
	case "iso":
		return base + "/template/iso/" + file
	case "backup":
		return base + "/dump/" + file
	}
	return "/dev/" + st.id + "/" + v.name
}

func changeVolume(c *call) (any, error) {
	st, v, volid, err := c.knownVolume()
	if err != nil {
		return nil, err
	}
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, die("volume '%s' does not exist", volid)
	}
	if c.params.has("notes") {
		v.notes = c.params["notes"]
	}
	if c.params.has("protected") {
		v.protected = c.params.truth("protected")
	}
	return nil, nil
}

// deleteVolume is DELETE on a volume: task imgdel; protected ones fail in the task.
func deleteVolume(c *call) (any, error) {
	st, _, volid, err := c.knownVolume()
	if err != nil {
		return nil, err
	}
	_, name, _ := strings.Cut(volid, ":")
	if err := c.mayTouchVolume(st, volid); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(name, "backup/") {
		if err := c.may("/storage/"+st.id, "Datastore.Allocate"); err != nil {
			return nil, err
		}
	}
	id := "@" + st.id
	if owner := backupOwner(name); owner != 0 {
		id = fmt.Sprintf("%d@%s", owner, st.id)
	} else {
		id = st.id
	}
	node := c.node
	return c.start("imgdel", id, func(t *task) error {
		if err := t.pause(t.takes(0.2)); err != nil {
			return err
		}
		return t.locked(func() error { return t.deleteVolume(st, node, name) })
	}), nil
}

func (t *task) deleteVolume(st *storage, n *node, name string) error {
	v := st.set(n)[name]
	switch {
	case v == nil:
		return fmt.Errorf("unable to delete '%s:%s' - volume does not exist", st.id, name)
	case v.protected:
		return fmt.Errorf("cannot remove protected volume '%s' on '%s'", name, st.id)
	}
	delete(st.set(n), name)
	t.lines = append(t.lines, fmt.Sprintf("Removed volume '%s:%s'", st.id, name))
	return nil
}

// catalogue is GET .../aplinfo: the OS images that can be downloaded.
func catalogue(*call) (any, error) {
	images, err := osImages()
	if err != nil {
		return nil, err
	}
	out := []obj{}
	for _, img := range images {
		name, _, _ := strings.Cut(img.file, "_")
		out = append(out, obj{"template": img.file, "package": name, "version": img.version, "os": img.os, "section": "system", "type": "lxc", "headline": img.headline,
			"description": img.headline, "architecture": "amd64", "location": "http://download.proxmox.com/images/system/" + img.file,
			"infopage": "https://linuxcontainers.org", "maintainer": "Proxmox Support Team", "source": "http://download.proxmox.com/images", "sha512sum": fmt.Sprintf("%0128x", hash(5, img.file))})
	}
	return out, nil
}

// downloadTemplate is POST .../aplinfo.
func downloadTemplate(c *call) (any, error) {
	images, err := osImages()
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		if img.file != c.params["template"] {
			continue
		}
		st, err := c.templateStore()
		if err != nil {
			return nil, err
		}
		return c.download("download", img.file, st, img.size), nil
	}
	return nil, invalidParam("template", "no such template")
}

func (c *call) templateStore() (*storage, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	if !st.holds("vztmpl") {
		return nil, die("storage '%s' does not support templates", st.id)
	}
	return st, st.active()
}

// download forks a task that logs progress and leaves a template behind.
func (c *call) download(kind, file string, st *storage, size int64) string {
	oci := kind == "ociregistrypull"
	node := c.node
	return c.start(kind, file, func(t *task) error {
		t.log("downloading %s to %s", file, st.pathOf(&volume{name: "vztmpl/" + file, content: "vztmpl"}))
		for percent := 20; percent <= 100; percent += 20 {
			if err := t.pause(t.takes(0.5)); err != nil {
				return err
			}
			t.log("%10d bytes %3d%%", size*int64(percent)/100, percent)
		}
		t.log("calculating checksum...OK, checksum verified")
		return t.locked(func() error {
			st.addTemplate(node, file, size, time.Now()).oci = oci
			t.lines = append(t.lines, fmt.Sprintf("download of '%s' finished", file))
			return nil
		})
	})
}

// downloadURL fetches from an address: of the simulated internet, where every host but loopback has everything.
func downloadURL(c *call) (any, error) {
	st, err := c.templateStore()
	if err != nil {
		return nil, err
	}
	file, address := c.params["filename"], c.params["url"]
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		return nil, invalidParam("url", "value does not match the regex pattern")
	}
	if c.params["content"] == "vztmpl" && !strings.Contains(file, ".tar") {
		return nil, invalidParam("filename", "wrong file extension")
	}
	if isLoopback(strings.Split(address, "/")[2]) {
		return c.start("download", file, func(t *task) error {
			t.log("downloading %s to %s", address, st.pathOf(&volume{name: "vztmpl/" + file, content: "vztmpl"}))
			return fmt.Errorf("download failed: connection refused")
		}), nil
	}
	return c.download("download", file, st, 100<<20+int64(hash(1, file)%(50<<20))), nil
}

// isLoopback is true for hosts where the simulated internet has nothing.
func isLoopback(host string) bool {
	return strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "localhost") || strings.HasPrefix(host, "[::1]")
}

func urlMetadata(c *call) (any, error) {
	if host := strings.Split(c.params["url"]+"//", "/")[2]; isLoopback(host) {
		return nil, die("invalid server response: '500 Can't connect to %s (Connection refused)'", host)
	}
	parts := strings.Split(c.params["url"], "/")
	return obj{"filename": parts[len(parts)-1], "size": 100<<20 + int64(hash(1, parts[len(parts)-1])%(50<<20)), "mimetype": "application/octet-stream"}, nil
}

func ociTags(*call) (any, error) {
	return []string{"latest", "stable", "1.29", "1.28", "1.27-alpine", "mainline"}, nil
}

// ociPull is POST .../oci-registry-pull: the image lands as a .tar under vztmpl.
func ociPull(c *call) (any, error) {
	st, err := c.templateStore()
	if err != nil {
		return nil, err
	}
	ref := c.params["reference"]
	file := c.params["filename"]
	if file == "" {
		parts := strings.Split(ref, "/")
		file = strings.ReplaceAll(parts[len(parts)-1], ":", "_") + ".tar"
	} else if !strings.HasSuffix(file, ".tar") {
		file += ".tar"
	}
	if st.set(c.node)["vztmpl/"+file] != nil {
		return nil, die("refusing to override existing file '%s'", file)
	}
	return c.download("ociregistrypull", file, st, 60<<20+int64(hash(2, file)%(80<<20))), nil
}

// readUpload reads a multipart body, fields before the file. The file's bytes are counted and dropped. It happens
// before the checks, as in PVE, where the receiving node spools the body first.
func (c *call) readUpload(out params) error {
	_, kind, err := mime.ParseMediaType(c.req.Header.Get("Content-Type"))
	if err != nil || kind["boundary"] == "" {
		return &apiError{status: 501, text: "upload without multipart boundary", plain: true}
	}
	parts := multipart.NewReader(c.req.Body, kind["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return die("upload failed: %v", err)
		}
		if part.FormName() == "filename" {
			out["filename"] = part.FileName()
			if c.uploaded, err = io.Copy(io.Discard, part); err != nil {
				return die("upload failed: %v", err)
			}
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, 4096))
		if err != nil {
			return die("upload failed: %v", err)
		}
		out[part.FormName()] = string(text)
	}
}

// upload is POST .../upload.
func upload(c *call) (any, error) {
	st, err := c.knownStorage()
	if err != nil {
		return nil, err
	}
	file, size, node := c.params["filename"], c.uploaded, c.node
	if c.params["content"] == "vztmpl" && !strings.Contains(file, ".tar.") {
		return nil, invalidParam("filename", "wrong file extension")
	}
	return c.start("imgcopy", "", func(t *task) error {
		t.log("starting file import from: /var/tmp/pveupload-%032x", hash(1, file))
		return t.locked(func() error { st.addTemplate(node, file, size, time.Now()); return nil })
	}), nil
}
