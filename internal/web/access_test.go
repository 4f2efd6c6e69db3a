package web

import (
	"context"
	"html"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/fleet"
	"berth/internal/live"
	"berth/internal/pve/pvesim"
	"berth/internal/store"
)

// about is what a route is about, which decides who may use it besides the role that it needs.
type about string

const (
	aboutNothing   about = "nothing"     // in particular: everybody with the role gets an answer, of what they may see
	aboutContainer about = "a container" // {id} is one
	aboutJob       about = "a job"       // {id} is one
)

// walked is every route and what it is about. A route that is not here fails the walk: whoever adds one says who may use it.
var walked = map[string]struct {
	needs access
	about about
}{
	"GET /{$}":                                  {viewer, aboutNothing},
	"GET /containers":                           {viewer, aboutNothing},
	"GET /nodes":                                {viewer, aboutNothing},
	"GET /nodes/live":                           {viewer, aboutNothing},
	"GET /clusters/new":                         {admin, aboutNothing},
	"POST /clusters/new":                        {admin, aboutNothing},
	"GET /clusters/{name}":                      {viewer, aboutNothing},
	"POST /clusters/{name}/test":                {admin, aboutNothing},
	"POST /clusters/{name}/look":                {admin, aboutNothing},
	"POST /clusters/{name}/pin":                 {admin, aboutNothing},
	"POST /clusters/{name}/token":               {admin, aboutNothing},
	"POST /clusters/{name}/endpoints":           {admin, aboutNothing},
	"POST /clusters/{name}/remove":              {admin, aboutNothing},
	"POST /clusters/{name}/ssh":                 {admin, aboutNothing},
	"POST /clusters/{name}/ssh/scan":            {admin, aboutNothing},
	"POST /clusters/{name}/ssh/pin":             {admin, aboutNothing},
	"POST /clusters/{name}/ssh/test":            {admin, aboutNothing},
	"POST /clusters/{name}/rights":              {admin, aboutNothing},
	"POST /clusters/{name}/ssh/remove":          {admin, aboutNothing},
	"GET /containers/{id}":                      {viewer, aboutContainer},
	"GET /containers/{id}/now":                  {viewer, aboutContainer},
	"GET /containers/{id}/about":                {viewer, aboutContainer},
	"GET /containers/{id}/history":              {viewer, aboutContainer},
	"GET /containers/{id}/events":               {viewer, aboutContainer},
	"GET /containers/{id}/events/now":           {viewer, aboutContainer},
	"GET /containers/{id}/snapshots":            {viewer, aboutContainer},
	"GET /containers/{id}/snapshots/now":        {viewer, aboutContainer},
	"GET /containers/{id}/snapshots/difference": {viewer, aboutContainer},
	"GET /containers/{id}/orders/{action}":      {operator, aboutContainer},
	"POST /containers/{id}/orders/{action}":     {operator, aboutContainer},
	"GET /containers/{id}/backups":              {viewer, aboutContainer},
	"GET /containers/{id}/backups/now":          {viewer, aboutContainer},
	"GET /containers/{id}/backups/running":      {viewer, aboutContainer},
	"GET /containers/{id}/backups/last":         {viewer, aboutContainer},
	"GET /containers/{id}/config":               {viewer, aboutContainer},
	"GET /containers/{id}/config/edit":          {operator, aboutContainer},
	"POST /containers/{id}/config/edit":         {operator, aboutContainer},
	"GET /containers/{id}/config/restore":       {operator, aboutContainer},
	"POST /containers/{id}/config/restore":      {operator, aboutContainer},
	"GET /containers/{id}/config/now":           {viewer, aboutContainer},
	"GET /containers/{id}/actions":              {viewer, aboutContainer},
	"GET /containers/{id}/actions/{action}":     {viewer, aboutContainer},
	"POST /containers/{id}/actions/{action}":    {operator, aboutContainer},
	"POST /containers/{id}/tags":                {operator, aboutContainer},
	"GET /containers/{id}/goes-with":            {operator, aboutContainer},
	"GET /containers/{id}/console":              {viewer, aboutContainer},
	"GET /containers/{id}/console/socket":       {operator, aboutContainer},
	"GET /containers/new":                       {operator, aboutNothing},
	"POST /containers/new":                      {operator, aboutNothing},
	"GET /containers/new/choices":               {operator, aboutNothing},
	"POST /containers/new/images":               {operator, aboutNothing},
	"GET /containers/new/images/{id}":           {operator, aboutJob},
	"POST /bulk":                                {operator, aboutNothing},
	"GET /audit":                                {viewer, aboutNothing},
	"GET /audit/export":                         {viewer, aboutNothing},
	"GET /jobs":                                 {viewer, aboutNothing},
	"GET /jobs/live":                            {viewer, aboutNothing},
	"GET /jobs/{id}":                            {viewer, aboutJob},
	"GET /jobs/{id}/live":                       {viewer, aboutJob},
	"POST /jobs/{id}/cancel":                    {operator, aboutJob},
	"POST /jobs/{id}/retry":                     {operator, aboutJob},
	"GET /list":                                 {viewer, aboutNothing},
	"GET /more":                                 {viewer, aboutNothing},
	"GET /complete":                             {viewer, aboutNothing},
	"GET /palette":                              {viewer, aboutNothing},
	"GET /live":                                 {viewer, aboutNothing},
	"GET /refresh":                              {viewer, aboutNothing},
	"POST /refresh":                             {viewer, aboutNothing},
	"POST /preferences":                         {somebody, aboutNothing},
	"POST /views":                               {somebody, aboutNothing},
	"POST /views/{id}/remove":                   {somebody, aboutNothing},
	"GET /settings/access":                      {admin, aboutNothing},
	"POST /settings/users":                      {admin, aboutNothing},
	"POST /settings/users/{name}/link":          {admin, aboutNothing},
	"POST /settings/users/{name}/remove":        {admin, aboutNothing},
	"POST /settings/groups":                     {admin, aboutNothing},
	"POST /settings/groups/{name}/remove":       {admin, aboutNothing},
	"POST /settings/groups/{name}/members":      {admin, aboutNothing},
	"POST /settings/grants":                     {admin, aboutNothing},
	"GET /account":                              {somebody, aboutNothing},
	"POST /account/password":                    {somebody, aboutNothing},
	"GET /account/second-factor":                {somebody, aboutNothing},
	"POST /account/second-factor":               {somebody, aboutNothing},
	"POST /account/second-factor/prove":         {somebody, aboutNothing},
	"POST /account/second-factor/remove":        {somebody, aboutNothing},
	"POST /account/sessions/{id}/end":           {somebody, aboutNothing},
	"POST /account/tokens":                      {somebody, aboutNothing},
	"POST /account/tokens/{id}/revoke":          {somebody, aboutNothing},
	"GET /login/sso/{name}":                     {anybody, aboutNothing},
	"POST /login/sso/{name}":                    {anybody, aboutNothing},
	"GET /login/sso/{name}/callback":            {anybody, aboutNothing},
	"GET /setup":                                {anybody, aboutNothing},
	"POST /setup":                               {anybody, aboutNothing},
	"POST /login":                               {anybody, aboutNothing},
	"GET /login/code":                           {anybody, aboutNothing},
	"POST /login/code":                          {anybody, aboutNothing},
	"GET /login":                                {anybody, aboutNothing},
	"POST /logout":                              {anybody, aboutNothing},
	"GET /static/":                              {anybody, aboutNothing},
	"/":                                         {anybody, aboutNothing},
}

