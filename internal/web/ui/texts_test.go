package ui_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Error pages and refused passwords have their texts by keys that are put together or looked up.
func TestErrorsHaveTexts(t *testing.T) {
	t.Parallel()
	for _, key := range ui.ErrorPageKeys() {
		for _, part := range []string{".h1", ".text"} {
			if !english().HasText(key + part) {
				t.Errorf("no %s%s", key, part)
			}
		}
	}
	problems := []library.PasswordProblem{library.PasswordShort, library.PasswordCommon, library.PasswordIsEmail}
	for _, problem := range problems {
		spans := english().PasswordMessage(&library.PasswordError{Problem: problem})
		if len(spans) == 0 || spans[0].Text == "" {
			t.Errorf("no text for a password that is %s", problem)
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	texts := ui.NewTexts(map[string]string{"a": "{app} read the file [{file} of {day}], or [another]."})
	spans := texts.Spans("a", "app", ui.Bold("Clinic"), "file", "blood", "day", "today",
		"link", ui.Link("/files/1", ""), "link2", ui.Link("/files", ""))
	var got []string
	for _, p := range spans {
		s := p.Text
		if p.Href != "" {
			s += "→" + p.Href
		}
		if p.Bold {
			s = "*" + s + "*"
		}
		got = append(got, s)
	}
	want := "*Clinic*| read the file |blood of today→/files/1|, or |another→/files|."
	if strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
	if got := texts.Text("a", "app", "<b>", "file", "f", "day", "d"); got != "<b> read the file f of d, or another." {
		t.Errorf("text %q", got)
	}
}

var languages = ui.LoadLanguages()

func english() *ui.Texts { return languages.Get("en") }
func dutch() *ui.Texts   { return languages.Get("nl") }
