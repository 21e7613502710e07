package account_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestCheckpointTexts gives a saved checkpoint back as editors and mail programs leave it.
func TestCheckpointTexts(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewPerson(webtest.Anna)
	saved := b.Get("/activity/checkpoint").Body
	_, signed, _ := strings.Cut(saved, `"signed": "`)
	signed, _, _ = strings.Cut(signed, `"`)
	windows := strings.ReplaceAll(saved, "\n", "\r\n")
	quoted := "> " + strings.ReplaceAll(saved, "\n", "\n> ")
	wrap := func(text string, n int, end string) string {
		var b strings.Builder
		for ; len(text) > n; text = text[n:] {
			b.WriteString(text[:n] + end)
		}
		return b.String() + text
	}
	const mail = "From: Anna\r\nSubject: {my} proof\r\n\r\nDear me, keep this.\r\n\r\n"
	encoded := base64.StdEncoding.EncodeToString([]byte(windows))
	edit := func(old, new string) string {
		t.Helper()
		if !strings.Contains(saved, old) {
			t.Fatalf("no %s in %s", old, saved)
		}
		return strings.Replace(saved, old, new, 1)
	}
	const same, unknown = "same", "unknown"
	for name, tt := range map[string]struct {
		text, state string
		edited      bool
	}{
		"as saved":             {saved, same, false},
		"byte order mark":      {"\ufeff" + windows, same, false},
		"UTF-16, little":       {utf16Of(windows, false), same, false},
		"UTF-16, big":          {utf16Of(saved, true), same, false},
		"signed part":          {signed, same, false},
		"signed part in text":  {"It is " + signed + ", as I said.", same, false},
		"signed member only":   {`{"signed": "` + signed + `"}`, same, false},
		"mail":                 {mail + windows + "\r\nBye {now}", same, false},
		"quoted mail":          {"Anna wrote:\n" + quoted, same, false},
		"wrapped mail":         {mail + wrap(saved, 72, "\r\n"), same, false},
		"quoted-printable":     {mail + wrap(saved, 72, "=\r\n"), same, false},
		"attached":             {mail + wrap(encoded, 76, "\r\n") + "\r\n--end--", same, false},
		"quotation marks":      {strings.NewReplacer(`"`, "”").Replace(saved), same, false},
		"edited number":        {edit(`"events": 1`, `"events": 7`), same, true},
		"edited time, in mail": {mail[:10] + edit(`"time": "2026`, `"time": "2025`), same, true},
		"edited signed part":   {edit(signed, signed[:len(signed)-9]+"AAAAAAAAA"), unknown, false},
		"something else":       {"{}", unknown, false},
		"many signed parts":    {strings.Repeat("eyJh.b.c ", 5000), unknown, false},
		"nothing":              {"", unknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			action, fields := b.Get("/activity/check").Form("check-checkpoint")
			p := b.PostFile(action, fields, "file", tt.text)
			if got := p.Attr("checkpoint-result", "data-state"); got != tt.state ||
				p.Has("checkpoint-edited") != tt.edited {
				t.Errorf("%d %s, edited %t: %s", p.Status, got, p.Has("checkpoint-edited"), p.Text())
			}
		})
	}
	for text, want := range map[string]string{
		"":        "The 1 line of 24 November 2026 is still there. New since then: 0.",
		"?lng=nl": "De 1 regel van 24 november 2026 staat er nog.",
	} {
		p := b.Get("/activity/check" + text)
		action, fields := p.Form("check-checkpoint")
		fields.Set("text", saved)
		if p = p.Submit(action, fields); !strings.Contains(p.Text(), want) {
			t.Errorf("one line: %s", p.Text())
		}
	}
}

func utf16Of(text string, big bool) string {
	var b strings.Builder
	for _, unit := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		first, second := byte(unit), byte(unit>>8)
		if big {
			first, second = second, first
		}
		b.WriteByte(first)
		b.WriteByte(second)
	}
	return b.String()
}
