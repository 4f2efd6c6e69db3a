package web

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
)

// hostile is a request of somebody who wants what is not theirs, and the answers that are right.
type hostile struct {
	what   string
	by     *http.Client
	method string
	path   string
	header http.Header
	body   string
	want   []int
}

// battlefield is a site with somebody on it who may do little, and the things of others.
type battlefield struct {
	*site
	eve, admin, nobody *http.Client
	hidden             *berth.Container
	hiddenJob          berth.Job
	revoked, expired   string
	theirSession       string
	theirToken         string
	theirView          string
}

func newBattlefield(t *testing.T) *battlefield {
	t.Helper()
	s := siteWithContainers(t)
	_, hiddens := s.sides()
	b := &battlefield{site: s, hidden: hiddens[0], hiddenJob: s.jobOn(hiddens[1]), nobody: s.as("")}
	b.eve = s.person("eve", berth.Grant{Role: berth.RoleOperator, Scope: scope})
	b.admin = s.person("anna", berth.Grant{Role: berth.RoleAdmin})
	anna, err := s.store.UserByName(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	var token berth.APIToken
	b.revoked, token = s.token("eve", "revoked", berth.Grant{Role: berth.RoleViewer})
	if err := s.store.RevokeToken(t.Context(), berth.Actor{Name: "test"}, token); err != nil {
		t.Fatal(err)
	}
	b.expired = s.expiredToken("eve")
	_, token = s.token("anna", "hers", berth.Grant{Role: berth.RoleAdmin})
	b.theirToken = token.ID
	sessions, err := s.store.SessionsOf(t.Context(), anna.ID, "")
	if err != nil || len(sessions) != 1 {
		t.Fatalf("sessions: %v, %v", sessions, err)
	}
	b.theirSession = sessions[0].Handle
	if err := s.store.SaveView(t.Context(), berth.SavedView{OwnerID: anna.ID, Name: "hers", Params: "q=tag:x"}); err != nil {
		t.Fatal(err)
	}
	views, err := s.store.SavedViews(t.Context(), anna.ID)
	if err != nil || len(views) != 1 {
		t.Fatalf("views: %v, %v", views, err)
	}
	b.theirView = views[0].ID
	return b
}

// expiredToken makes a token and waits until it has expired.
func (s *site) expiredToken(user string) string {
	s.t.Helper()
	u, err := s.store.UserByName(s.t.Context(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	until := clocktest.Now().Add(20 * time.Millisecond)
	key, err := s.store.AddToken(s.t.Context(), berth.Actor{Name: "test"}, berth.APIToken{UserID: u.ID, User: user, Name: "expired", Grant: berth.Grant{Role: berth.RoleViewer}, ExpiresAt: until})
	if err != nil {
		s.t.Fatal(err)
	}
	for !clocktest.Now().After(until) {
		_, err := s.store.UseToken(s.t.Context(), key, "") // something to do until the time has come
		if err != nil && berth.CodeOf(err) != berth.Unauthenticated {
			s.t.Fatal(err)
		}
	}
	return key
}

func (b *battlefield) requests() []hostile {
	return slices.Concat(b.forgedOrigins(), b.thingsOfOthers(), b.badTokens(), b.tooMuchPower(), b.tooLarge(), b.pathTricks(), b.badInput(), b.badCreations(), b.badOrders())
}

// fill makes a path of a route's pattern.
func (b *battlefield) fill(path string) string {
	id := "home:" + strconv.Itoa(b.hidden.VMID)
	if strings.HasPrefix(path, "/jobs/") {
		id = b.hiddenJob.ID
	}
	return strings.NewReplacer("{$}", "", "{id}", id, "{action}", "stop", "{name}", "anna").Replace(path)
}

// forgedOrigins are requests that the page of another site makes with the browser of an admin.
func (b *battlefield) forgedOrigins() (all []hostile) {
	for _, route := range (&Server{}).routes() {
		method, path, found := strings.Cut(route.pattern, " ")
		if !found {
			continue
		}
		forged := []http.Header{{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"cors"}}, {"Origin": {"https://evil.example"}}}
		if method == http.MethodPost {
			forged = append(forged, http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"navigate"}}, http.Header{"Origin": {"null"}})
		}
		for _, header := range forged {
			all = append(all, hostile{"forged origin", b.admin, method, b.fill(path), header, "", []int{403}})
		}
	}
	return all
}

