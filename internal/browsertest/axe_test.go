package browsertest

import (
	"fmt"
	"os"
	"sync"
)

// axeScript is the accessibility checker axe-core, which npm installs (scripts/setup-tests).
var axeScript = sync.OnceValues(func() ([]byte, error) { return os.ReadFile("../../node_modules/axe-core/axe.min.js") })

// axe gives what axe-core finds wrong with the page as it is now and calls serious or critical. It is brought in over
// the debugging protocol, which the content security policy of the page does not bind.
func (p *Page) axe() []string {
	p.t.Helper()
	script, err := axeScript()
	if err != nil {
		p.t.Fatalf("these tests need axe-core (run scripts/setup-tests): %v", err)
	}
	if !Eval[bool](p, `"axe" in window`) {
		Eval[bool](p, string(script)+"\n;true")
	}
	found := Eval[[]violation](p, `axe.run(document, { resultTypes: ["violations"] }).then(result => result.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => ({ rule: v.id, help: v.help, nodes: v.nodes.length, first: v.nodes[0].html, why: v.nodes[0].failureSummary })))`)
	var problems []string
	for _, v := range found {
		problems = append(problems, fmt.Sprintf("%s (%s), %d times, first %s: %s", v.Rule, v.Help, v.Nodes, v.First, v.Why))
	}
	return problems
}

type violation struct {
	Rule, Help, First, Why string
	Nodes                  int
}
