package wire

import (
	"errors"
	"strings"
	"testing"
)

func TestParseClientID(t *testing.T) {
	for text, ok := range map[string]bool{
		"RoGsT6ROXISSeZZ5fGqhCEfa0aoTYPa0_Bvgb3zZvgCeVcpH0XMHCaUdmT83GGfBI": true,
		"a_b":                               true,
		"":                                  false,
		"_":                                 false,
		"a":                                 false,
		"a_":                                false,
		"_b":                                false,
		"a_b_c":                             false,
		"a__b":                              false,
		"a b_c":                             false,
		"ä_b":                               false,
		strings.Repeat("a", maxID) + "_b":   true,
		strings.Repeat("a", 65) + "_b":      false,
		"a_" + strings.Repeat("b", maxID+1): false,
	} {
		id, err := ParseClientID(text)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrBadClientID) {
			t.Errorf("%q: error %v", text, err)
		}
		if ok && id.String() != text {
			t.Errorf("%q is written %q", text, id)
		}
	}
}

func TestValidName(t *testing.T) {
	for text, ok := range map[string]bool{
		"0_0_0_2qraAZxbYXkooYzrAcvdda3A": true, "18_11_1_11_x.json": true, "...": true,
		"": false, ".": false, "..": false, "a/b": false, "a%2Fb": false, "a b": false, "ü": false,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
	} {
		if ValidName(text) != ok {
			t.Errorf("ValidName(%q) = %v", text, !ok)
		}
	}
}

func TestNewNonce(t *testing.T) {
	seen := map[string]bool{}
	count := map[rune]int{}
	for range 1000 {
		nonce := NewNonce()
		if !ValidNonce(nonce) || seen[nonce] {
			t.Fatalf("nonce %q is not valid or not fresh", nonce)
		}
		seen[nonce] = true
		for _, c := range nonce {
			count[c]++
		}
	}
	// 32,000 characters, 516 of each expected: far beyond chance is a bias.
	for _, c := range alphabet {
		if count[c] < 350 || count[c] > 700 {
			t.Errorf("%q was drawn %d times of 32,000", c, count[c])
		}
	}
}

func TestChallenge(t *testing.T) {
	// The example of RFC 7636, appendix B.
	const want = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got := Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != want {
		t.Errorf("challenge %s", got)
	}
}

func FuzzParseClientID(f *testing.F) {
	f.Add("RoGsT6ROXISSeZZ5fGqhCEfa0aoTYPa0_Bvgb3zZvgCeVcpH0XMHCaUdmT83GGfBI")
	f.Add("a_b_c")
	f.Add("\x00_\xff")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseClientID(text); err == nil && id.String() != text {
			t.Fatalf("%q is written %q", text, id)
		}
	})
}
