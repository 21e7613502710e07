package wire

import "testing"

func TestIsUnicode(t *testing.T) {
	for _, good := range []string{
		``, `{}`, `{"name":"plain"}`, `{"name":"é 😀"}`, `"\ud83d\ude00"`, `"\uD83D\uDE00 and \u00e9"`,
		`"\\ud800"`, `"\\\\ud800"`,
		`"\n\"\/"`, `"\u0000"`, `"\`, `"\u12`,
	} {
		if !IsUnicode([]byte(good)) {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{
		`"\ud800"`, `"\udc00"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\ude00\ud83d"`, `"\\\ud800"`,
		`{"\ud800":1}`, "\"\xff\"", "\"\xed\xa0\x80\"", `"\ud83d\ude00\ud83d`,
	} {
		if IsUnicode([]byte(bad)) {
			t.Errorf("%s is accepted", bad)
		}
	}
}
