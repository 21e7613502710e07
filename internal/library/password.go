package library

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// PasswordProblem is what is wrong with a new password.
type PasswordProblem string

// The problems of passwords.
const (
	PasswordShort   PasswordProblem = "short"
	PasswordLong    PasswordProblem = "long"
	PasswordCommon  PasswordProblem = "common"
	PasswordIsEmail PasswordProblem = "email"
)

// PasswordError refuses a new password.
type PasswordError struct{ Problem PasswordProblem }

func (e *PasswordError) Error() string { return "password refused: " + string(e.Problem) }

// MinPassword is the shortest length of a password, in characters.
const MinPassword = 12

// maxPassword is the largest length of a password, in bytes.
const maxPassword = 1024

// checkPassword returns a [*PasswordError] for a password that a library cannot have. The rule is that of NIST
// SP 800-63B: a password is long enough, and is not what everybody tries first. It has no rule about the kinds of
// characters. Strangers send passwords, so the time is bounded: see [guessBits].
func checkPassword(password, email string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return &PasswordError{PasswordShort}
	case len(password) > maxPassword:
		return &PasswordError{PasswordLong}
	case strings.EqualFold(strings.TrimSpace(password), email):
		return &PasswordError{PasswordIsEmail}
	case guessBits(password, ownWords(email)) < minGuessBits:
		return &PasswordError{PasswordCommon}
	}
	return nil
}

// minGuessBits is how many guesses a password withstands at least, as a power of two: a million. That many take a year
// at the sign-in page, and a few hours with a stolen database.
const minGuessBits = 20

// ownWords are the words of a person that an attacker tries first: the parts of their e-mail address, and the name of
// the service.
func ownWords(email string) []string {
	local, domain, _ := strings.Cut(email, "@")
	words := append([]string{"carrel", email, local, domain}, strings.FieldsFunc(email, func(r rune) bool {
		return strings.ContainsRune("@.-_+", r)
	})...)
	return slices.DeleteFunc(words, func(word string) bool { return utf8.RuneCountInString(word) < minWord })
}
