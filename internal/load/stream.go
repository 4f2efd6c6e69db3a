package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// event is one message of an event stream.
type event struct {
	name, data string
	wire       int // compressed bytes since the event before
	at         time.Time
}

// updates tells whether the event changes what the page shows.
func (e event) updates() bool { return e.name == "" && e.data != "" }

// changedRows is how many rows, or only their figures, the event replaces.
func (e event) changedRows() int { return strings.Count(e.data, `hx-target="#c-`) }

// follow opens a page and its event stream, and calls saw with every event until ctx ends. It tells on opened when the
// stream is open.
func (b *browser) follow(ctx context.Context, path string, opened func(), saw func(event)) error {
	body, err := b.openStream(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	opened()
	wire := &counted{from: body}
	zip, err := gzip.NewReader(wire)
	if err == nil {
		err = readEvents(zip, wire, saw)
	}
	return unlessOver(ctx, path, err)
}

// drain is follow for a crowd: what comes is counted and thrown away.
func (b *browser) drain(ctx context.Context, path string, opened func(), got *atomic.Int64) error {
	body, err := b.openStream(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	opened()
	buffer := make([]byte, 4096)
	for {
		n, err := body.Read(buffer)
		got.Add(int64(n))
		if err != nil {
			return unlessOver(ctx, path, err)
		}
	}
}

// unlessOver gives err unless it only tells that ctx has ended.
func unlessOver(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("the event stream of %s ended: %w", path, err)
}

func (b *browser) openStream(ctx context.Context, path string) (io.ReadCloser, error) {
	p, err := b.get(ctx, path)
	if err != nil {
		return nil, err
	}
	live, err := p.livePath()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+live, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	request.Header.Set("Accept", "text/event-stream")
	endless := http.Client{Jar: b.client.Jar, Transport: b.client.Transport}
	response, err := endless.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", live, response.Status)
	}
	return response.Body, nil
}

// counted counts the bytes that are read through it.
type counted struct {
	from io.Reader
	n    int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += n
	return n, err
}

// readEvents reads events until the stream ends, which is always an error.
func readEvents(from io.Reader, wire *counted, saw func(event)) error {
	in := bufio.NewReader(from)
	var e event
	before := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			e.name = value
		case "data":
			e.data += value + "\n"
		case "":
			if line == "\n" && e != (event{}) {
				e.wire, e.at = wire.n-before, time.Now()
				before = wire.n
				saw(e)
				e = event{}
			}
		}
	}
}
