package web

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
)

// lastBlock is an empty block of deflate that says that it is the last one (RFC 1951, 3.2.4).
var lastBlock = []byte{1, 0, 0, 0xff, 0xff}

// zippedPart is a part of pages that is compressed already, because everybody who opens the page gets the same.
type zippedPart struct {
	start    string // how it begins, which nothing else on a page does
	length   int    // in bytes, before compression
	deflated []byte
}

// zipAround compresses a page as one gzip stream (RFC 1952) around a part of it. The part is most of the page, and to
// compress it most of the work. A page without it is compressed as a whole.
func zipAround(page []byte, part zippedPart) []byte {
	before, after := page, []byte(nil)
	if at := bytes.Index(page, []byte(part.start)); part.length > 0 && at >= 0 {
		before, after = page[:at], page[at+part.length:]
	} else {
		part.deflated = nil
	}
	zip := append(append([]byte(nil), gzipHeader...), quick.deflate(before)...)
	zip = append(append(zip, part.deflated...), quick.deflate(after)...)
	zip = append(zip, lastBlock...)
	zip = binary.LittleEndian.AppendUint32(zip, crc32.ChecksumIEEE(page))
	return binary.LittleEndian.AppendUint32(zip, uint32(len(page))) //nolint:gosec // RFC 1952 asks for the size modulo 2^32
}

// writeZipped writes the answer to a request that accepts gzip.
func writeZipped(w http.ResponseWriter, status int, zip []byte) {
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	_, _ = w.Write(zip) // the browser has gone: nobody to tell
}
