package library

import (
	"strings"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
)

// PasswordProblem is what is wrong with a new password.
type PasswordProblem string

// The problems of passwords.
const (
	PasswordShort   PasswordProblem = "short"
	PasswordCommon  PasswordProblem = "common"
	PasswordIsEmail PasswordProblem = "email"
)

// PasswordError refuses a new password.
type PasswordError struct{ Problem PasswordProblem }

func (e *PasswordError) Error() string { return "password refused: " + string(e.Problem) }

// MinPassword is the shortest length of a password, in characters.
const MinPassword = 12

// maxRated is how much of a password is rated, in bytes: the time for it grows with the square.
const maxRated = 64

// maxPassword is the largest length of a password, in bytes.
const maxPassword = 1024

// checkPassword returns a [*PasswordError] for a password that a library cannot have.
func checkPassword(password, email string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword || len(password) > maxPassword:
		return &PasswordError{PasswordShort}
	case strings.EqualFold(strings.TrimSpace(password), email):
		return &PasswordError{PasswordIsEmail}
	case zxcvbn.PasswordStrength(firstBytes(password), []string{email, "carrel"}).Score <= 1:
		return &PasswordError{PasswordCommon}
	}
	return nil
}

// firstBytes returns the part of a password that is rated.
func firstBytes(s string) string {
	if len(s) <= maxRated {
		return s
	}
	return strings.ToValidUTF8(s[:maxRated], "")
}
