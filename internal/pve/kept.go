package pve

import (
	"bytes"
	"net"
	"sync/atomic"
	"time"
)

// keptConn lets net/http reuse the connections that the server keeps open although it seems to say otherwise.
//
// Every answer that pveproxy got from pvedaemon carries pvedaemon's own "Connection: close" beside the
// "Connection: Keep-Alive" that pveproxy means (pve-http-server AnyEvent.pm, response). By the rules of HTTP, close wins,
// and every such call would cost a TLS handshake. So the close is taken out of heads that have both.
type keptConn struct {
	certificateEnds time.Time // of the certificate that the server showed
	net.Conn
	expecting atomic.Bool // a request was written and no head of an answer was read yet
	upgraded  atomic.Bool // the connection became a websocket
	pending   []byte      // of a head that was read, and err what came after it; owned by the reader
	err       error
}

const (
	closeLine  = "\r\nConnection: close\r\n"
	keepLine   = "\r\nConnection: Keep-Alive\r\n"
	endOfHead  = "\r\n\r\n"
	httpHead   = "HTTP/1.1 "
	upgrade    = httpHead + "101 "
	maxHeadLen = 64 << 10
)

func (c *keptConn) Write(p []byte) (int, error) {
	if !c.upgraded.Load() {
		c.expecting.Store(true)
	}
	return c.Conn.Write(p)
}

// Read looks at what comes first after a request. net/http waits in Read before it writes, so that the question whether
// an answer is expected must be asked afterwards.
func (c *keptConn) Read(p []byte) (int, error) {
	if len(c.pending) > 0 || c.err != nil {
		return c.handOut(p)
	}
	n, err := c.Conn.Read(p)
	if !bytes.HasPrefix(p[:n], []byte(httpHead)) || !c.expecting.Swap(false) {
		return n, err
	}
	head := bytes.Clone(p[:n])
	for !bytes.Contains(head, []byte(endOfHead)) && err == nil && len(head) < maxHeadLen {
		n, err = c.Conn.Read(p)
		head = append(head, p[:n]...)
	}
	c.upgraded.Store(bytes.HasPrefix(head, []byte(upgrade)))
	c.pending, c.err = mendHead(head), err
	return c.handOut(p)
}

func (c *keptConn) handOut(p []byte) (int, error) {
	n := copy(p, c.pending)
	if c.pending = c.pending[n:]; len(c.pending) > 0 {
		return n, nil
	}
	return n, c.err
}

// mendHead takes the close out of a head that also says Keep-Alive. What follows the head is left alone.
func mendHead(text []byte) []byte {
	end := bytes.Index(text, []byte(endOfHead))
	if end < 0 {
		return text
	}
	head := text[:end+len("\r\n")]
	i := bytes.Index(head, []byte(closeLine))
	if i < 0 || !bytes.Contains(head, []byte(keepLine)) {
		return text
	}
	return append(text[:i:i], text[i+len(closeLine)-len("\r\n"):]...)
}
