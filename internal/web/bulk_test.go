package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"berth"
)

// The largest selection that people make is far more than what other forms may hold.
func TestBulkTakesManyContainers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.as(berth.RoleOperator)
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("home/%d", 100+i)
	}
	response, err := client.PostForm(s.url+"/bulk", url.Values{"action": {"stop"}, "keys": {strings.Join(keys, ",")}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "Not possible for 10000: gone") {
		t.Errorf("10,000 containers are answered with %s %s (%v)", response.Status, body[:min(len(body), 500)], err)
	}
}

// A part of a page that is refused says so as a toast, not as a page within the page.
func TestRefusedPartsAreToasts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.do(s.as(berth.RoleViewer), http.MethodPost, "/bulk", http.Header{"Hx-Request": {"true"}})
	if got.StatusCode != http.StatusForbidden || !strings.HasPrefix(got.body, `<hx-partial hx-target="#toasts"`) || !strings.Contains(got.body, "This needs the role operator") {
		t.Errorf("got %s %s", got.Status, got.body)
	}
}
