package web

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestMarkdown(t *testing.T) {
	t.Parallel()
	const link = `rel="nofollow noreferrer noopener" target="_blank"`
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"blanks", " \n\t\n", ""},
		{"a text", "just a box", "<p>just a box</p>"},
		{"lines stay", "one\ntwo", "<p>one<br>\ntwo</p>"},
		{"headings are below those of the page", "# Gitea\n#### deep", "<h3>Gitea</h3>\n<h6>deep</h6>"},
		{"lists", "- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"},
		{"a list that begins elsewhere", "3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>"},
		{"emphasis and code", "*a* **b** ~~c~~ `<d>`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>&lt;d&gt;</code></p>"},
		{"a block of code", "```sh\nrm -rf <x>\n```", "<pre><code>rm -rf &lt;x&gt;\n</code></pre>"},
		{"a table", "|a|b|\n|-|-|\n|1|2|", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>"},
		{"an address", "see https://gitea.example/x.", `<p>see <a href="https://gitea.example/x" ` + link + `>https://gitea.example/x</a>.</p>`},
		{"a link", "[it](https://gitea.example \"title\")", `<p><a href="https://gitea.example" ` + link + `>it</a></p>`},
		{"a picture is its name", "![the logo](https://evil.example/track.png)", "<p>the logo</p>"},
		{"a badge is a link", "[![docs](https://evil.example/b.svg)](https://docs.example)", `<p><a href="https://docs.example" ` + link + `>docs</a></p>`},
		{"HTML is its text", "a <b>bold</b> <i class=\"fa\"></i>word", "<p>a bold word</p>"},
		{"a block of HTML is its text", "<div align='center'>\n  <h2 style='font-size: 24px'>Gitea LXC</h2>\n  <img src='https://evil.example/x.png'>\n</div>", "<p>Gitea LXC</p>"},
		{"a link that leads to Berth itself", "[out](/logout) [up](../x) [here](#q)", "<p>out up here</p>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := markdown(test.text); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// hostileNotes are ways that have brought scripts through Markdown and through filters of HTML.
var hostileNotes = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `<svg/onload=alert(1)>`, `<iframe src="javascript:alert(1)">`, `<body onload=alert(1)>`,
	"<script\n>alert(1)</script\n>", `<scr<script>ipt>alert(1)</scr</script>ipt>`, `<<script>alert(1);//<</script>`, `<IMG """><SCRIPT>alert(1)</SCRIPT>">`,
	`[x](javascript:alert(1))`, `[x](JaVaScRiPt:alert(1))`, "[x](java\nscript:alert(1))", `[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))`,
	`[x](&#106;avascript:alert(1))`, `[x](javascript&colon;alert(1))`, "[x](\x01javascript:alert(1))", `[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)`,
	`[x](vbscript:msgbox(1))`, `[x](file:///etc/passwd)`, `[x](//evil.example)`, `[x]( javascript:alert(1))`, `[x](<javascript:alert(1)>)`, `<javascript:alert(1)>`,
	"[x][1]\n\n[1]: javascript:alert(1)", `![x](javascript:alert(1))`, `![x](x"onerror="alert(1))`, `![x](https://x/"onerror="alert(1))`, `[a](https://x 'x" onmouseover="alert(1)')`,
	`[x](https://x.example/" onmouseover="alert(1))`, `https://x.example/"onmouseover="alert(1)`, `<https://x.example/"onmouseover="alert(1)>`, "`<script>`<script>alert(1)</script>",
	"```\"><script>alert(1)</script>\nx\n```", "<!--><script>alert(1)</script>-->", `<![CDATA[<script>alert(1)</script>]]>`, `<?php <script>alert(1)</script> ?>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`, `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<form action="/logout" method=post><button>x</button></form>`, `<a hx-post="/containers/home:101/actions/delete" hx-trigger="load">x</a>`, `<div hx-get="/logout" hx-trigger="load">`,
	`<hx-partial hx-target="body">gone</hx-partial>`, `<button data-sheet="/x">x</button>`, `<style>body{display:none}</style>`, `<p style="position:fixed;inset:0">x</p>`,
	`<link rel=stylesheet href=//evil.example/x.css>`, `<meta http-equiv=refresh content="0;url=//evil.example">`, `<base href="//evil.example/">`, `<object data="javascript:alert(1)">`,
	`<textarea><img src=x onerror=alert(1)>`, `<title><img src=x onerror=alert(1)>`, `</p></section></main><script>alert(1)</script>`, `# <img src=x onerror=alert(1)> {onclick=alert(1)}`,
	"|a|\n|-|\n|<img src=x onerror=alert(1)>|", "- <script>alert(1)</script>\n  <img src=x onerror=alert(1)>", "> <svg onload=alert(1)>", "\xff<script>alert(1)</script>", "<img\x00src=x onerror=alert(1)>",
	`<details open ontoggle=alert(1)>`, `<a href="https://x.example" onclick=alert(1) target=_self id=q class=btn>x</a>`, `<input autofocus onfocus=alert(1)>`,
}

func TestHostileMarkdownIsHarmless(t *testing.T) {
	t.Parallel()
	for _, text := range hostileNotes {
		checkHarmless(t, text)
		checkHarmless(t, "# A title\n\ntext "+text+" more\n")
	}
}

// Whatever is put together of what means something to Markdown and to HTML, no markup of others comes out.
func TestAnyMarkdownIsHarmless(t *testing.T) {
	t.Parallel()
	pieces := append([]string{"[", "](", ")", "<", ">", "\"", "'", "`", "```\n", "\n\n", "\n", "    ", "# ", "- ", "|", "|-|\n", "![", "javascript:", "https://x.example/", "onerror=alert(1)", "&#x3c;", "&lt;",
		"<!--", "-->", "<script>", "</script>", "<a href=", "\\", "*", "_", "word "}, hostileNotes...)
	rapid.Check(t, func(t *rapid.T) {
		checkHarmless(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(t, "pieces"), ""))
	})
}

