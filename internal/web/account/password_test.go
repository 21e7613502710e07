package account_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	const newPassword = "another plain set of words"
	w := webtest.New(t)
	b := w.NewPerson(webtest.Anna)
	other := w.NewBrowser()
	other.SignIn("/sign-in", webtest.Anna)
	p := b.Get("/settings").Click("settings-password")
	for _, tt := range []struct{ current, next, want string }{
		{"a wrong password", newPassword, "This is not your password now"},
		{webtest.Password, webtest.Password, "Choose a password that is not the old one"},
		{webtest.Password, "short", "Choose a longer password"},
		{webtest.Password, "password1234", "Many people use this password"},
		{webtest.Password, webtest.Anna, "Your password may not be your email address"},
	} {
		p = p.Click("change-password", "current-password", tt.current, "new-password", tt.next)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.TextOf("error"), tt.want) {
			t.Errorf("%q, %q: %d %s", tt.current, tt.next, p.Status, p.Text())
		}
	}
	p = p.Click("change-password", "current-password", webtest.Password, "new-password", newPassword)
	if got := p.TextOf("notice"); got != "Your password is changed. Other devices are signed out." {
		t.Errorf("notice %q", got)
	}
	if p := other.Get("/files"); p.Title() != "Sign in to your library" {
		t.Errorf("the other browser sees %q", p.Title())
	}
	p = b.Get("/settings").Click("settings-recovery").Click("new-code", "password", newPassword)
	if !p.Has("recovery-code") {
		t.Errorf("with the new password: %s", p.Text())
	}
}
