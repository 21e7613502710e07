package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// replayed is the name of the application in the recording.
const replayed = "Recorded Application"

// leftOut has the exchanges that are not replayed, and the reasons.
var leftOut = []struct {
	why  string
	like func(*exchange) bool
}{
	{"the stub answers in place of the person when a page is opened a second time", func(e *exchange) bool {
		return strings.Contains(e.Request.Query, "x_seen=")
	}},
}

// below returns a function that reports whether an exchange is a call whose path begins with a prefix.
func below(path string) func(*exchange) bool {
	return func(e *exchange) bool { return strings.HasPrefix(e.call(), path) }
}

// reasonToLeaveOut returns why an exchange is not replayed, or "".
func reasonToLeaveOut(e *exchange) string {
	for _, l := range leftOut {
		if l.like(e) {
			return l.why
		}
	}
	return ""
}

// TestReplay sends the requests of the recording, byte for byte, and checks that each gets a response of the shape that
// the public Node client accepted.
func TestReplay(t *testing.T) {
	t.Parallel()
	rec := loadRecording(t)
	s := carreltest.Serve(t, recordedCatalogue)
	s.Clock.StopsAt(rec.Exchanges[0].At())
	seeds := newSeeder(t, rec, s)
	client := newRawClient(t, s.URL)
	keys := keySet(t, s.URL)

	sent := 0
	out := map[string]int{}
	for _, e := range rec.Exchanges {
		if why := reasonToLeaveOut(e); why != "" {
			out[why]++
			seeds.after(e)
			continue
		}
		s.Clock.StopsAt(e.At())
		seeds.before(e)
		answer := client.send(e)
		sent++
		t.Run(fmt.Sprintf("%03d-%s-%s", e.N, e.Scenario, e.Function), func(t *testing.T) {
			compare(t, e, answer, keys)
			if e.call() == "permission-access/import" && answer.StatusCode < 300 {
				seeds.comparePushed(t, e)
			}
		})
		seeds.after(e)
	}
	t.Logf("%d of %d recorded exchanges replayed", sent, len(rec.Exchanges))
	for _, why := range slices.Sorted(maps.Keys(out)) {
		t.Logf("%3d left out: %s", out[why], why)
	}
}

// maxHead is the largest head of a response that the Node client accepts.
const maxHead = 16 << 10

// compareProviderPush checks that the server refuses the recorded push to a provider because the resource is invalid:
// an Observation without a code. The stub did not validate resources. The refusal shows that the server has understood
// the call.
func compareProviderPush(t *testing.T, a rawAnswer) {
	t.Helper()
	var got wire.ErrorBody
	if err := json.Unmarshal(a.body, &got); err != nil || got.Error == nil {
		t.Fatalf("body %s is not an error (%v)", a.body, err)
	}
	if a.StatusCode != http.StatusBadRequest || got.Error.Code != wire.CodeValidationErrors ||
		!strings.Contains(got.Error.Message, "Bundle.entry[0].resource.code") || got.Error.Outcome == nil {
		t.Errorf("status %d: %s", a.StatusCode, a.body)
	}
}

// compare compares a response with the recorded one.
func compare(t *testing.T, e *exchange, a rawAnswer, keys map[string]wire.JSONWebKey) {
	t.Helper()
	if !strings.HasPrefix(e.Request.Path, "/apps/") {
		compareWithDescription(t, e, a)
	}
	if len(a.head) > maxHead {
		t.Errorf("%d bytes of headers", len(a.head))
	}
	if strings.HasPrefix(e.Request.Path, "/apps/") {
		comparePage(t, a)
		return
	}
	if below("/cloud/")(e) {
		compareCloud(t, e, a)
		return
	}
	if e.Answer.Status >= 400 {
		compareError(t, e, a)
		return
	}
	if below("permission-access/import/")(e) {
		compareProviderPush(t, a)
		return
	}
	if a.StatusCode/100 != 2 {
		t.Fatalf("status %d, recorded %d: %s", a.StatusCode, e.Answer.Status, a.body)
	}
	session, file := e.session()
	switch {
	case file != "":
		compareFile(t, e, a)
		return
	case below("export/")(e):
		compareReport(t, e, a)
		return
	case e.call() == "permission-access/import":
		return // the protocol does not specify the body of a success
	case e.Answer.Status == http.StatusNoContent:
		if len(a.body) > 0 {
			t.Errorf("body %q, recorded none", a.body)
		}
		return
	}
	recorded, err := e.Answer.Body.bytes()
	if err != nil {
		t.Fatal(err)
	}
	if isCatalogue(e) {
		compareCatalogue(t, e, recorded, a.body)
		return
	}
	if err := sameJSON(recorded, a.body); err != nil {
		t.Error(err)
	}
	if session != "" && !strings.Contains(string(recorded), `"pending"`) {
		if got, want := seeded(t, a.body), seeded(t, recorded); !slices.Equal(got, want) {
			t.Errorf("pushed files %v, recorded %v", got, want)
		}
	}
	if e.Decoded.AnswerToken != nil {
		compareToken(t, e, a, keys)
	}
}