func (b *battlefield) thingsOfOthers() []hostile {
	container, post, get := "/containers/home:"+strconv.Itoa(b.hidden.VMID), http.MethodPost, http.MethodGet
	job := "/jobs/" + b.hiddenJob.ID
	all := []hostile{
		{"session of somebody else", b.eve, post, "/account/sessions/" + b.theirSession + "/end", nil, "", []int{404}},
		{"token of somebody else", b.eve, post, "/account/tokens/" + b.theirToken + "/revoke", nil, "", []int{404}},
		{"view of somebody else", b.eve, post, "/views/" + b.theirView + "/remove", nil, "", []int{404}},
		{"hidden container", b.eve, get, container, nil, "", []int{404}},
		{"hidden container", b.eve, get, container + "/actions", nil, "", []int{404}},
		{"hidden container", b.eve, get, container + "/goes-with", nil, "", []int{404}},
		{"hidden job", b.eve, get, job, nil, "", []int{404}},
		{"hidden job", b.eve, get, job + "/live", nil, "", []int{404}},
		{"hidden job", b.eve, post, job + "/cancel", nil, "", []int{404}},
		{"hidden job", b.eve, post, job + "/retry", nil, "", []int{404}},
		{"hidden container in bulk", b.eve, post, "/bulk", nil, "action=stop&confirmed=1&keys=" + b.hidden.Key(), []int{409}},
		{"hidden containers by query", b.eve, post, "/bulk", nil, "action=stop&confirmed=1&all=1&q=-" + url.QueryEscape(scope), []int{409}},
	}
	for _, action := range []string{"start", "stop", "shutdown", "reboot", "delete", "protection", "onboot", "nonsense"} {
		all = append(all, hostile{"hidden container", b.eve, get, container + "/actions/" + action, nil, "", []int{404}},
			hostile{"hidden container", b.eve, post, container + "/actions/" + action, nil, "on=1&name=" + b.hidden.Hostname, []int{404}})
	}
	for _, q := range []string{"-" + scope, "node:*", "cluster:home", "vmid:1-99999", "is:tracked", `name:"` + b.hidden.Hostname + `"`} {
		for _, path := range []string{"/?q=", "/list?q=", "/refresh?q=", "/palette?q=", "/complete?q="} {
			all = append(all, hostile{"scope escape", b.eve, get, path + url.QueryEscape(q), nil, "", []int{200}})
		}
	}
	return all
}

func (b *battlefield) badTokens() (all []hostile) {
	for _, key := range []string{b.revoked, b.expired, "", "berth_", "berth_guessed", "x" + b.expired, b.expired + "x", strings.Repeat("a", 5000), "berth_' OR 1=1 --", "Bearer", "\x7f"} {
		for _, path := range []string{"/", "/jobs", "/live"} {
			want := []int{401}
			if strings.Contains(key, "\x7f") {
				want = nil
			}
			all = append(all, hostile{"token that does not work", b.nobody, http.MethodGet, path, with(key), "", want})
		}
	}
	// A token that does not work is not helped by a session, so that a program notices.
	all = append(all, hostile{"token beside a session", b.admin, http.MethodGet, "/", with(b.expired), "", []int{401}})
	for _, cookie := range []string{"berth_session=guess", "berth_session=", "berth_session=" + b.theirSession, "berth_session=sha256:" + b.theirSession, "__Host-berth_session=" + b.theirSession, "berth_session=" + strings.Repeat("a", 4000)} {
		all = append(all, hostile{"session that is none", b.nobody, http.MethodGet, "/jobs", http.Header{"Cookie": {cookie}}, "", []int{303}},
			hostile{"session that is none", b.nobody, http.MethodPost, "/refresh", http.Header{"Cookie": {cookie}}, "", []int{401}})
	}
	return all
}