// scope is where those with a limited role in these tests have it: the containers of one node. The others are hidden.
const scope = "node:pve1"

// siteWithContainers is a site with the containers of a simulated cluster.
func siteWithContainers(t *testing.T) *site { return siteWithContainersAt(t, fleet.DefaultPace()) }

func siteWithContainersAt(t *testing.T, pace fleet.Pace) *site {
	t.Helper()
	s := newSiteAt(t, pace)
	sim, err := pvesim.New(pvesim.Options{Now: clocktest.Now, Containers: 24, Cluster: "home"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	s.sim = sim
	if err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	cluster := berth.Cluster{Name: "home", Endpoints: []string{sim.URL()}, Fingerprint: sim.Fingerprint()}
	if _, err := fleet.Connect(t.Context(), s.store, berth.Actor{Name: "test"}, cluster, sim.Token()); err != nil {
		t.Fatal(err)
	}
	news := s.hub.Subscribe(live.Fleet)
	defer news.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { s.fleet.Run(ctx) })
	t.Cleanup(func() { cancel(); group.Wait() })
	deadline := time.After(30 * time.Second)
	for s.fleet.Snapshot().Counts.Total != 24 || s.fleet.Snapshot().Counts.Unknown > 0 {
		select {
		case <-news.News():
		case <-deadline:
			t.Fatal("the containers do not appear")
		}
	}
	return s
}

// person is somebody with the grants.
func (s *site) person(name string, grants ...berth.Grant) *http.Client {
	s.t.Helper()
	user, err := s.store.AddUser(s.t.Context(), berth.Actor{Name: "test"}, berth.User{Name: name})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, g := range grants {
		if err := s.store.Give(s.t.Context(), berth.Actor{Name: "test"}, store.Holder{User: name}, g); err != nil {
			s.t.Fatal(err)
		}
	}
	client := s.as("")
	s.signInAs(client, user)
	return client
}

// sides gives the running containers in the scope, and the hidden ones.
func (s *site) sides() (inside, hidden []*berth.Container) {
	s.t.Helper()
	for _, c := range s.fleet.Snapshot().Clusters[0].Containers {
		switch {
		case c.Status != berth.StatusRunning || c.Lock != "" || c.HAState != "":
		case c.Node == "pve1":
			inside = append(inside, c)
		default:
			hidden = append(hidden, c)
		}
	}
	if len(inside) < 2 || len(hidden) < 2 {
		s.t.Fatalf("there are %d and %d running containers, want two on each side", len(inside), len(hidden))
	}
	return inside, hidden
}

// jobOn asks for an action on the container, which no worker begins.
func (s *site) jobOn(c *berth.Container) berth.Job {
	s.t.Helper()
	by := berth.Actor{ID: "somebody", Name: "somebody", Source: "web", Access: berth.Everywhere(berth.RoleOperator)}
	job, err := s.actions.Do(s.t.Context(), by, c.Key(), berth.ActionRequest{Action: berth.ActionStop})
	if err != nil {
		s.t.Fatal(err)
	}
	return job
}

// TestTheWalk asks every route as everybody, about what is in their scope and about what is not.
func TestTheWalk(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, hiddens := s.sides()
	inside, hidden := insides[0], hiddens[0]
	insideJob, hiddenJob := s.jobOn(insides[1]), s.jobOn(hiddens[1])
	type person struct {
		name    string
		client  *http.Client
		role    berth.Role // on what they see
		limited bool
	}
	people := []person{{"nobody", s.as(""), "", false}, {"without a role", s.person("norole"), "", false}}
	for _, role := range []berth.Role{berth.RoleViewer, berth.RoleOperator, berth.RoleAdmin} {
		people = append(people, person{string(role), s.person("all-"+string(role), berth.Grant{Role: role}), role, false},
			person{"limited " + string(role), s.person("part-"+string(role), berth.Grant{Role: role, Scope: scope}), role, true})
	}
	for _, route := range (&Server{}).routes() {
		entry, known := walked[route.pattern]
		if !known || entry.needs != route.needs {
			t.Errorf("%s needs %s, and the walk says %q: say in its table who may use it", route.pattern, route.needs, entry.needs)
			continue
		}
		method, path, found := strings.Cut(route.pattern, " ")
		if !found {
			continue // the page for everything that is not there
		}
		for _, who := range people {
			for _, out := range []bool{false, true} {
				if out && entry.about == aboutNothing {
					continue
				}
				ids := map[about]string{aboutContainer: "home:" + strconv.Itoa(inside.VMID), aboutJob: insideJob.ID, aboutNothing: "0"}
				if out {
					ids = map[about]string{aboutContainer: "home:" + strconv.Itoa(hidden.VMID), aboutJob: hiddenJob.ID}
				}
				asked := strings.NewReplacer("{$}", "", "{id}", ids[entry.about], "{action}", "nonsense").Replace(path)
				got := s.do(who.client, method, asked, nil)
				if want := wanted(entry.needs, entry.about, who.name, who.role, !who.limited, out && who.limited); !want(got) {
					t.Errorf("%s %s (out of the scope: %t) gives %s %s", who.name, route.pattern, out, got.Status, got.Header.Get("Location"))
				}
				if who.limited && strings.Contains(got.body, hidden.Hostname) {
					t.Errorf("%s learns of %s from %s", who.name, hidden.Hostname, asked)
				}
			}
		}
	}
}

// wanted tells which answers are right.
func wanted(needs access, what about, name string, role berth.Role, everywhere, hidden bool) func(answer) bool {
	status := func(codes ...int) func(answer) bool {
		return func(a answer) bool { return slices.Contains(codes, a.StatusCode) }
	}
	toLogin := func(a answer) bool {
		return a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Header.Get("Location"), "/login")
	}
	switch {
	case needs == somebody && name != "nobody":
		return func(a answer) bool { return a.StatusCode < 500 && a.StatusCode != http.StatusForbidden && !toLogin(a) }
	case needs == anybody:
		return func(a answer) bool {
			return a.StatusCode < 500 && a.StatusCode != http.StatusForbidden
		}
	case name == "nobody":
		return toLogin
	case needs == admin && !everywhere, !role.Includes(berth.Role(needs)):
		return status(http.StatusForbidden)
	case hidden:
		return status(http.StatusNotFound)
	case what == aboutNothing:
		return func(a answer) bool { return a.StatusCode < 500 && a.StatusCode != http.StatusForbidden && !toLogin(a) }
	default: // what is asked for may be nonsense or not possible now, but is not hidden
		return func(a answer) bool {
			return a.StatusCode < 500 && a.StatusCode != http.StatusForbidden && !toLogin(a) && (a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "nonsense"))
		}
	}
}

