package account_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo Clinic")
	b, token := w.Allows(webtest.Anna, clinic)
	clinic.Push(token, wire.Descriptor{MIMEType: "text/plain"}, "x")
	p := b.Get("/grants")
	id := strings.TrimPrefix(p.FirstTestID("grant-"), "grant-")

	t.Run("active", func(t *testing.T) {
		for _, want := range []string{
			"Demo Clinic Active", "It may Add files to your library", "Allowed on 24 November 2026",
			"Until 23 May 2027", "Stop access of Demo Clinic",
		} {
			if !strings.Contains(p.TextOf("grant-"+id), want) {
				t.Errorf("grant lacks %q: %s", want, p.TextOf("grant-"+id))
			}
		}
	})
	t.Run("revoke", func(t *testing.T) {
		if p = p.Click("revoke-" + id); p.Title() != "Stop the access of Demo Clinic?" {
			t.Fatalf("page %q", p.Title())
		}
		if p.Click("cancel").Title() != "Apps with access" {
			t.Error("no link back")
		}
		p = p.Click("revoke-confirm")
		if got := p.TextOf("notice"); got != "Demo Clinic can no longer use your library." {
			t.Errorf("notice %q", got)
		}
	})
	t.Run("revoked", func(t *testing.T) {
		got := p.TextOf("grant-" + id)
		if !strings.Contains(got, "You stopped it") || !strings.Contains(got, "Ended on 24 November 2026") ||
			p.Has("revoke-"+id) {
			t.Errorf("grant: %s", got)
		}
		if b.Get("/grants").Has("notice") {
			t.Error("the notice is shown twice")
		}
		if p := b.Get("/grants/" + id + "/stop"); p.Status != http.StatusNotFound {
			t.Errorf("revoking again: %d", p.Status)
		}
	})
}
