// Package ui holds the building blocks of pages: layout, badges, meters, icons. It knows no page.
package ui

import (
	"context"
	"embed"
	"io"
	"strings"
	"sync"

	"github.com/a-h/templ"
)

// The icons are from lucide-static (ISC license), unchanged.
//
//go:embed icons/*.svg
var iconFiles embed.FS

var icons = sync.OnceValue(loadIcons)

// Icon draws a lucide icon in the size and colour of the text around it, hidden from screen readers; the text beside
// it carries the meaning. A name that is not embedded panics, because it is a mistake in a page.
func Icon(name string) templ.Component {
	svg, ok := icons()[name]
	if !ok {
		panic("ui: no icon " + name)
	}
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, svg)
		return err
	})
}

func loadIcons() map[string]string {
	entries, err := iconFiles.ReadDir("icons")
	if err != nil {
		panic(err)
	}
	loaded := map[string]string{}
	for _, entry := range entries {
		file, err := iconFiles.ReadFile("icons/" + entry.Name())
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(entry.Name(), ".svg")
		_, shapes, _ := strings.Cut(string(file), "\n>")
		loaded[name] = `<svg class="icon" aria-hidden="true" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">` +
			strings.Join(strings.Fields(shapes), " ")
	}
	return loaded
}