// Whoever sees a part of the fleet learns nothing of the rest: no name, no number, from no page, list, stream or message.
func TestNothingTellsOfWhatIsHidden(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, hiddens := s.sides()
	inside, hidden := insides[0], hiddens[0]
	s.jobOn(hiddens[1])
	client := s.person("part", berth.Grant{Role: berth.RoleOperator, Scope: scope})
	var secrets []string
	seen := 0
	for _, c := range s.fleet.Snapshot().Clusters[0].Containers {
		if c.Node == "pve1" {
			seen++
		} else {
			secrets = append(secrets, c.Hostname)
		}
	}
	secrets = append(secrets, "pve2", "pve3")
	for _, path := range []string{"/", "/?q=-node:pve1", "/?group=node", "/?group=tag", "/?layout=table", "/?q=" + hidden.Hostname, "/nodes", "/jobs", "/audit", "/audit/export?format=csv", "/audit/export?format=jsonl",
		"/list?q=status:running", "/more", "/refresh", "/palette?q=" + hidden.Hostname[:2], "/palette?q=stop+" + hidden.Hostname[:2], "/complete?q=node:", "/complete?q=name:",
		"/complete?q=tag:", "/containers/new", "/containers/new/choices?cluster=home", "/containers/home:" + strconv.Itoa(hidden.VMID), "/containers/home:" + strconv.Itoa(inside.VMID)} {
		body := s.do(client, http.MethodGet, path, nil).body
		for _, secret := range secrets {
			asked := strings.Contains(path, secret) // what somebody typed is on the page again
			if !asked && strings.Contains(body, secret) {
				t.Errorf("%s tells of %s", path, secret)
			}
		}
	}
	if got := s.do(client, http.MethodGet, "/", nil).body; !strings.Contains(got, strconv.Itoa(seen)+" containers") || strings.Contains(got, "24 containers") {
		t.Errorf("the page does not count %d containers", seen)
	}
	answerTo := func(vmid int) string {
		got := s.do(client, http.MethodGet, "/containers/home:"+strconv.Itoa(vmid), nil)
		body := regexp.MustCompile(`data-now="\d+"`).ReplaceAllString(got.body, "") // its digits may be those of a VMID
		return got.Status + strings.ReplaceAll(body, strconv.Itoa(vmid), "VMID")
	}
	if unknown, other := answerTo(999), answerTo(hidden.VMID); unknown != other {
		t.Errorf("a hidden container is told from one that is not there: %s\n%s", unknown, other)
	}
	for _, stream := range []string{"/live?seen=", "/live?q=-node:pve1&seen=", "/jobs/live"} {
		body := s.beginning(client, stream)
		for _, secret := range secrets {
			if strings.Contains(body, secret) {
				t.Errorf("%s tells of %s", stream, secret)
			}
		}
		if !strings.Contains(body, "data: ") {
			t.Errorf("%s sends nothing", stream)
		}
	}
}

