package console

import "bytes"

const (
	backlogLines = 10_000
	backlogBytes = 4 << 20 // 10,000 lines of 400 bytes, and far more than a viewer may be behind without missing anything
)

// backlog is the latest output of a terminal, its last 4 MiB. The zero value is empty.
type backlog struct {
	text  []byte
	begin int64 // how many bytes came before text
}

// end is how many bytes there have been altogether.
func (b *backlog) end() int64 { return b.begin + int64(len(b.text)) }

// add keeps more output. What is too old goes a tenth at a time, so that adding stays cheap.
func (b *backlog) add(p []byte) {
	b.text = append(b.text, p...)
	if len(b.text) > backlogBytes*11/10 {
		gone := len(b.text) - backlogBytes
		b.text = b.text[:copy(b.text, b.text[gone:])]
		b.begin += int64(gone)
	}
}

// latest is where the last 10,000 lines begin, as far as they are kept. A line that is not kept whole is left out.
func (b *backlog) latest() int64 {
	at := len(b.text)
	for range backlogLines + 1 {
		before := bytes.LastIndexByte(b.text[:at], '\n')
		if before < 0 && b.begin == 0 {
			return 0
		}
		if before < 0 {
			return b.begin + int64(bytes.IndexByte(b.text, '\n')+1)
		}
		at = before
	}
	return b.begin + int64(at+1)
}

// from gives a copy of at most n bytes from a place on, which is kept.
func (b *backlog) from(place int64, n int) []byte {
	rest := b.text[place-b.begin:]
	return bytes.Clone(rest[:min(len(rest), n)])
}
