package pages

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/library"
)

// form is the fields of a page, as they are shown again after a fault.
type form struct{ Fields []*field }

// The kinds of field; each has its template.
const (
	kindEmail    = "email"
	kindPassword = "password"
	kindCode     = "code"
	kindTick     = "tick"
)

// field is one labelled input.
type field struct {
	Kind string
	// Name is also the input's id and data-testid.
	Name        string
	Label, Hint string
	// Value is what the person typed; never a password.
	Value        string
	Autocomplete string
	// Fault says what is wrong with it.
	Fault []piece
}

// FaultText is the fault without its links, for the summary, which links itself.
func (f *field) FaultText() string {
	var b strings.Builder
	for _, p := range f.Fault {
		b.WriteString(p.Text)
	}
	return b.String()
}

// Min is the least length that a browser may point out.
func (f *field) Min() int {
	if f.Autocomplete == "new-password" {
		return library.MinPassword
	}
	return 0
}

// Get finds a field by its name.
func (f *form) Get(name string) *field {
	for _, field := range f.Fields {
		if field.Name == name {
			return field
		}
	}
	return &field{Name: name}
}

// Failed reports whether any field has a fault.
func (f *form) Failed() bool {
	if f == nil {
		return false
	}
	for _, field := range f.Fields {
		if len(field.Fault) > 0 {
			return true
		}
	}
	return false
}

// emailField asks for an e-mail address.
func emailField(label, hint, value string) *field {
	return &field{Kind: kindEmail, Name: "email", Label: label, Hint: hint, Value: value, Autocomplete: "username"}
}

// currentPassword asks for the password that is.
func currentPassword(name, label string) *field {
	return &field{Kind: kindPassword, Name: name, Label: label, Autocomplete: "current-password"}
}

// newPassword asks for a password to be.
func newPassword(name, label, hint string) *field {
	return &field{Kind: kindPassword, Name: name, Label: label, Hint: hint, Autocomplete: "new-password"}
}

// typed is what a person typed into a field, without the spaces around it that the
// keyboards of phones add. Passwords are taken as they are.
func typed(r *http.Request, name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }

// passwordFaults are the texts for a password that the library refuses.
var passwordFaults = map[library.PasswordProblem]string{
	library.PasswordShort:   "create.error.password_short",
	library.PasswordCommon:  "create.error.password_common",
	library.PasswordIsEmail: "create.error.password_email",
}

// shortFault is the fault of a new password that is plainly too short, so that it is
// told together with those of the other fields.
func (t *texts) shortFault(password string) []piece {
	if utf8.RuneCountInString(password) < library.MinPassword {
		return t.say("create.error.password_short")
	}
	return nil
}
