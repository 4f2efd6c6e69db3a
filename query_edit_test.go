package berth

import "testing"

func TestToggleTerm(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text, field, value, want string
		had                            bool
	}{
		{"into nothing", "", "status", "running", "status:running", false},
		{"at the end, the rest as typed", " Web  -tag:x", "status", "running", "Web  -tag:x status:running", false},
		{"out of the middle", "web  status:running  db", "status", "running", "web db", true},
		{"out of nothing else", "status:Running", "status", "running", "", true},
		{"into a list", "status:stopped web", "status", "running", "status:stopped,running web", false},
		{"out of a list", "web status:stopped,running,error", "status", "running", "web status:stopped,error", true},
		{"out of the front of a list", "web status:running,error x", "status", "running", "web status:error x", true},
		{"out of every term", "status:running web status:running,error", "status", "running", "web status:error", true},
		{"instead of its opposite", "-status:running web", "status", "running", "web status:running", false},
		{"instead of a part of its opposite", "-status:running,error", "status", "running", "-status:error status:running", false},
		{"quotes what needs them", "web", "template", "my app, v2", `web template:"my app, v2"`, false},
		{"finds what was quoted otherwise", `web template:my" "app`, "template", "my app", "web", true},
		{"an asterisk is not a value", "tag:*", "tag", "*", `tag:*,"*"`, false},
		{"an alias is the same field", "tags:a", "tag", "a", "", true},
		{"equal for a field that is always whole", "tag=a", "tag", "a", "", true},
		{"but not for one of parts", "name=a", "name", "a", "name=a name:a", false},
		{"a comparison is not a list", "vmid>100", "vmid", "100", "vmid>100 vmid:100", false},
		{"a word is not a value", "running", "status", "running", "running status:running", false},
		{"text with an open quote stays", `web "db`, "status", "running", `web "db status:running`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if had := HasTerm(test.text, test.field, test.value); had != test.had {
				t.Errorf("had it: %t, want %t", had, test.had)
			}
			if got := ToggleTerm(test.text, test.field, test.value); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWithoutField(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "web": "web", "status:running": "", "a status:running  b  -status:error status=x c": "a b c", "name:status:running": "name:status:running",
		`"status:running" x`: `"status:running" x`,
	} {
		if got := WithoutField(text, "status"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := WithoutField("mem>5% memory:3G x", "memory"); got != "x" {
		t.Errorf("an alias: got %q", got)
	}
	if got := WithoutField("colour:red", "colour"); got != "colour:red" {
		t.Errorf("a field that nobody knows: got %q", got)
	}
}
