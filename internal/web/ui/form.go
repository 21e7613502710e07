package ui

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/library"
)

// Form is the fields of a page, as they are shown again with their errors.
type Form struct{ Fields []*Field }

// The kinds of field. The template "field" in fields.html has a branch for each.
const (
	KindEmail    = "email"
	KindPassword = "password"
	KindCode     = "code"
	KindCheckbox = "tick"
)

// Field is one labelled input.
type Field struct {
	Kind string
	// Name is also the input's id and data-testid.
	Name        string
	Label, Hint string
	// Value is what the person typed; never a password.
	Value        string
	Autocomplete string
	// Error says what is wrong with the value; nil if nothing is.
	Error []Span
}

// ErrorText is the error as plain text: in the summary, the whole error is a link to the field.
func (f *Field) ErrorText() string {
	var b strings.Builder
	for _, span := range f.Error {
		b.WriteString(span.Text)
	}
	return b.String()
}

// MinLength is the least length of the value that the browser checks; zero if it checks none.
func (f *Field) MinLength() int {
	if f.Autocomplete == "new-password" {
		return library.MinPassword
	}
	return 0
}

// Get finds a field by its name. It returns an empty field if there is none.
func (f *Form) Get(name string) *Field {
	for _, field := range f.Fields {
		if field.Name == name {
			return field
		}
	}
	return &Field{Name: name}
}

// HasErrors reports whether any field has an error.
func (f *Form) HasErrors() bool {
	if f == nil {
		return false
	}
	for _, field := range f.Fields {
		if len(field.Error) > 0 {
			return true
		}
	}
	return false
}

// EmailField asks for an e-mail address.
func EmailField(label, hint, value string) *Field {
	return &Field{Kind: KindEmail, Name: "email", Label: label, Hint: hint, Value: value, Autocomplete: "username"}
}

// CurrentPassword asks for the current password.
func CurrentPassword(name, label string) *Field {
	return &Field{Kind: KindPassword, Name: name, Label: label, Autocomplete: "current-password"}
}

// NewPassword asks for a new password.
func NewPassword(name, label, hint string) *Field {
	return &Field{Kind: KindPassword, Name: name, Label: label, Hint: hint, Autocomplete: "new-password"}
}

// FormText returns what a person typed into a field, without the spaces around it that the keyboards of phones add.
// It is not for passwords, which are taken as they are.
func FormText(r *http.Request, name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }

// passwordMessages are the texts for a password that the library refuses.
var passwordMessages = map[library.PasswordProblem]string{
	library.PasswordShort:   "create.error.password_short",
	library.PasswordLong:    "create.error.password_long",
	library.PasswordCommon:  "create.error.password_common",
	library.PasswordIsEmail: "create.error.password_email",
}

// PasswordMessage says why a new password is refused.
func (t *Texts) PasswordMessage(err *library.PasswordError) []Span {
	return t.Spans(passwordMessages[err.Problem])
}

// ShortPasswordMessage says that a new password is too short; it is nil if it is not. The page shows it together
// with the errors of the other fields, before the library sees the password.
func (t *Texts) ShortPasswordMessage(password string) []Span {
	if utf8.RuneCountInString(password) < library.MinPassword {
		return t.Spans(passwordMessages[library.PasswordShort])
	}
	return nil
}