// beginning gives what a stream sends at once.
func (s *site) beginning(client *http.Client, path string) string {
	s.t.Helper()
	response, err := client.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var all []byte
	buffer := make([]byte, 64<<10)
	for !strings.Contains(string(all), "\n\n") {
		n, err := response.Body.Read(buffer)
		all = append(all, buffer[:n]...)
		if err != nil {
			break
		}
	}
	return string(all)
}

func TestBulkReachesNothingHidden(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, hiddens := s.sides()
	inside, hidden := insides[0], hiddens[0]
	client := s.person("part", berth.Grant{Role: berth.RoleOperator, Scope: scope}, berth.Grant{Role: berth.RoleViewer, Scope: "vmid:" + strconv.Itoa(hidden.VMID)})
	outside := s.person("other", berth.Grant{Role: berth.RoleOperator, Scope: scope})
	if got := s.post(outside, "/bulk", "action=stop&confirmed=1&keys="+hidden.Key()); got.StatusCode != http.StatusConflict || !strings.Contains(got.body, "1 gone") {
		t.Errorf("a bulk action on a hidden container gives %s", got.Status)
	}
	if got := s.post(client, "/bulk", "action=stop&confirmed=1&keys="+hidden.Key()); got.StatusCode != http.StatusConflict || !strings.Contains(got.body, "not permitted") {
		t.Errorf("a bulk action on a container that one may only see gives %s", got.Status)
	}
	if got := s.post(outside, "/bulk", "action=stop&all=1&q="); !strings.Contains(got.body, "containers") || strings.Contains(got.body, "24 containers") {
		t.Error("a bulk action on all counts hidden ones")
	}
	if got := s.post(client, "/bulk", "action=stop&confirmed=1&keys="+inside.Key()+","+hidden.Key()); got.StatusCode != http.StatusNoContent {
		t.Fatalf("a bulk action on one of two gives %s", got.Status)
	}
	active, err := s.store.ActiveJobs(t.Context())
	if err != nil || len(active) != 1 || active[0].Total != 1 || !strings.Contains(active[0].Args, `"keys":["`+inside.Key()+`"]`) {
		t.Errorf("jobs are %+v, %v; want one about %s", active, err, inside.Key())
	}
}

