package pvesim

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

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
			st.addTemplate(node, file, size, t.sim.now()).oci = oci
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
		if errors.Is(err, io.EOF) {
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
		return t.locked(func() error { st.addTemplate(node, file, size, t.sim.now()); return nil })
	}), nil
}
