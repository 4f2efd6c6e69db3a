package berth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func knownValues(field string) []string {
	switch field {
	case "node":
		return []string{"pve1", "pve2", "backup-pve", "Pve10"}
	case "template":
		return []string{"gitea", "my app", `say "hi"`}
	}
	return nil
}

// complete marks the cursor with | and shows the text that each suggestion leads to.
func complete(marked string) []string {
	cursor := strings.Index(marked, "|")
	text := marked[:cursor] + marked[cursor+1:]
	var results []string
	for _, s := range CompleteQuery(text, cursor, knownValues) {
		results = append(results, text[:s.Replace[0]]+s.Text+text[s.Replace[1]:])
	}
	return results
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []string
	}{
		{"st|", []string{"status:", "cluster:"}},
		{"web -st|", []string{"web -status:", "web -cluster:"}},
		{"ME|", []string{"mem>", "name:", "uptime<"}},
		{"host|", []string{"hostname:"}},
		{"memory|", []string{"memory>"}},
		{"up|", []string{"uptime<"}},
		{"sta|t:running web", []string{"status:running web"}},
		{"no|:pve1 x", []string{"node:pve1 x"}},
		{"web|,db", nil},
		{"zz|", nil},
		{"status:|", []string{"status:running", "status:stopped", "status:error", "status:creating", "status:unknown"}},
		{"status:run|", []string{"status:running"}},
		{"a status:running,st| b", []string{"a status:running,stopped b"}},
		{"status:stopped,|", []string{"status:stopped,running", "status:stopped,error", "status:stopped,creating", "status:stopped,unknown"}},
		{"status:r|unn,error", []string{"status:running,error", "status:creating,error"}},
		{"-is:lo|", []string{"-is:locked"}},
		{"is:un|", []string{"is:unknown", "is:running"}},
		{"node:pve|", []string{"node:pve1", "node:pve2", "node:Pve10", "node:backup-pve"}},
		{"node=pve2,p|", []string{"node=pve2,pve1", "node=pve2,Pve10", "node=pve2,backup-pve"}},
		{"node:pve1|", []string{"node:pve1", "node:Pve10"}},
		{"template:m|", []string{`template:"my app"`}},
		{`template:"my a|`, []string{`template:"my app"`}},
		{"template:|", []string{"template:gitea", `template:"my app"`, `template:"say \"hi\""`}},
		{"mem>|", nil},
		{"tag:|", nil},
		{"colour:|", nil},
	} {
		if diff := cmp.Diff(test.want, complete(test.text)); diff != "" {
			t.Errorf("%s: %s", test.text, diff)
		}
	}
}

func TestCompletionExplains(t *testing.T) {
	t.Parallel()
	got := CompleteQuery("is:lo", 5, nil)
	want := []Suggestion{{Replace: [2]int{3, 5}, Text: "locked", Label: "locked", Detail: "Proxmox VE holds a lock on it"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, s := range CompleteQuery("", 0, nil) {
		if s.Detail == "" {
			t.Errorf("%s has no explanation", s.Label)
		}
	}
}

func TestCompletionIsShort(t *testing.T) {
	t.Parallel()
	many := func(string) []string {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("node-%d", i))
		}
		return names
	}
	for _, text := range []string{"", "web ", "node:", "node:n"} {
		if got := len(CompleteQuery(text, len(text), many)); got != 12 {
			t.Errorf("%q: %d suggestions, want 12", text, got)
		}
	}
	if got := CompleteQuery("st", 99, nil); len(got) == 0 || got[0].Label != "status" {
		t.Errorf("a cursor behind the end: %v", got)
	}
}

// What completion offers can be read, whatever field it is for.
func TestEverySuggestedFieldIsKnown(t *testing.T) {
	t.Parallel()
	examples := map[string]string{"is": "odd", "ip": "::1", "vmid": "100", "status": "error", "live": "stopped", "uptime": "1d", "created": "1d", "mem": "1%", "cpu": "1", "disk": "1%"}
	for i := range queryFields {
		f := &queryFields[i]
		value := examples[f.name]
		if value == "" {
			value = "x"
		}
		if _, err := ParseQuery(f.name + f.usualOp() + value); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if len(f.about) == 0 || findField(f.name) != f {
			t.Errorf("%s has no description, or its name is taken", f.name)
		}
	}
}