func (b *battlefield) tooMuchPower() (all []hostile) {
	for _, route := range (&Server{}).routes() {
		method, path, _ := strings.Cut(route.pattern, " ")
		if route.needs == admin {
			all = append(all, hostile{"not an admin", b.eve, method, b.fill(path), nil, "name=eve&user=eve&role=admin", []int{403}})
		}
	}
	for _, form := range []string{"name=more&role=admin", "name=more&role=viewer&scope=cpu>1", "name=more&role=king", "name=&role=viewer", "name=more&role=viewer&days=-1", "name=more&role=viewer&days=x", "name=more&role=viewer&days=99999999999"} {
		all = append(all, hostile{"token of more", b.eve, http.MethodPost, "/account/tokens", nil, form, []int{403, 422}})
	}
	for _, form := range []string{"password=a+good+long+one&proof=guess", "password=short", "password=" + strings.Repeat("x", 300), ""} {
		all = append(all, hostile{"password", b.eve, http.MethodPost, "/account/password", nil, form, []int{422, 303}})
	}
	for _, form := range []string{"", "name=anna", "name=anna&password=guess", "name=%00&password=x", "name=%FF%FE&password=x", "name='+OR+1=1--&password=x", "name=anna&password=" + strings.Repeat("x", 10_000)} {
		all = append(all, hostile{"sign-in", b.nobody, http.MethodPost, "/login", nil, form, []int{401}})
	}
	return append(all,
		hostile{"setup after setup", b.nobody, http.MethodGet, "/setup?token=guess", nil, "", []int{409}},
		hostile{"setup after setup", b.nobody, http.MethodPost, "/setup", nil, "token=guess&name=eve&password=a+good+long+one", []int{409}},
		hostile{"code without a password", b.nobody, http.MethodPost, "/login/code", nil, "code=000000", []int{401}},
		hostile{"code without a password", b.nobody, http.MethodGet, "/login/code", nil, "", []int{303}},
		hostile{"link that is none", b.nobody, http.MethodGet, "/login?link=guess", nil, "", []int{401}})
}

func (b *battlefield) tooLarge() (all []hostile) {
	large := "a=" + strings.Repeat("x", maxBody)
	for _, route := range (&Server{}).routes() {
		method, path, _ := strings.Cut(route.pattern, " ")
		if method == http.MethodPost {
			all = append(all, hostile{"large body", b.eve, method, b.fill(path), http.Header{"Expect": {"100-continue"}}, large, []int{413}})
		}
	}
	form := "a=" + strings.Repeat("x", maxFormBytes)
	for _, path := range []string{"/login", "/login/code", "/setup", "/preferences", "/views", "/account/password", "/account/tokens", "/containers/new", "/containers/new/images"} {
		all = append(all, hostile{"large form", b.eve, http.MethodPost, path, nil, form, []int{413}})
	}
	return append(all, hostile{"long query", b.eve, http.MethodGet, "/list?q=" + strings.Repeat("a", 2000), nil, "", []int{422}},
		hostile{"many terms", b.eve, http.MethodGet, "/list?q=" + strings.Repeat("a+", 400), nil, "", []int{422}})
}

func (b *battlefield) pathTricks() (all []hostile) {
	elsewhere := []int{301, 307, 308, 400, 404}
	for _, path := range []string{"/containers/../settings/access", "/static/../settings/access", "/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fetc%2fpasswd",
		"//settings/access", "/./settings/access", "/settings//access", "/SETTINGS/ACCESS", "/settings/access/", "/settings/access%00", "/settings/access;x=y", "//evil.example/", "/%5cevil.example", "/static/", "/static/%00",
		"/containers/home:101/../../settings/access", "/containers/home%3a101%2f..%2f..", "/containers/home:-1", "/containers/home:99999999999999999999", "/containers/:", "/containers/%00:1", "/jobs/..%2faudit", "/jobs/%00",
		"/jobs/'%20OR%201=1", "/.git/config", "/berth.key", "/debug/pprof/", "/metrics", "/api/v1/users"} {
		all = append(all, hostile{"path trick", b.eve, http.MethodGet, path, nil, "", elsewhere})
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodTrace, http.MethodOptions, "PROPFIND"} {
		all = append(all, hostile{"method", b.eve, method, "/settings/access", nil, "", []int{404, 405}},
			hostile{"method", b.eve, method, "/refresh", http.Header{"X-Http-Method-Override": {"POST"}}, "", []int{404, 405}})
	}
	for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "/\r\nSet-Cookie: a=b", "javascript:alert(1)", "/%0d%0aSet-Cookie:a=b", "/\t/evil.example", "///evil.example", "http:evil.example"} {
		all = append(all, hostile{"redirect", b.eve, http.MethodGet, "/login?next=" + url.QueryEscape(next), nil, "", []int{303}})
	}
	return all
}

