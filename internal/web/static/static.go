// Package static embeds what browsers load besides pages: generated css, htmx, small islands, icons.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed *.css *.js *.svg
var files embed.FS

type asset struct {
	plain, gzipped []byte
	contentType    string
	version        string // of its content, so that browsers may keep it for ever
}

var assets = sync.OnceValue(load)

// URL is the address of a file with its version; a name that is not embedded panics, because it is a mistake in a page.
func URL(name string) string {
	a, ok := assets()[name]
	if !ok {
		panic("static: no file " + name)
	}
	return "/static/" + name + "?v=" + a.version
}

// Handler serves the files below /static/.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets()[strings.TrimPrefix(r.URL.Path, "/static/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		if r.URL.Query().Get("v") == a.version {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		body := a.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = a.gzipped
		}
		_, _ = w.Write(body) // the browser has gone: nobody to tell
	})
}

// load reads every embedded file once. Embedded files cannot fail to be read.
func load() map[string]asset {
	loaded := map[string]asset{}
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		plain, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(plain)
		loaded[name] = asset{plain: plain, gzipped: compress(plain),
			contentType: mime.TypeByExtension(path.Ext(name)), version: hex.EncodeToString(sum[:6])}
	}
	return loaded
}

func compress(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	_, _ = w.Write(plain)                                 // a buffer does not fail
	_ = w.Close()
	return b.Bytes()
}
