package api_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

// base/reference takes an account or a storage.
func TestAccountHandleRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	notText := bad("the body is not the JSON that this call takes: value: want a string, got number")
	for body, want := range map[string]refusal{
		"":                                       badValue,
		`null`:                                   badValue,
		`{}`:                                     badValue,
		`{"type":"accountId"}`:                   badValue,
		`{"type":"accountId","value":1}`:         notText,
		`{"type":"email","value":"x"}`:           bad("type must be accountId or cloudId"),
		`{"value":"x"}`:                          bad("type must be accountId or cloudId"),
		`{"type":"cloudId","value":"nostorage"}`: notFound("Storage"),
		`{"type":"accountId","value":"` + strings.Repeat("x", 257) + `"}`: badValue,
	} {
		t.Run(body[:min(len(body), 40)],
			func(t *testing.T) { w.refuses(t, post("reference", w.bearer(w.read, nil), body), want) })
	}
	var got wire.ReferenceAnswer
	w.mustSend(t, post("reference", w.bearer(w.read, nil), `{"type":"accountId","value":"1_x"}`), &got)
	if !wire.ValidName(got.ID) {
		t.Errorf("reference %q", got.ID)
	}
}
