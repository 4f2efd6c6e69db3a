package pve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const startTask = "UPID:pve1:00002C8B:0002765F:6B03A7B9:vzstart:101:root@pam:"

// script answers requests without a network, so that time can be the simulated time of synctest.
type script func(path string, n int) (status string, body string)

func (s script) client(t *testing.T) *Client {
	t.Helper()
	client, err := New(Config{Endpoints: []string{"https://127.0.0.1:8006"}, Token: testToken})
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		path := strings.TrimPrefix(r.URL.Path, "/api2/json")
		calls[path]++
		status, body := s(path, calls[path])
		if status == "" {
			return nil, errors.New("connection refused")
		}
		code := 0
		fmt.Sscan(status, &code)
		return &http.Response{Status: status, StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
	return client
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func ended(exit string) string { return fmt.Sprintf(stopped, exit) }
