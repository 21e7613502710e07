package wire

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The error table is a promise to clients in six languages: a change of it must
// be seen in the golden file.
func TestErrorTable(t *testing.T) {
	var out strings.Builder
	for _, e := range []*Error{
		InvalidRedirectURI("https://app.example/callback"),
		InvalidToken(KindAccessToken),
		InvalidToken(KindRefreshToken),
		InvalidToken(KindAuthorizationCode),
		InvalidToken(KindCodeVerifier),
		ExpiredToken(KindAccessToken),
		ExpiredToken(KindRefreshToken),
		InvalidClient("app_contract"),
		InsufficientScope(),
		ScopeOutOfBounds("The scope goes beyond the contract's"),
		InvalidContractDataRequest("The contract does not read"),
		Validation("mimeType"),
		BadBearer("bearer token is missing"),
		ReplayedNonce("RcyWFUqUZ5Cvnvj9ZKyOlUrHWpVx09OW"),
		NotFound("session"),
		TooLarge("the resource is larger than 10 MiB"),
		Busy(),
		Internal(errors.New("the disk is full")),
	} {
		body, err := json.Marshal(ErrorBody{Error: e})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%d %s\n", e.Status, body)
	}
	const golden = "testdata/errors.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the table has changed (go test -update writes it anew):\n%s\nwant\n%s", out.String(), want)
	}
}

func TestErrorIs(t *testing.T) {
	sentinel := &Error{Code: CodeInvalidToken}
	cause := errors.New("the row is gone")
	err := fmt.Errorf("reading accounts: %w", InvalidToken(KindAccessToken).Because(cause))
	if !errors.Is(err, sentinel) {
		t.Error("an error is not its code's sentinel")
	}
	if errors.Is(err, &Error{Code: CodeNotFound}) {
		t.Error("an error is another code's sentinel")
	}
	if errors.Is(err, InvalidToken(KindRefreshToken)) {
		t.Error("an error is another error of its code")
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}

// The cause is for the log: nothing that travels repeats it.
func TestErrorHidesCause(t *testing.T) {
	e := Internal(errors.New("password=hunter2"))
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
