package browsertest

import (
	"os"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

func TestShots(t *testing.T) {
	want := regexp.MustCompile(os.Getenv("SHOTS"))
	pages := pagesToLookAt(t)
	for _, size := range sizes {
		if !size.always {
			continue
		}
		var p *Page
		var last *looked
		for i, page := range pages {
			if !want.MatchString(page.name) {
				continue
			}
			switch {
			case last == nil || page.on != last.on:
				p = page.on.signIn(t, size.look, page.path)
			case page.path != last.path:
				p.Goto(page.on.App.URL() + page.path)
			default:
				p.Press(kb.Escape)
			}
			last = &pages[i]
			lookAt(t, p, page, size.look, size.name)
		}
	}
}
