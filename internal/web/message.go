package web

import (
	"bytes"
	"compress/flate"
	"strings"
	"sync"
)

// message is an event of the stream in wire form, plain and compressed. It is made and compressed once, however many
// browsers get it.
type message struct {
	plain    []byte
	id       string
	deflated func() []byte
}

// newUpdate makes a message that swaps partials into the page; id is what the page then shows, if that is to be remembered.
func newUpdate(id, html string) *message {
	var b strings.Builder
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	writeData(&b, html)
	return newMessage(id, b.String())
}

// newEvent makes a message that the page's own script listens to.
func newEvent(name, data string) *message {
	var b strings.Builder
	b.WriteString("event: " + name + "\n")
	writeData(&b, data)
	return newMessage("", b.String())
}

func newMessage(id, text string) *message {
	m := &message{plain: []byte(text), id: id}
	m.deflated = sync.OnceValue(func() []byte { return small.deflate(m.plain) })
	return m
}

// writeData writes data lines. A carriage return would end a line too, and only occurs in hostile text: as a
// character reference it stays what it is.
func writeData(b *strings.Builder, data string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", "&#13;"), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	b.WriteString("\n")
}

// deflater compresses at one level.
type deflater struct{ writers sync.Pool }

var (
	small = newDeflater(flate.DefaultCompression) // for what is made once and sent to many
	quick = newDeflater(flate.BestSpeed)          // for what is made anew for each request
)

func newDeflater(level int) *deflater {
	return &deflater{sync.Pool{New: func() any {
		w, _ := flate.NewWriter(nil, level) // the level is a valid one
		return w
	}}}
}

// deflate compresses into blocks that refer to nothing before them and end on a byte, so that they fit into the
// middle of any gzip stream.
func (d *deflater) deflate(plain []byte) []byte {
	var b bytes.Buffer
	w := d.writers.Get().(*flate.Writer)
	defer d.writers.Put(w)
	w.Reset(&b)
	_, _ = w.Write(plain) // a buffer does not fail
	_ = w.Flush()
	return b.Bytes()
}

// gzipHeader begins a gzip stream without name and time (RFC 1952); blocks of deflate follow it.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
