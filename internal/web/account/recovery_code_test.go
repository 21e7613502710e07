package account_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestNewRecoveryCode(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewPerson(webtest.Anna)
	p := b.Get("/settings").Click("settings-recovery").Click("new-code", "password", webtest.Password)
	if len(p.TextOf("recovery-code")) != 29 {
		t.Errorf("new code: %s", p.Text())
	}
	p = p.Click("recovery-saved")
	if p.Title() != "Settings" || !strings.Contains(p.Text(), "Made on 24 November 2026 .") {
		t.Errorf("after saving: %s", p.Text())
	}
}
