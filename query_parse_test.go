package berth

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorsSayThePlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, place, message string
	}{
		{"web colour:red", "colour", "“colour” is not a field to search; put the whole in quotes to search for the text."},
		{"web -statsu:running x", "statsu", "“statsu” is not a field to search; did you mean status?"},
		{"Nme:web", "Nme", "did you mean name?"},
		{"templ:x", "templ", "did you mean template?"},
		{"zz:x", "zz", "put the whole in quotes"},
		{"http://web", "http", "put the whole in quotes"},
		{"10.0.0.1:80", "10.0.0.1", "is not a field to search"},
		{"status:sleeping", "sleeping", "“sleeping” is not a status; choose running, stopped, error, creating or unknown."},
		{"status:running,sleeping,x", "sleeping", "is not a status"},
		{"live:creating", "creating", "is not a live status; choose running, stopped or unknown."},
		{"is:lockd", "lockd", "is not something a container can be; perhaps you mean locked."},
		{"is:locked*", "locked*", "is not something a container can be"},
		{"is:zzzzzz", "zzzzzz", "choose running, stopped,"},
		{"mem>80", "80", "“80” is not an amount; write a share of the limit such as 80% or a size such as 2G."},
		{"mem>-5%", "-5%", "is not an amount"},
		{"mem>1.%", "1.%", "is not an amount"},
		{"mem>1e3G", "1e3G", "is not an amount"},
		{"mem>infG", "infG", "is not an amount"},
		{"mem>8*", "8*", "is not an amount"},
		{"mem:10%-20%*", "10%-20%*", "is not an amount"},
		{"mem>10%-20%", "10%-20%", "is not an amount"},
		{"mem:>80%", ">80%", "is not an amount"},
		{"mem:50%-2G", "50%-2G", "mixes a share with an amount."},
		{"mem:80%-50%", "80%-50%", "ends before it begins"},
		{"mem>10%,20%", ",20%", "“mem>” takes one value; lists go with a colon."},
		{"mem>10%,", ",", "takes one value"},
		{"cpu>2G", "2G", "a number of cores such as 0.5"},
		{"uptime<5", "5", "is not a time"},
		{"created<5y", "5y", "is not a time; write 90s, 30m, 12h, 7d or 2w."},
		{"vmid:abc", "abc", "is not a number or a range"},
		{"vmid:1.5", "1.5", "is not a number or a range"},
		{"vmid:100-", "100-", "is not a number or a range"},
		{"vmid:200-100", "200-100", "ends before it begins"},
		{"name>web", ">", "“name” has no order; write name: instead of name>."},
		{"tag<=web", "<=", "has no order"},
		{":web", ":", "“:” needs a field before it"},
		{"web >=5", ">=", "“>=” needs a field before it"},
		{"web name:", "name:", "A value is missing in “name:”."},
		{"name:a,,b", "name:a,,b", "A value is missing"},
		{"web,", "web,", "A value is missing"},
		{`web ""`, `""`, "A value is missing"},
		{"web - db", "-", "There is nothing after the minus sign."},
		{"web --db", "--db", "has two minus signs"},
		{`web "db x`, `"db x`, "The quote that begins with “\"db x” is not closed."},
		{`name:a,"b\"`, `"b\"`, "is not closed"},
		{"ip:10.0.3.0/33", "10.0.3.0/33", "is not a network such as 10.0.3.0/24 or fd00::/64."},
		{"ip:web", "web", "is not an address"},
		{"ip:10.0.3.0/2*", "10.0.3.0/2*", "is not an address"},
		{"web \xff", "\xff", "not valid UTF-8"},
		{strings.Repeat("x", 1005), "xxxxx", "A search can be at most 1000 bytes long; this one has 1005."},
		{strings.Repeat("x ", 50) + "last one", "last one", "A search can have at most 50 terms."},
	} {
		q, err := ParseQuery(test.text)
		var at *QueryError
		if !errors.As(err, &at) || CodeOf(err) != Invalid || q.String() != "" {
			t.Errorf("ParseQuery(%q) = %q, %v; want Invalid with a place", test.text, q, err)
			continue
		}
		if at.Text != test.text || at.Text[at.At:at.At+at.Len] != test.place {
			t.Errorf("%q: the place is %q, want %q", test.text, at.Text[at.At:at.At+at.Len], test.place)
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Message != at.Message || !strings.Contains(e.Message, test.message) {
			t.Errorf("%q: the message is %q, want %q", test.text, at.Message, test.message)
		}
	}
}