// checkHarmless reads what comes of the text as a browser does.
func checkHarmless(t interface{ Errorf(string, ...any) }, text string) {
	allowed := map[string][]string{"a": {"href", "rel", "target"}, "ol": {"start"}}
	for _, tag := range strings.Fields("html head body h3 h4 h5 h6 p br hr em strong del code pre blockquote ul li table thead tbody tr th td") {
		allowed[tag] = nil
	}
	got := markdown(text)
	root, err := html.Parse(strings.NewReader(got))
	text, got = text[:min(len(text), 500)], got[:min(len(got), 500)] // for people
	if err != nil {
		t.Errorf("%q gives %q, which is no HTML: %v", text, got, err)
		return
	}
	for node := range root.Descendants() {
		attributes, known := allowed[node.Data]
		if node.Type == html.CommentNode || node.Type == html.ElementNode && !known {
			t.Errorf("%q gives %q with <%s>", text, got, node.Data)
		}
		for _, attribute := range node.Attr {
			if !slices.Contains(attributes, attribute.Key) {
				t.Errorf("%q gives %q with the attribute %s", text, got, attribute.Key)
			}
			if lower := strings.ToLower(attribute.Val); attribute.Key == "href" && !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "mailto:") {
				t.Errorf("%q gives %q, which leads to %s", text, got, attribute.Val)
			}
			if attribute.Key == "rel" && attribute.Val != "nofollow noreferrer noopener" && attribute.Val != "nofollow noreferrer" {
				t.Errorf("%q gives %q with rel %s", text, got, attribute.Val)
			}
		}
	}
}

// Notes that are made to take long take no longer than a page may.
func TestLongMarkdownIsCut(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"[", "*a_", "> ", "<a ", "![](", "`", "|a", "- ", "é"} {
		checkHarmless(t, strings.Repeat(piece, 1<<20/len(piece)))
	}
}
