package account_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestLanguage(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewPerson(webtest.Anna)
	p := b.Get("/settings")
	action, fields := p.Form("settings-language")
	fields.Set("language", "nl")
	if p = p.Submit(action, fields); p.TextOf("notice") != "Vanaf nu praten we Nederlands." {
		t.Errorf("notice %q", p.TextOf("notice"))
	}
}