func (s *site) post(client *http.Client, path, form string) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{Response: response, body: string(body)}
}

func TestStreamEndsWhenRightsChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	client := s.person("bert", berth.Grant{Role: berth.RoleViewer})
	response, err := client.Get(s.url + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := s.store.Give(t.Context(), berth.Actor{Name: "test"}, store.Holder{User: "bert"}, berth.Grant{Role: berth.RoleViewer, Scope: "cluster:other"}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.TakeAway(t.Context(), berth.Actor{Name: "test"}, store.Holder{User: "bert"}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil && err != io.ErrUnexpectedEOF { // returns when the stream ends
		t.Errorf("the stream ended with %v", err)
	}
}

func TestWhoOnlyLooksIsOfferedNothingElse(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	inside, hidden := s.sides()
	viewer := s.person("vera", berth.Grant{Role: berth.RoleViewer}, berth.Grant{Role: berth.RoleOperator, Scope: "vmid:" + strconv.Itoa(inside[0].VMID)})
	quick := func(c *berth.Container) string { return containerPath(c) + `/actions/` + usualOffer(c) + `"` }
	for _, path := range []string{"/", "/?layout=table"} {
		page := s.do(viewer, http.MethodGet, path, nil).body
		if !strings.Contains(page, quick(inside[0])) || strings.Contains(page, quick(hidden[0])) {
			t.Errorf("%s offers what the role does not permit, or not what it does", path)
		}
	}
	if page := s.do(s.as(berth.RoleViewer), http.MethodGet, "/", nil).body; strings.Contains(page, `data-bulk="`) {
		t.Error("actions on many containers are offered to a viewer")
	}
	for _, path := range []string{containerPath(hidden[0]), containerPath(hidden[0]) + "/actions"} {
		if page := s.do(viewer, http.MethodGet, path, nil).body; !strings.Contains(page, "it takes the role operator") || strings.Contains(page, `hx-post="`+containerPath(hidden[0])) || strings.Contains(page, quick(hidden[0])) {
			t.Errorf("%s offers what the role does not permit", path)
		}
	}
}

func TestViewsForEverybodyCrossNoScope(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	operator, part := s.as(berth.RoleOperator), s.person("part", berth.Grant{Role: berth.RoleOperator, Scope: scope})
	if got := s.post(operator, "/views", "name=Payroll&params=q%3Dtag:payroll&shared=1"); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("an operator who shares a view gets %s", got.Status)
	}
	if got := s.post(part, "/views", "name=Mine&params=q%3Dtag:mine&shared=1"); got.StatusCode != http.StatusForbidden {
		t.Errorf("somebody with a scope who shares a view gets %s, want 403", got.Status)
	}
	if page := s.do(part, http.MethodGet, "/", nil).body; strings.Contains(page, "Payroll") || strings.Contains(page, "For everybody") {
		t.Error("a shared view is shown across scopes, or sharing is offered")
	}
	if page := s.do(operator, http.MethodGet, "/", nil).body; !strings.Contains(page, "Payroll") || !strings.Contains(page, "For everybody") {
		t.Error("a shared view is not shown, or sharing not offered")
	}
}

// Who works here, and what they do to users and clusters, is for admins.
func TestTheFilterOfTheAuditNamesNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.store.AddEvent(t.Context(), berth.Event{Actor: "secretary", Source: "web", Action: "user.add", Subject: "user x"}); err != nil {
		t.Fatal(err)
	}
	if page := s.do(s.as(berth.RoleOperator), http.MethodGet, "/audit", nil).body; strings.Contains(page, "secretary") || strings.Contains(page, "user.add") {
		t.Error("an operator reads who did what to users")
	}
	if page := s.do(s.as(berth.RoleAdmin), http.MethodGet, "/audit", nil).body; !strings.Contains(page, "secretary") {
		t.Error("an admin cannot choose who did something")
	}
}

