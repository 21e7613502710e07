package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorIs(t *testing.T) {
	sentinel := &Error{Code: CodeInvalidToken}
	cause := errors.New("the row is gone")
	err := fmt.Errorf(
		"reading accounts: %w",
		(&Error{Code: CodeInvalidToken, Message: "The token is invalid"}).Because(cause),
	)
	if !errors.Is(err, sentinel) {
		t.Error("an error is not its code's sentinel")
	}
	if errors.Is(err, &Error{Code: CodeNotFound}) {
		t.Error("an error is another code's sentinel")
	}
	if errors.Is(err, &Error{Code: CodeInvalidToken, Message: "The token is expired"}) {
		t.Error("an error is another error of its code")
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}

// The cause is for the log: nothing that travels repeats it.
func TestErrorHidesCause(t *testing.T) {
	e := (&Error{Code: CodeInternal, Message: "Something went wrong"}).Because(errors.New("password=hunter2"))
	e.Reference = NewReference()
	body, err := json.Marshal(ErrorBody{Error: e})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body)+e.Error(), "hunter2") {
		t.Errorf("the cause shows in %s or %q", body, e.Error())
	}
	if !strings.Contains(e.Error(), e.Reference) {
		t.Errorf("%q does not name the reference", e.Error())
	}
}

func TestReference(t *testing.T) {
	a, b := NewReference(), NewReference()
	if len(a) != 32 || !ValidNonce(a) || a == b {
		t.Errorf("references %q and %q", a, b)
	}
}
