package web

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
)

// lastBlock is an empty block of deflate that says that it is the last one (RFC 1951, 3.2.4).
var lastBlock = []byte{1, 0, 0, 0xff, 0xff}

// zipAround compresses a page as one gzip stream (RFC 1952) around a part of it that is compressed already, because
// others show it too. The part is most of the page, and to compress it most of the work. A page without it is compressed as
// a whole.
func zipAround(page, part, deflated []byte) []byte {
	before, after, found := bytes.Cut(page, part)
	if !found {
		deflated = nil
	}
	zip := append(append([]byte(nil), gzipHeader...), quick.deflate(before)...)
	zip = append(append(zip, deflated...), quick.deflate(after)...)
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
