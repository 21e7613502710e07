package signin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// A new recovery code is shown until the person has saved it. After the next sign-in there is another.
func TestRecoveryCode(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewBrowser()
	p := b.Get("/create").Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	first := p.TextOf("recovery-code")
	var second string

	t.Run("shown on the next page", func(t *testing.T) {
		if again := b.Get("/files").TextOf("recovery-code"); again != first {
			t.Errorf("another code: %s, %s", first, again)
		}
	})
	t.Run("new after signing in", func(t *testing.T) {
		b.Get("/recovery-code").Click("sign-out")
		p = b.SignIn("/sign-in", webtest.Anna)
		if second = p.TextOf("recovery-code"); second == first {
			t.Error("the same code")
		}
		file := p.Attr("recovery-save", "href")
		if !strings.Contains(file, second) || !strings.HasPrefix(file, "data:text/plain") {
			t.Errorf("file %s", file)
		}
	})
	t.Run("not shown once saved", func(t *testing.T) {
		if p = p.Click("recovery-saved"); p.Title() != "Your files" {
			t.Errorf("after saving: %q", p.Title())
		}
		p = b.Get("/recovery-code")
		if p.Has("recovery-code") || !strings.Contains(p.Text(), "We do not show a code twice.") {
			t.Errorf("the code is shown again: %s", p.Text())
		}
	})
	t.Run("recovers the library", func(t *testing.T) {
		const newPassword = "another four plain words"
		b := w.NewBrowser()
		p := b.Get("/recover").
			Click("recover", "email", webtest.Anna, "recovery-input", first, "password", newPassword)
		if p.Status != http.StatusUnprocessableEntity {
			t.Errorf("void code: %d", p.Status)
		}
		typed := strings.ToLower(strings.ReplaceAll(second, "-", " "))
		p = p.Click("recover", "email", webtest.Anna, "recovery-input", typed, "password", newPassword)
		if third := p.TextOf("recovery-code"); third == second || third == first {
			t.Error("no new code after recovery")
		}
	})
}
