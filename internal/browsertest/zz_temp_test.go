package browsertest

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

func TestTempLook(t *testing.T) {
	pages := pagesToLookAt(t)
	for _, size := range sizes {
		if size.name == "768" {
			continue
		}
		var p *Page
		before := ""
		for _, page := range pages {
			if !strings.Contains(","+os.Getenv("LOOK")+",", ","+page.name+",") {
				continue
			}
			switch {
			case p == nil:
				p = page.on.signIn(t, size.look, page.path)
			case page.path != before:
				p.Goto(page.on.App.URL() + page.path)
			default:
				p.Press(kb.Escape)
			}
			before = page.path
			lookAt(t, p, page, size.look, size.name)
		}
	}
}