func (b *battlefield) badInput() (all []hostile) {
	const script = "<script>alert(1)</script>"
	for _, header := range []http.Header{{"X-Forwarded-For": {script}}, {"X-Request-Id": {"a\tb"}}, {"X-Original-Url": {"/settings/access"}}, {"X-Rewrite-Url": {"/settings/access"}}, {"Last-Event-Id": {script}}, {"Referer": {"https://evil.example/"}}, {"Accept-Encoding": {"gzip;q=x"}}, {"Range": {"bytes=0-1,2-3"}}} {
		all = append(all, hostile{"header", b.eve, http.MethodGet, "/jobs", header, "", []int{200}},
			hostile{"header", b.eve, http.MethodGet, "/settings/access", header, "", []int{403}})
	}
	for _, path := range []string{"/?q=" + url.QueryEscape(script), "/list?sort=" + url.QueryEscape(script), "/?group=" + url.QueryEscape(script), "/?columns=" + url.QueryEscape(script), "/palette?q=" + url.QueryEscape(script), "/containers/" + url.PathEscape(script), "/jobs/" + url.PathEscape(script), "/login?link=" + url.QueryEscape(script), "/audit?actor=" + url.QueryEscape(script)} {
		all = append(all, hostile{"script", b.eve, http.MethodGet, path, nil, "", []int{200, 401, 404, 422}})
	}
	return all
}

// badCreations are forms for new containers that nobody should fill in so. None of them makes a job.
func (b *battlefield) badCreations() (all []hostile) {
	const form, images = "/containers/new", "/containers/new/images"
	good := url.Values{"cluster": {"home"}, "node": {"pve1"}, "image": {"local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst"}, "hostname": {"fresh"}, "password": {"correct horse"},
		"cores": {"1"}, "memory": {"512"}, "disk": {"8"}, "storage": {"local-lvm"}, "bridge": {"vmbr0"}, "ipv4": {"dhcp"}}
	but := func(field, value string) string {
		bad := maps.Clone(good)
		bad.Set(field, value)
		return bad.Encode()
	}
	for _, bad := range [][2]string{{"cluster", "far"}, {"cluster", ""}, {"node", "nowhere"}, {"node", "../pve1"}, {"image", "/etc/passwd"}, {"image", ""}, {"image", "local:backup/x"},
		{"hostname", "<script>alert(1)</script>"}, {"hostname", strings.Repeat("a", 300)}, {"hostname", "a\nb"}, {"hostname", ""}, {"password", ""}, {"password", "x"}, {"keys", "no key"},
		{"keys", strings.Repeat("ssh-ed25519 AAAA a\n", 2000)}, {"cores", "-1"}, {"cores", "1e3"}, {"cores", "99999999999999999999"}, {"memory", "-512"}, {"memory", ""}, {"swap", "-1"}, {"disk", "0"}, {"disk", "9999999"},
		{"storage", "local-lvm:100,acl=1"}, {"storage", ""}, {"bridge", "vmbr0,tag=1"}, {"vlan", "4095"}, {"ipv4", "10.0.0.1,gw=10.0.0.2"}, {"ipv6", "fd00::/x"}, {"tags", "Großbuchstaben"}, {"vmid", "1"}, {"vmid", "x"},
		{"vmid", strconv.Itoa(b.hidden.VMID)}, {"key", "' OR 1=1"}} {
		all = append(all, hostile{"form", b.admin, http.MethodPost, form, nil, but(bad[0], bad[1]), []int{422}},
			hostile{"form by htmx", b.admin, http.MethodPost, form, http.Header{"Hx-Request": {"true"}}, but(bad[0], bad[1]), []int{422}})
	}
	all = append(all, hostile{"node out of the scope", b.eve, http.MethodPost, form, nil, but("node", "pve2"), []int{403}},
		hostile{"VMID of a hidden container", b.eve, http.MethodPost, form, nil, but("vmid", strconv.Itoa(b.hidden.VMID)), []int{422}},
		hostile{"job of somebody else", b.eve, http.MethodGet, form + "?again=" + b.hiddenJob.ID, nil, "", []int{404}},
		hostile{"no creation", b.admin, http.MethodGet, form + "?again=" + b.hiddenJob.ID, nil, "", []int{422}},
		hostile{"no job", b.admin, http.MethodGet, form + "?again=%3Cscript%3Ealert", nil, "", []int{404}},
		hostile{"image job of somebody else", b.eve, http.MethodGet, images + "/" + b.hiddenJob.ID, nil, "", []int{404}},
		hostile{"choices of a hidden node", b.eve, http.MethodGet, form + "/choices?cluster=home&node=pve2", nil, "", []int{200}})
	for _, bad := range []string{"", "cluster=home&node=pve1&to=local&appliance=..%2F..%2Fx", "cluster=home&node=pve1&to=..%2Flocal&appliance=debian.tar.zst", "cluster=home&node=nowhere&to=local&appliance=debian.tar.zst", "cluster=far&node=pve1&to=local&appliance=debian.tar.zst"} {
		all = append(all, hostile{"image", b.admin, http.MethodPost, images, nil, bad, []int{422}})
	}
	return append(all, hostile{"image on a hidden node", b.eve, http.MethodPost, images, nil, "cluster=home&node=pve2&to=local&appliance=debian.tar.zst", []int{422}})
}

