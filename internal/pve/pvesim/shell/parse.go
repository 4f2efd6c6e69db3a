package shell

import (
	"errors"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// parse reads a script and takes out what would reach the host.
func parse(text, name string) (*syntax.File, error) {
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, err
	}
	var refused error
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ProcSubst:
			refused = errors.New("process substitution is not simulated")
		case *syntax.BinaryTest:
			switch n.Op {
			case syntax.TsNewer, syntax.TsOlder, syntax.TsDevIno:
				refused = errors.New("comparing files with [[ is not simulated")
			}
		case *syntax.UnaryTest:
			if w, isWord := n.X.(*syntax.Word); isWord && fileTest(n.Op) {
				n.Op, n.X = syntax.TsNempStr, askTest(n.Op, w)
			}
		}
		return true
	})
	return f, refused
}

// fileTest is true for the operators of [[ that look at a file.
func fileTest(op syntax.UnTestOperator) bool {
	switch op {
	case syntax.TsEmpStr, syntax.TsNempStr, syntax.TsOptSet, syntax.TsVarSet, syntax.TsRefVar, syntax.TsNot, syntax.TsParen, syntax.TsFdTerm:
		return false
	}
	return true
}

// askTest turns the "-f x" of [[ -f x ]] into the word "$(/usr/bin/test -f x && echo y)".
func askTest(op syntax.UnTestOperator, x *syntax.Word) *syntax.Word {
	lit := func(text string) *syntax.Word {
		return &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: text}}}
	}
	quoted := x
	if _, already := x.Parts[0].(*syntax.DblQuoted); !already || len(x.Parts) > 1 {
		quoted = &syntax.Word{Parts: []syntax.WordPart{&syntax.DblQuoted{Parts: x.Parts}}}
	}
	if _, single := x.Parts[0].(*syntax.SglQuoted); single && len(x.Parts) == 1 {
		quoted = x
	}
	call := func(words ...*syntax.Word) *syntax.Stmt { return &syntax.Stmt{Cmd: &syntax.CallExpr{Args: words}} }
	both := &syntax.BinaryCmd{Op: syntax.AndStmt, X: call(lit("/usr/bin/test"), lit(op.String()), quoted), Y: call(lit("echo"), lit("y"))}
	return &syntax.Word{Parts: []syntax.WordPart{&syntax.DblQuoted{Parts: []syntax.WordPart{&syntax.CmdSubst{Stmts: []*syntax.Stmt{{Cmd: both}}}}}}}
}