// comparePage checks that the response is a page that asks the person. The stub redirected instead.
func comparePage(t *testing.T, a rawAnswer) {
	t.Helper()
	if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("status %d, type %q: %.300s", a.StatusCode, a.Header.Get("Content-Type"), a.body)
	}
	if !strings.Contains(string(a.body), replayed) {
		t.Errorf("the page does not name %s", replayed)
	}
}

// compareToken checks that a response is a JWT with the recorded claims, and that the key that its header names
// verifies it.
func compareToken(t *testing.T, e *exchange, a rawAnswer, keys map[string]wire.JSONWebKey) {
	t.Helper()
	var answer wire.SignedAnswer
	if err := json.Unmarshal(a.body, &answer); err != nil {
		t.Fatal(err)
	}
	token, err := wire.ParseToken(answer.Token)
	if err != nil {
		t.Fatal(err)
	}
	jwk, ok := keys[token.Header.KeyID]
	if !ok {
		t.Fatalf("no key %q in the key set", token.Header.KeyID)
	}
	if !strings.HasSuffix(token.Header.KeySetURL, "/v1.7/jwks/oauth") || token.Header.Type != "JWT" {
		t.Errorf("header %+v", token.Header)
	}
	key, err := wire.ParsePublicKey([]byte(jwk.PEM))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(key); err != nil {
		t.Error(err)
	}
	var claims map[string]json.RawMessage
	if err := token.Peek(&claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"exp", "nbf"} {
		if _, ok := claims[name]; ok {
			t.Errorf("claim %s, which a client would compare with its own clock", name)
		}
	}
	got, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameJSON(e.Decoded.AnswerToken.Payload, got); err != nil {
		t.Errorf("claims: %v", err)
	}
}

// keySet fetches the keys that verify the server's JWTs, by their id.
func keySet(t *testing.T, server string) map[string]wire.JSONWebKey {
	t.Helper()
	answer, err := http.Get(server + "/v1.7/jwks/oauth")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var set wire.KeySet
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	keys := map[string]wire.JSONWebKey{}
	for _, k := range set.Keys {
		keys[k.KeyID] = k
	}
	return keys
}

// comparePushed checks that the file of a push has the metadata that the recording has when it reads this file.
func (d *seeder) comparePushed(t *testing.T, e *exchange) {
	t.Helper()
	p := d.owners[e.claims().AccessToken]
	files, err := d.db.ListFiles(t.Context(), p.library.ID, library.FileCursor{NewestFirst: true}, 1)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	body, err := e.Request.Body.bytes()
	if err != nil {
		t.Fatal(err)
	}
	files[0] = files[0].Decoded()
	if files[0].Size != int64(len(body)) {
		t.Errorf("file of %d bytes, pushed %d", files[0].Size, len(body))
	}
	got, err := json.Marshal(map[string]any{"metadata": files[0].Metadata})
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range d.rec.Exchanges {
		metadata, err := wire.ParseFileMetadata(read.Answer.Headers["x-metadata"])
		if err != nil || metadata.Raw == nil || !slices.Equal(metadata.Raw.Reference, files[0].Metadata.Reference) {
			continue
		}
		if err := sameJSON(read.Decoded.AnswerMetadata, got); err != nil {
			t.Error(err)
		}
		m, f := metadata.Raw, files[0].Metadata
		if m.MIMEType != f.MIMEType || m.ApplicationID != f.ApplicationID || m.ContractID != f.ContractID ||
			m.PartnerID != f.PartnerID ||
			m.Accounts[0].AccountID != f.Accounts[0].AccountID ||
			!slices.Equal(m.Tags, f.Tags) {
			t.Errorf("metadata %s, recorded %s", got, read.Decoded.AnswerMetadata)
		}
		return
	}
	t.Error("the recording never reads this file")
}