func TestAHistoryOfOthersIsLookedThroughFurther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	part := s.person("part", berth.Grant{Role: berth.RoleOperator, Scope: scope})
	user, err := s.store.UserByName(t.Context(), "part")
	if err != nil {
		t.Fatal(err)
	}
	began := clocktest.Now().Add(-time.Hour)
	all := []berth.Event{{ID: "own", At: began, Actor: "part", ActorID: user.ID, Source: "web", Action: "container.stop", Cluster: "home", Subject: "the-one-of-part"}}
	for i := range 4100 {
		all = append(all, berth.Event{ID: "of others " + strconv.Itoa(i), At: began.Add(time.Duration(i+1) * time.Millisecond), Actor: "other", Source: "web", Action: "container.stop", Cluster: "home"})
	}
	if err := s.store.AddEventsOnce(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	first := s.do(part, http.MethodGet, "/audit?action=container.stop", nil).body
	link := regexp.MustCompile(`href="(/audit\?[^"]*before=[^"]*)"[^>]*>\s*Look further back`).FindStringSubmatch(first)
	if link == nil || strings.Contains(first, "the-one-of-part") || strings.Contains(first, "Nobody did such a thing") {
		t.Fatalf("that not everything was looked at is not said: %v", link)
	}
	if second := s.do(part, http.MethodGet, html.UnescapeString(link[1]), nil).body; !strings.Contains(second, "the-one-of-part") {
		t.Error("looking further back does not find it")
	}
}

func TestAClusterIsSaidToBeConnectedOnlyIfItIs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, role := range []berth.Role{berth.RoleViewer, berth.RoleAdmin} {
		if got := s.do(s.as(role), http.MethodGet, "/clusters/anything?connected=1", nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: a cluster that is none gives %s, want 404", role, got.Status)
		}
	}
}
