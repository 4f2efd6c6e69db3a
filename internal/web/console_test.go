package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"berth"
	"berth/internal/store"
)

// socketOn opens the console of the container as a browser does, whose page is on origin.
func (s *site) socketOn(client *http.Client, c *berth.Container, origin string) (*websocket.Conn, *http.Response, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	socket, response, err := websocket.Dial(ctx, s.url+"/containers/home:"+strconv.Itoa(c.VMID)+"/console/socket", &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient: &http.Client{Jar: client.Jar, Transport: client.Transport}, HTTPHeader: http.Header{"Origin": {origin}}})
	if err == nil {
		s.t.Cleanup(func() { socket.CloseNow() })
	}
	return socket, response, err
}

// output reads from the console until it has said the text.
func output(t *testing.T, socket *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all strings.Builder
	for !strings.Contains(all.String(), text) {
		kind, message, err := socket.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for %q: %v; have %q", text, err, all.String())
		}
		if kind == websocket.MessageBinary {
			all.Write(message)
		}
	}
}

// sentAway reads from the console until it says why somebody is refused.
func sentAway(t *testing.T, socket *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		kind, message, err := socket.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for the reason: %v", err)
		}
		var says toBrowser
		if kind == websocket.MessageText {
			if err := json.Unmarshal(message, &says); err != nil {
				t.Fatal(err)
			}
		}
		if says.State == "refused" {
			return says.Why
		}
	}
}

func (s *site) typeInto(socket *websocket.Conn, text string) {
	s.t.Helper()
	if err := socket.Write(s.t.Context(), websocket.MessageBinary, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func TestConsoleIsForOperatorsOnOurOwnPages(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, hiddens := s.sides()
	operator := s.person("anna", berth.Grant{Role: berth.RoleOperator, Scope: scope}, berth.Grant{Role: berth.RoleViewer, Scope: "vmid:" + strconv.Itoa(hiddens[0].VMID)})
	for name, test := range map[string]struct {
		client *http.Client
		on     *berth.Container
		origin string
		want   int
	}{
		"a viewer":                    {s.person("bert", berth.Grant{Role: berth.RoleViewer}), insides[0], s.url, http.StatusForbidden},
		"an operator of others":       {operator, hiddens[0], s.url, http.StatusForbidden},
		"who must not know of it":     {operator, hiddens[1], s.url, http.StatusNotFound},
		"the page of another site":    {operator, insides[0], "https://evil.example", http.StatusForbidden},
		"a page that hides its site":  {operator, insides[0], "null", http.StatusForbidden},
		"another port of our machine": {operator, insides[0], "http://127.0.0.1:1", http.StatusForbidden},
		"an operator":                 {operator, insides[0], s.url, http.StatusSwitchingProtocols},
	} {
		_, response, err := s.socketOn(test.client, test.on, test.origin)
		if response == nil || response.StatusCode != test.want {
			t.Errorf("%s: %v, want status %d", name, err, test.want)
		}
	}
}

func TestConsoleTypesAndSaysWhoOpenedIt(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, _ := s.sides()
	socket, _, err := s.socketOn(s.person("anna", berth.Grant{Role: berth.RoleOperator}), insides[0], s.url)
	if err != nil {
		t.Fatal(err)
	}
	output(t, socket, "login: ")
	s.typeInto(socket, "nobody\r")
	output(t, socket, "Password: ")
	events, err := s.store.Events(t.Context(), store.EventFilter{Text: "console"}, "", 10)
	if err != nil || len(events) != 1 || events[0].Actor != "anna" || events[0].Action != "container.console-open" || events[0].VMID != insides[0].VMID || events[0].Source != "web" {
		t.Errorf("the history has %+v, %v; want that anna opened the console", events, err)
	}
}

func TestConsoleClosesWhenTheRightToItEnds(t *testing.T) {
	t.Parallel()
	s := siteWithContainers(t)
	insides, _ := s.sides()
	takeAway := func(name string) error {
		return s.store.TakeAway(t.Context(), berth.Actor{Name: "test"}, store.Holder{User: name}, "")
	}
	for name, end := range map[string]func(name string, client *http.Client) error{
		"signed out": func(_ string, client *http.Client) error {
			s.do(client, http.MethodPost, "/logout", nil)
			return nil
		},
		"right taken away": func(name string, _ *http.Client) error { return takeAway(name) },
		"only a viewer now": func(name string, _ *http.Client) error {
			return s.store.Give(t.Context(), berth.Actor{Name: "test"}, store.Holder{User: name}, berth.Grant{Role: berth.RoleViewer})
		},
		"removed": func(name string, _ *http.Client) error {
			return s.store.RemoveUser(t.Context(), berth.Actor{Name: "test"}, name)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user := strings.ReplaceAll(name, " ", "-")
			client := s.person(user, berth.Grant{Role: berth.RoleOperator})
			socket, _, err := s.socketOn(client, insides[0], s.url)
			if err != nil {
				t.Fatal(err)
			}
			output(t, socket, "login: ")
			if err := end(user, client); err != nil {
				t.Fatal(err)
			}
			if why := sentAway(t, socket); why == "" {
				t.Error("no reason is told")
			}
		})
	}
}
