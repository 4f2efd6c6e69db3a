package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// browser asks for pages as browsers do: compressed, signed in, on connections of its own.
type browser struct {
	base   string
	client *http.Client
}

const pageTimeout = 30 * time.Second

// signIn opens a one-time link.
func signIn(ctx context.Context, base, link string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{base: base, client: &http.Client{Jar: jar, Timeout: pageTimeout, Transport: newTransport()}}
	_, err = b.get(ctx, strings.TrimPrefix(link, base))
	return b, err
}

func newTransport() *http.Transport {
	return &http.Transport{DisableCompression: true} // Accept-Encoding is set by hand, so that bytes can be counted
}

// another is one more browser of the same account, on connections of its own.
func (b *browser) another() *browser {
	return &browser{base: b.base, client: &http.Client{Jar: b.client.Jar, Timeout: pageTimeout, Transport: newTransport()}}
}

// page is an answer of Berth.
type page struct {
	wire []byte        // compressed
	took time.Duration // until the last byte
}

func (b *browser) get(ctx context.Context, path string) (page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	start := time.Now()
	response, err := b.client.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	wire, err := io.ReadAll(response.Body)
	p := page{wire: wire, took: time.Since(start)}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return p, err
}

// html is the page as it reads. Only pages that are looked at are decompressed, which is work of other machines.
func (p page) html() string {
	in, err := gzip.NewReader(bytes.NewReader(p.wire))
	if err != nil {
		return ""
	}
	html, err := io.ReadAll(in)
	if err != nil {
		return ""
	}
	return string(html)
}

// waitFor reloads a page until it is as wanted.
func (b *browser) waitFor(ctx context.Context, path string, wanted func(page) bool) error {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	for {
		p, err := b.get(ctx, path)
		if err != nil || wanted(p) {
			return err
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("wait for %s: %w", path, err)
		}
	}
}

// reload asks for the same page n times, one after the other, with a pause between.
func (b *browser) reload(ctx context.Context, path string, n int, pause time.Duration) ([]time.Duration, error) {
	var all []time.Duration
	for range n {
		p, err := b.get(ctx, path)
		if err != nil {
			return nil, err
		}
		all = append(all, p.took)
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
	return all, nil
}

var (
	countPattern = regexp.MustCompile(`data-matching="(\d+)"`)
	rowPattern   = regexp.MustCompile(`data-vmid="(\d+)"\s+data-node="([^"]+)"\s+data-cluster="[^"]+"\s+data-status="(\w+)"`)
	livePattern  = regexp.MustCompile(`hx-sse:connect="([^"]+)"`)
)

// count is how many containers match, as the page says; -1 when it does not.
func (p page) count() int {
	if m := countPattern.FindStringSubmatch(p.html()); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits
		return n
	}
	return -1
}

// fresh tells whether the page shows containers whose state is known now.
func (p page) fresh() bool { return strings.Contains(p.html(), `data-status="running"`) }

// row is a container as a page or the stream shows it.
type row struct {
	vmid         int
	node, status string
}

func rowsOf(html string) []row {
	var rows []row
	for _, m := range rowPattern.FindAllStringSubmatch(html, -1) {
		vmid, _ := strconv.Atoi(m[1]) // digits
		rows = append(rows, row{vmid, m[2], m[3]})
	}
	return rows
}

// livePath is the event stream that the page opens.
func (p page) livePath() (string, error) {
	m := livePattern.FindStringSubmatch(p.html())
	if m == nil {
		return "", fmt.Errorf("the page opens no event stream")
	}
	return strings.ReplaceAll(m[1], "&amp;", "&"), nil
}
