package library_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestPasswordRules: length is what counts; what everybody tries first is refused, as NIST SP 800-63B asks.
func TestPasswordRules(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	const email = "jannie.de-vries@kliniek.example"
	for name, test := range map[string]struct {
		password string
		want     library.PasswordProblem // empty: taken
	}{
		"a sentence":                 {"de kat zit op de warme mat", ""},
		"three words":                {"paars fietsbel zondag", ""},
		"words without spaces":       {"fourplainwordshere", ""},
		"random letters":             {"xk2vq8rnw0zt", ""},
		"random digits":              {"839204716583", ""},
		"twelve of other scripts":    {"пароль длина", ""},
		"not from the address":       {"vriesveem in een kliniekbed", ""},
		"very long":                  {strings.Repeat("lange woorden ", 70), ""},
		"nothing":                    {"", library.PasswordShort},
		"eleven":                     {"xk2vq8rnw0z", library.PasswordShort},
		"eleven, many bytes":         {"пароль длин", library.PasswordShort},
		"beyond all measure":         {strings.Repeat("a", 1025), library.PasswordLong},
		"common":                     {"password1234", library.PasswordCommon},
		"common, in capitals":        {"PASSWORD1234", library.PasswordCommon},
		"common, with signs":         {"P@$$w0rd!!!!", library.PasswordCommon},
		"common, with accents":       {"pässwördpass", library.PasswordCommon},
		"common, twice":              {"trustno1trustno1", library.PasswordCommon},
		"common, in between":         {"12password12", library.PasswordCommon},
		"two common ones":            {"dragonmonkey", library.PasswordCommon},
		"one letter":                 {strings.Repeat("a", 20), library.PasswordCommon},
		"one letter, very often":     {strings.Repeat("a", 1024), library.PasswordCommon},
		"one letter, and digits":     {"aaaaaaaaaa11", library.PasswordCommon},
		"a row of keys":              {"qwertyuiop12", library.PasswordCommon},
		"another row of keys":        {"azertyuiopqs", library.PasswordCommon},
		"columns of keys":            {"1qaz2wsx3edc", library.PasswordCommon},
		"numbers":                    {"123456789012", library.PasswordCommon},
		"numbers backwards":          {"987654321098", library.PasswordCommon},
		"a number, repeated":         {"123123123123", library.PasswordCommon},
		"a number, repeated by part": {"4711471147114", library.PasswordCommon},
		"the alphabet":               {"abcdefghijklmnop", library.PasswordCommon},
		"the service":                {"carrelcarrel", library.PasswordCommon},
		"the service, and digits":    {"Carrel123456", library.PasswordCommon},
		"a part of the address":      {"jannie123456", library.PasswordCommon},
		"the address, and a digit":   {email + "1", library.PasswordCommon},
		"the address, in part":       {"jannie.de-vries", library.PasswordCommon},
		"the host of the address":    {"kliniek.example", library.PasswordCommon},
		"the address":                {email, library.PasswordIsEmail},
		"the address, in capitals":   {" " + strings.ToUpper(email), library.PasswordIsEmail},
	} {
		_, err := w.People.Create(t.Context(), library.NewPerson{Email: email, Password: test.password})
		var refused *library.PasswordError
		switch {
		case test.want == "" && err != nil && !errors.Is(err, library.ErrEmailTaken):
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (!errors.As(err, &refused) || refused.Problem != test.want):
			t.Errorf("%s: %v, want %s", name, err, test.want)
		case refused != nil && test.password != "" && strings.Contains(err.Error(), test.password):
			t.Errorf("%s: the error repeats the password", name)
		}
	}
}
