package pvesim

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// The websocket of PVE's web server (http-server 6.0.5) is pickier than a library would be: client frames must be
// masked, whole and at most 128 KiB; a larger one makes the connection go mute.

const maxFrame = 128 << 10

const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// socket is an upgraded connection.
type socket struct {
	wire *wire
	mu   sync.Mutex // one frame at a time
}

// upgrade answers the handshake.
func (c *call) upgrade() (*socket, error) {
	h := c.req.Header
	if h.Get("Sec-WebSocket-Version") != "13" {
		return nil, &apiError{status: 500, text: "websocket version not supported"}
	}
	sum := sha1.Sum([]byte(h.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %s\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	if p, _, _ := strings.Cut(h.Get("Sec-WebSocket-Protocol"), ","); p != "" {
		fmt.Fprintf(&b, "Sec-WebSocket-Protocol: %s\r\n", strings.TrimSpace(p))
	}
	if _, err := io.WriteString(c.wire.conn, b.String()+"\r\n"); err != nil {
		return nil, errHangUp
	}
	return &socket{wire: c.wire}, nil
}

// wantsUpgrade tells a websocket handshake from a plain GET.
func wantsUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

var errMute = errors.New("frame is too large")

// read returns the payload of the next data frame; pings are answered on the way.
func (s *socket) read() ([]byte, error) {
	for {
		op, data, err := s.frame()
		if err != nil {
			return nil, err
		}
		switch op {
		case opText, opBinary:
			return data, nil
		case opPing:
			if err := s.write(opPong, data); err != nil {
				return nil, err
			}
		case opClose:
			s.write(opClose, data)
			return nil, io.EOF
		}
	}
}

// frame reads one frame and checks what PVE checks.
func (s *socket) frame() (op byte, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(s.wire.in, head[:]); err != nil {
		return 0, nil, err
	}
	op = head[0] & 15
	if head[0]&0x80 == 0 || op == 0 || head[0]&0x70 != 0 || head[1]&0x80 == 0 {
		return 0, nil, errors.New("fragmented, reserved or unmasked frame")
	}
	size := uint64(head[1] & 0x7f)
	switch size {
	case 126:
		var n [2]byte
		_, err = io.ReadFull(s.wire.in, n[:])
		size = uint64(binary.BigEndian.Uint16(n[:]))
	case 127:
		var n [8]byte
		_, err = io.ReadFull(s.wire.in, n[:])
		size = binary.BigEndian.Uint64(n[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if size > maxFrame {
		return 0, nil, errMute
	}
	body := make([]byte, 4+size)
	if _, err := io.ReadFull(s.wire.in, body); err != nil {
		return 0, nil, err
	}
	mask, data := body[:4], body[4:]
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return op, data, nil
}

// write sends one frame.
func (s *socket) write(op byte, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := []byte{0x80 | op}
	switch n := len(data); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	_, err := s.wire.conn.Write(append(head, data...))
	return err
}
