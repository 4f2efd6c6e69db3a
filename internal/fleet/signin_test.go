package fleet

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"berth"
	"berth/internal/clocktest"
	"berth/internal/pve/pvesim"
	"berth/internal/store/storetest"
)

// manage asks the simulated cluster to change something, as its root does.
func manage(t *testing.T, sim *pvesim.Sim, path string, form url.Values) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.URL()+"/api2/json"+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "PVEAPIToken="+sim.Token())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s gives %s", path, response.Status)
	}
}

func TestAnAccountOfProxmoxSignsIn(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.SQLite)
	r := act(t, s, pvesim.Options{Containers: 3, AuthDelay: -1}, hurried)
	manage(t, r.sim, "/access/groups", url.Values{"groupid": {"devs"}})
	manage(t, r.sim, "/access/users", url.Values{"userid": {"bert@pve"}, "password": {"bert's password"}, "groups": {"devs"}})
	manage(t, r.sim, "/access/users", url.Values{"userid": {"carl@pve"}, "password": {"carl's password"}})
	want := func(account, password, code string, code2 berth.Code, groups ...string) {
		t.Helper()
		got, err := r.SignIn(t.Context(), "home", account, password, code)
		if berth.CodeOf(err) != code2 || !slices.Equal(got, groups) {
			t.Errorf("%s with %q %q: %v, %v; want %v, %q", account, password, code, got, err, groups, code2)
		}
	}
	want("bert@pve", "bert's password", "", "", "devs")
	want("carl@pve", "carl's password", "", "")
	for _, wrong := range [][2]string{{"bert@pve", "wrong"}, {"nobody@pve", "wrong"}, {"bert", "bert's password"}, {"", ""}, {"bert@pve", ""}, {"root@pam!berth", "x"}} {
		want(wrong[0], wrong[1], "", berth.Unauthenticated)
	}
	seed, err := r.sim.RequireTOTP("bert@pve")
	if err != nil {
		t.Fatal(err)
	}
	want("bert@pve", "bert's password", "", berth.Unauthenticated)
	want("bert@pve", "bert's password", "000000", berth.Unauthenticated)
	code, err := totp.GenerateCode(seed, clocktest.Now())
	if err != nil {
		t.Fatal(err)
	}
	want("bert@pve", "bert's password", code, "", "devs")
	if _, err := r.SignIn(t.Context(), "nowhere", "bert@pve", "x", ""); berth.CodeOf(err) != berth.NotFound {
		t.Errorf("a cluster that is not connected gives %v", err)
	}
	r.sim.Stop()
	want("bert@pve", "bert's password", code, berth.Unavailable)
}
