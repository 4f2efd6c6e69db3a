package web

import (
	"bytes"
	"html"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	gmtext "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// How much of a text is read as Markdown, in bytes, and how deep; Proxmox itself takes 8 KiB of notes.
const (
	mostMarkdown = 16 << 10
	mostDeep     = 100 // elements in one another
)

// markdown gives the notes of a container as HTML. They are Markdown as the web interface of Proxmox reads it, and anybody's:
// of HTML in them only the text is left, of pictures what they are called, and links lead to the web or to a mail address.
// What comes out has passed a list of what is allowed once more. Empty for a text without content.
func markdown(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if len(text) > mostMarkdown {
		text = strings.ToValidUTF8(text[:mostMarkdown], "") + " …"
	}
	source := []byte(text)
	root := notesMarkdown.Parser().Parse(gmtext.NewReader(source))
	var out bytes.Buffer
	if err := notesMarkdown.Renderer().Render(&out, source, root); err != nil || tooDeep(root) {
		return "<p>" + html.EscapeString(text) + "</p>"
	}
	return strings.TrimSpace(notesPolicy.Sanitize(out.String()))
}

// tooDeep tells whether something lies in so many others that nobody means it.
func tooDeep(root ast.Node) bool {
	depth, deepest := 0, 0
	_ = ast.Walk(root, func(_ ast.Node, entering bool) (ast.WalkStatus, error) { // this walker gives no error
		if !entering {
			depth--
			return ast.WalkContinue, nil
		}
		depth++
		deepest = max(deepest, depth)
		return ast.WalkContinue, nil
	})
	return deepest > mostDeep
}

// notesMarkdown keeps lines as they were written. It passes no HTML on.
var notesMarkdown = goldmark.New(
	goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify),
	goldmark.WithRendererOptions(gmhtml.WithHardWraps(), renderer.WithNodeRenderers(util.Prioritized(tamed{bluemonday.StrictPolicy()}, 100))),
)

// notesPolicy is what may be on a page that comes from notes.
var notesPolicy = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("h3", "h4", "h5", "h6", "p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li",
		"table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true) // adds noopener too
	return p
}()

// tamed writes what notes may not have in another way: headings below those of the page, no HTML and no pictures.
type tamed struct{ strict *bluemonday.Policy }

// RegisterFuncs implements renderer.NodeRenderer.
func (t tamed) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindHeading, t.heading)
	r.Register(ast.KindHTMLBlock, t.htmlBlock)
	r.Register(ast.KindRawHTML, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) { return ast.WalkSkipChildren, nil })
	r.Register(ast.KindImage, func(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) { return ast.WalkContinue, nil })
}

const headingsBelow = 2 // the page has the first, its parts the second

func (tamed) heading(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	tag := "h" + string('0'+rune(min(node.(*ast.Heading).Level+headingsBelow, 6))) + ">"
	if entering {
		_, err := w.WriteString("<" + tag)
		return ast.WalkContinue, err
	}
	_, err := w.WriteString("</" + tag + "\n")
	return ast.WalkContinue, err
}

// htmlBlock writes the text of HTML that stands by itself.
func (t tamed) htmlBlock(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := node.(*ast.HTMLBlock)
	raw := string(block.Lines().Value(source))
	if block.HasClosure() {
		raw += string(block.ClosureLine.Value(source))
	}
	if text := strings.Join(strings.Fields(t.strict.Sanitize(raw)), " "); text != "" {
		_, err := w.WriteString("<p>" + text + "</p>\n")
		return ast.WalkSkipChildren, err
	}
	return ast.WalkSkipChildren, nil
}