// TestHostileRequests: every one is refused, or answered with nothing that is not for whoever asks.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	b := newBattlefield(t)
	requests := b.requests()
	if len(requests) < 200 {
		t.Fatalf("%d requests, want at least 200", len(requests))
	}
	t.Logf("%d requests", len(requests))
	jobs := b.count(t)
	for _, h := range requests {
		status, header, body, err := b.send(h)
		if err != nil && h.want == nil {
			continue // the client itself refuses to send it
		}
		if err != nil {
			t.Errorf("%s: %s %.120s: %v", h.what, h.method, h.path, err)
			continue
		}
		name := fmt.Sprintf("%s: %s %.120s %v", h.what, h.method, h.path, h.header)
		if !slices.Contains(h.want, status) {
			t.Errorf("%s gives %d, want %v", name, status, h.want)
		}
		b.lookForLeaks(name, h, header, body)
	}
	if got := b.count(t); got != jobs {
		t.Errorf("there are %d users, jobs, tokens and sessions after, %d before", got, jobs)
	}
}

func (b *battlefield) lookForLeaks(name string, h hostile, header http.Header, body string) {
	b.t.Helper()
	for _, leak := range []string{"goroutine ", "panic", "SQL", "sqlite", ".go:", "/root/", "root:x:", b.theirSession, "<script>alert"} {
		if strings.Contains(body, leak) {
			b.t.Errorf("%s: the answer has %q", name, leak)
		}
	}
	typed, _ := url.QueryUnescape(h.path + h.body) // what somebody typed is on the page again
	if h.by != b.admin && !strings.Contains(typed, b.hidden.Hostname) && strings.Contains(body, b.hidden.Hostname) {
		b.t.Errorf("%s: the answer tells of %s", name, b.hidden.Hostname)
	}
	if to, err := url.Parse(header.Get("Location")); err != nil || to.Host != "" || to.Scheme != "" {
		b.t.Errorf("%s: leads to %q", name, header.Get("Location"))
	}
	for _, cookie := range header.Values("Set-Cookie") {
		if strings.HasPrefix(cookie, "a=") {
			b.t.Errorf("%s: sets the cookie %q", name, cookie)
		}
	}
}

func (b *battlefield) send(h hostile) (status int, header http.Header, body string, err error) {
	request, err := http.NewRequestWithContext(b.t.Context(), h.method, b.url+h.path, strings.NewReader(h.body))
	if err != nil {
		return 0, nil, "", err
	}
	for name, values := range h.header {
		request.Header[name] = values
	}
	if h.body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := h.by.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	if strings.Contains(response.Header.Get("Content-Type"), "event-stream") {
		return response.StatusCode, response.Header, "", nil
	}
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(read), err
}

// count counts what none of the requests may change.
func (b *battlefield) count(t *testing.T) int {
	t.Helper()
	users, err := b.store.AccessList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	grants := len(users.Groups)
	for _, u := range users.Users {
		grants += 1 + len(u.Grants)
	}
	jobs, err := b.store.ActiveJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := b.store.Tokens(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := b.store.Sessions().AllCtx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return grants + len(jobs) + len(tokens) + len(sessions)
}
