package berth

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTagsThatProxmoxTakes(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]bool{"web": true, "_x": true, "1": true, "a-b+c.d_e": true, "Web": true, "": false, "-a": false, "+a": false, "a b": false, "a;b": false,
		"ä": false, "<b>": false, strings.Repeat("a", 124): true, strings.Repeat("a", 125): false} {
		if got := (TagChange{Add: []string{tag}}).Validate() == nil; got != want {
			t.Errorf("%q may be a tag: %v, want %v", tag, got, want)
		}
	}
	if err := (TagChange{Remove: []string{"<b>"}}).Validate(); err != nil {
		t.Errorf("a tag that should never have been there cannot be taken away: %v", err)
	}
	if CodeOf((TagChange{}).Validate()) != Invalid {
		t.Error("a change of nothing is valid")
	}
}

func TestTagsAfterAChange(t *testing.T) {
	t.Parallel()
	change := TagChange{Add: []string{"new", "web", "new"}, Remove: []string{"old"}}
	if diff := cmp.Diff([]string{"web", "db", "new"}, change.Of([]string{"web", "old", "db"})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := (TagChange{Remove: []string{"web"}}).Of([]string{"web"}); len(got) != 0 {
		t.Errorf("the last one is taken away, %v is left", got)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, SplitTags(" a;b, c d;;")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
