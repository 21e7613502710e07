package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/simulator"
)

// What TestNoSecretsLeak looks for: a citizen service number, and words that occur nowhere
// else.
const (
	plantedBSN    = "999911120"
	plantedWords  = "zeldzame-oogziekte-van-geplant"
	plantedNumber = "1234.56789"
)

// TestNoSecretsLeak takes a server through every outcome of a push to a provider. No token
// or code, no citizen service number and nothing of a resource may be in the log, in an
// error, in the chain log, or in a file of the server.
func TestNoSecretsLeak(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	c := newCourier(t, data, filepath.Join(data, "carrel.db"))
	chain := filepath.Join(t.TempDir(), "chain.log")
	c.flags = append(c.flags, "--medmij-log", chain, "--delivery-retry", "1h")
	c.connect(t)

	var told []string // what the application was told
	push := func(mode simulator.ResourceMode, resource any) error {
		b := c.sim.Behaviour("")
		b.Resource = mode
		c.sim.SetBehaviour("", b)
		body, err := digime.MarshalResource(resource)
		if err == nil {
			_, err = c.user.PushToProvider(t.Context(), c.account, digime.STU3, body)
		}
		if err != nil {
			told = append(told, err.Error())
			var e *digime.Error
			if errors.As(err, &e) && errors.Is(err, digime.ErrValidation) {
				// A provider's outcome may repeat what was sent; ours must not.
				told = append(told, string(e.Outcome))
			}
		}
		return err
	}
	bsn := map[string]any{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": plantedBSN}
	if err := push(simulator.ResourceOK, planted(bsn)); !errors.Is(err, digime.ErrValidation) {
		t.Errorf("a citizen number: %v", err)
	}
	for _, broken := range []string{
		`{"resourceType":"Observation","status":"` + plantedWords + `","code":{"text":"` + plantedWords + `"},` +
			`"valueQuantity":{"value":"` + plantedNumber + `"}}`,
		`{"resourceType":"Observation","` + plantedBSN + `":1,` +
			`"subject":{"reference":"` + plantedWords + ` ` + plantedBSN + `"}`,
	} {
		if err := push(simulator.ResourceOK, json.RawMessage(broken)); err == nil {
			t.Error("a broken resource was taken")
		}
	}
	for _, mode := range []simulator.ResourceMode{
		simulator.ResourceOK, simulator.ResourceUnprocessable, simulator.ResourceFiled500, simulator.ResourceCutAfter,
		simulator.ResourceEndless, simulator.ResourceHTML, simulator.ResourceBusy, simulator.ResourceUnauthorized,
		simulator.ResourceOK,
	} {
		err := push(mode, planted(nil))
		t.Logf("%q: %v", mode, err)
	}
	if len(c.sim.Filed()) == 0 {
		t.Fatal("nothing arrived: nothing was tested")
	}
	token := c.user.Token()
	c.process.kill()

	secrets := append(c.sim.Secrets(), token.AccessToken.Value.Reveal(), token.RefreshToken.Value.Reveal(),
		c.person.Password, plantedBSN, plantedWords, plantedNumber)
	if len(secrets) < 10 {
		t.Fatalf("only %d secrets to look for", len(secrets))
	}
	for _, text := range told {
		search(t, "an error", []byte(text), secrets)
	}
	search(t, "the log", c.process.log.Bytes(), secrets)
	log, err := os.ReadFile(chain)
	if err != nil || !bytes.Contains(log, []byte("send_resource_request")) {
		t.Errorf("the chain log tells nothing: %v", err)
	}
	search(t, "the chain log", log, secrets)
	files := 0
	err = filepath.WalkDir(c.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		search(t, "file "+filepath.Base(path), content, secrets)
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

// planted is an observation with the planted words.
func planted(identifier map[string]any) map[string]any {
	r := resourceOf(plantedWords+"-run", false).(map[string]any)
	r["comment"] = plantedWords
	r["valueQuantity"] = map[string]any{"value": json.Number(plantedNumber), "unit": "kg"}
	if identifier != nil {
		r["identifier"] = []any{identifier}
	}
	return r
}

// search looks for each of the secrets: as it is, in URL, JSON and base64 encoding.
func search(t *testing.T, where string, text []byte, secrets []string) {
	t.Helper()
	for i, s := range secrets {
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), string(quoted[1 : len(quoted)-1]),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))} {
			if bytes.Contains(text, []byte(form)) {
				t.Errorf("%s holds secret %d of %d", where, i+1, len(secrets))
			}
		}
	}
}
