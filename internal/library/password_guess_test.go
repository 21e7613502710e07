package library

import (
	"strings"
	"testing"
)

// BenchmarkCheckPassword measures the judgement of passwords that cost the most: whoever sends one has no library yet.
func BenchmarkCheckPassword(b *testing.B) {
	for name, password := range map[string]string{
		"words":  "de kat zit op de warme mat",
		"digits": strings.Repeat("1234567890", 6) + "1234",
		"leet":   strings.Repeat("p4$$w0rd", 8),
		"dense":  strings.Repeat("password1234", 6)[:64],
		"long":   strings.Repeat("lange woorden ", 70) + "!",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = checkPassword(password, "anna.van.den.berg@example.org")
			}
		})
	}
}

// FuzzCheckPassword judges any text as the password of any address.
func FuzzCheckPassword(f *testing.F) {
	f.Add("P@$$w0rd1234 \xff", "anna@example.org")
	f.Add(strings.Repeat("1234567890", 20), strings.Repeat("aaa.", 60)+"@example.org")
	f.Fuzz(func(t *testing.T, password, email string) {
		if err := checkPassword(password, email); err == nil && len(password) < MinPassword {
			t.Error("too short a password is taken")
		}
	})
}
