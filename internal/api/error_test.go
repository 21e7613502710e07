package api

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrorTable holds the errors that clients in several languages know: a change is seen in the golden file.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, e := range []*wire.Error{
		invalidRedirectURI("https://app.example/callback"),
		invalidToken(wire.KindAccessToken),
		invalidToken(wire.KindRefreshToken),
		invalidToken(wire.KindAuthorizationCode),
		invalidToken(wire.KindCodeVerifier),
		expiredToken(wire.KindAccessToken),
		expiredToken(wire.KindRefreshToken),
		invalidClient("app_contract"),
		insufficientScope(),
		wire.Validation("mimeType"),
		badBearer("bearer token is missing"),
		replayedNonce("RcyWFUqUZ5Cvnvj9ZKyOlUrHWpVx09OW"),
		notFound("session"),
		largerThan("resource", 10<<20),
		serverBusy(),
		internalError(errors.New("the disk is full")),
	} {
		body, err := json.Marshal(wire.ErrorBody{Error: e})
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