func TestCanonicalText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"  web   db ":                   "db web",
		"Web WEB web":                   "web",
		"hostname:B,a,b":                "name:a,b",
		"tags=Prod":                     "tag:prod",
		"name=Prod":                     "name=prod",
		`name:"a b"* "x,y" "-z" "a*"`:   `"-z" "a*" "x,y" name:"a b"*`,
		"memory>=02.50GiB mem<0%":       "mem<0% mem>=2.50g",
		"vmid:007,100-0199":             "vmid:100-199,7",
		"cpu>.5":                        "cpu>0.5",
		"ip:10.0.3.9/24,FD00:0::1":      "ip:10.0.3.0/24,fd00::1",
		"fd00::1":                       `"fd00::1"`,
		"a**b":                          "a*b",
		`"say \"hi\" \\ now"`:           `"say \"hi\" \\ now"`,
		`back\slash`:                    `back\slash`,
		"status:running,RUNNING,error":  "status:error,running",
		"-IS:Locked is=Locked":          "-is:locked is:locked",
		"name:a:b=c>d":                  "name:a:b=c>d",
		"node:pve1,pve2 -tag:test\nweb": "-tag:test node:pve1,pve2 web",
	} {
		q, err := ParseQuery(text)
		if err != nil {
			t.Errorf("ParseQuery(%q): %v", text, err)
			continue
		}
		if got := q.String(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if got := q.Text(); got != strings.TrimSpace(text) {
			t.Errorf("%q: the text as typed became %q", text, got)
		}
	}
}

func TestHostileTextIsRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("a,", 499) + "a", strings.Repeat("*a", 499), strings.Repeat(`\`, 1000), strings.Repeat("-", 1000), strings.Repeat(`"`, 1000),
		strings.Repeat(`"`, 999), strings.Repeat(":", 1000), "mem>" + strings.Repeat("9", 900) + "G", "mem:" + strings.Repeat("9", 307) + "p",
		"mem:0." + strings.Repeat("0", 900) + "1%", "vmid:" + strings.Repeat("9", 300), "\x00 \x00:\x00", "\u2028name:\u00a0x", `name:"\`, "ip:" + strings.Repeat(":", 500),
		"İ:ẞ", "name:İẞK", strings.Repeat("💥", 250),
	} {
		q, err := ParseQuery(text)
		if err != nil && CodeOf(err) != Invalid {
			t.Errorf("ParseQuery(%.20q...) = %v", text, err)
		}
		q.Matches(webContainer(), queryNow)
		CompleteQuery(text, len(text)/2, nil)
	}
}

func TestQuotesKeepAnyValue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"web": "web", "my web": `"my web"`, "a,b": `"a,b"`, "*": `"*"`, `say "hi"`: `"say \"hi\""`, `c:\x`: `"c:\\x"`, "-x": `"-x"`, "": `""`, "a>b": `"a>b"`,
	} {
		if diff := cmp.Diff(want, QuoteValue(value)); diff != "" {
			t.Errorf("QuoteValue(%q): %s", value, diff)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, text := range []string{
		`web status:running node:pve1,pve2 -tag:test cluster:home template:gitea service:nginx ip:10.0.3.0/24 mem>80% cpu>0.5 uptime<1h vmid:100-199 is:locked`,
		`name:"a b"*,c -"x\"y" fd00::1 ip:fd00::/64,10.*`, `"open`, "mem:>5", "İ ẞ K \x00",
	} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, cursor int) {
		for _, s := range CompleteQuery(text, cursor, func(string) []string { return []string{"a b", "pve1"} }) {
			if s.Replace[0] < 0 || s.Replace[0] > s.Replace[1] || s.Replace[1] > len(text) {
				t.Fatalf("%q: a suggestion replaces %v", text, s.Replace)
			}
		}
		q, err := ParseQuery(text)
		if err != nil {
			var at *QueryError
			if !errors.As(err, &at) || at.At < 0 || at.Len <= 0 || at.At+at.Len > len(text) {
				t.Fatalf("%q: the error has no place: %v", text, at)
			}
			return
		}
		q.Matches(webContainer(), queryNow)
		canonical := q.String()
		if len(canonical) > maxQueryBytes { // small letters and quotes may take more bytes
			return
		}
		again, err := ParseQuery(canonical)
		if err != nil || again.String() != canonical {
			t.Fatalf("%q: canonical %q became %q, %v", text, canonical, again.String(), err)
		}
		if again.Matches(webContainer(), queryNow) != q.Matches(webContainer(), queryNow) {
			t.Fatalf("%q and its canonical text %q match differently", text, canonical)
		}
	})
}
