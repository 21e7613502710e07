package seal_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/internal/seal"
)

func TestNewRecoveryCode(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	used := map[rune]int{}
	for range 2000 {
		code := seal.NewRecoveryCode()
		if got, err := seal.NormalizeRecoveryCode(code); err != nil || got != code {
			t.Fatalf("%q is brought into the form %q, %v", code, got, err)
		}
		groups := strings.Split(code, "-")
		if len(groups) != 6 || len(code) != 29 {
			t.Fatalf("%q is not six groups of four", code)
		}
		if seen[code] {
			t.Fatalf("%q twice", code)
		}
		seen[code] = true
		for _, r := range strings.ReplaceAll(code, "-", "") {
			used[r]++
		}
	}
	// 48,000 characters, 1,500 of each of 32: a count far off is an error.
	if len(used) != 32 {
		t.Errorf("%d characters in use, want 32", len(used))
	}
	for r, n := range used {
		if n < 1200 || n > 1800 {
			t.Errorf("%c occurs %d times in 48,000", r, n)
		}
	}
}

func TestNormalizeRecoveryCode(t *testing.T) {
	t.Parallel()
	const code = "0123-4567-89AB-CDEF-GHJK-MNPQ"
	for name, typed := range map[string]string{
		"as shown":               code,
		"small letters":          strings.ToLower(code),
		"no dashes":              strings.ReplaceAll(code, "-", ""),
		"spaces":                 " " + strings.ReplaceAll(code, "-", " ") + "\n",
		"lines":                  strings.ReplaceAll(code, "-", "\r\n"),
		"dashes of a text":       strings.ReplaceAll(code, "-", "\u2013"),
		"spaces that do not end": strings.ReplaceAll(code, "-", "\u00a0"),
		"letters for digits":     "OI23-4567-89AB-CDEF-GHJK-MNPQ",
		"small ones, too":        "ol23-4567-89ab-cdef-ghjk-mnpq",
		"grouped otherwise":      "01234-56789-ABCDE-FGHJK-MNPQ",
	} {
		if got, err := seal.NormalizeRecoveryCode(typed); err != nil || got != code {
			t.Errorf("%s: %q gives %q, %v", name, typed, got, err)
		}
	}
	for name, typed := range map[string]string{
		"nothing": "", "spaces": "   ", "one short": code[:28], "one long": code + "0", "twice": code + code,
		"a letter that is not used": "U" + code[1:], "a sign": "*" + code[1:], "an accent": "É" + code[1:],
		"another script": "٠" + code[1:], "no text": "\xff\xfe" + code[1:], "a nul": code + "\x00",
		"very long": strings.Repeat(code, 10_000),
	} {
		if got, err := seal.NormalizeRecoveryCode(typed); !errors.Is(err, seal.ErrInvalidRecoveryCode) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestTypedCodeComesBack types codes the way people do.
func TestTypedCodeComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		code := seal.NewRecoveryCode()
		var typed strings.Builder
		for _, c := range code {
			switch look := rapid.IntRange(0, 3).Draw(r, "look"); {
			case c == '-':
				typed.WriteString([]string{"-", "", " ", " - "}[look])
			case c == '0' && look > 1:
				typed.WriteString("oO"[look-2 : look-1])
			case c == '1' && look > 0:
				typed.WriteString("ilL"[look-1 : look])
			case look == 0:
				typed.WriteString(strings.ToLower(string(c)))
			default:
				typed.WriteRune(c)
			}
		}
		if got, err := seal.NormalizeRecoveryCode(typed.String()); err != nil || got != code {
			r.Fatalf("%q gives %q, %v; want %q", typed.String(), got, err, code)
		}
	})
}
