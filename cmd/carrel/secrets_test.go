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
	p := &secretPusher{courier: c}
	p.pushRefused(t)
	p.pushInEveryMode(t)
	token := c.user.Token()
	c.process.kill()

	secrets := append(c.sim.Secrets(), token.AccessToken.Value.Reveal(), token.RefreshToken.Value.Reveal(),
		c.person.Password, plantedBSN, plantedWords, plantedNumber)
	if len(secrets) < 10 {
		t.Fatalf("only %d secrets to look for", len(secrets))
	}
	t.Run("errors", func(t *testing.T) {
		for _, text := range p.told {
			search(t, "an error", []byte(text), secrets)
		}
	})
	t.Run("log", func(t *testing.T) { search(t, "the log", c.process.log.Bytes(), secrets) })
	t.Run("chain log", func(t *testing.T) {
		log, err := os.ReadFile(chain)
		if err != nil || !bytes.Contains(log, []byte("send_resource_request")) {
			t.Errorf("the chain log tells nothing: %v", err)
		}
		search(t, "the chain log", log, secrets)
	})
	t.Run("files", func(t *testing.T) {
		if files := searchFolder(t, c.data, secrets); files < 3 {
			t.Errorf("looked at %d files", files)
		}
	})
}

// secretPusher pushes what nothing may repeat, and remembers what the application was told.
type secretPusher struct {
	*courier
	told []string
}

func (p *secretPusher) push(t *testing.T, mode simulator.ResourceMode, resource any) error {
	b := p.sim.Behaviour("")
	b.Resource = mode
	p.sim.SetBehaviour("", b)
	body, err := digime.MarshalResource(resource)
	if err == nil {
		_, err = p.user.PushToProvider(t.Context(), p.account, digime.STU3, body)
	}
	if err != nil {
		p.told = append(p.told, err.Error())
		var e *digime.Error
		if errors.As(err, &e) && errors.Is(err, digime.ErrValidation) {
			// A provider's outcome may repeat what was sent; ours must not.
			p.told = append(p.told, string(e.Outcome))
		}
	}
	return err
}

// pushRefused pushes what the server does not send.
func (p *secretPusher) pushRefused(t *testing.T) {
	t.Helper()
	bsn := map[string]any{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": plantedBSN}
	if err := p.push(t, simulator.ResourceOK, planted(bsn)); !errors.Is(err, digime.ErrValidation) {
		t.Errorf("a citizen number: %v", err)
	}
	for _, broken := range []string{
		`{"resourceType":"Observation","status":"` + plantedWords + `","code":{"text":"` + plantedWords + `"},` +
			`"valueQuantity":{"value":"` + plantedNumber + `"}}`,
		`{"resourceType":"Observation","` + plantedBSN + `":1,` +
			`"subject":{"reference":"` + plantedWords + ` ` + plantedBSN + `"}`,
	} {
		if err := p.push(t, simulator.ResourceOK, json.RawMessage(broken)); err == nil {
			t.Error("a broken resource was taken")
		}
	}
}

// pushInEveryMode pushes to a provider that answers in many ways.
func (p *secretPusher) pushInEveryMode(t *testing.T) {
	t.Helper()
	for _, mode := range []simulator.ResourceMode{
		simulator.ResourceOK, simulator.ResourceUnprocessable, simulator.ResourceFiled500, simulator.ResourceCutAfter,
		simulator.ResourceEndless, simulator.ResourceHTML, simulator.ResourceBusy, simulator.ResourceUnauthorized,
		simulator.ResourceOK,
	} {
		t.Logf("%q: %v", mode, p.push(t, mode, planted(nil)))
	}
	if len(p.sim.Filed()) == 0 {
		t.Fatal("nothing arrived: nothing was tested")
	}
}

// searchFolder looks for the secrets in all files of a folder, and returns how many there are.
func searchFolder(t *testing.T, folder string, secrets []string) (files int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		search(t, "file "+filepath.Base(path), content, secrets)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
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
