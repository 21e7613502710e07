package library_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// planted is a text that no thief may find, in a small and a large file.
func planted(who string) (text string, contents map[string][]byte) {
	text = "Uitslag van " + who + ": hemoglobine 8,4 mmol/l, vertrouwelijk"
	return text, map[string][]byte{
		"small": []byte(text),
		"large": bytes.Repeat([]byte(text+"\n"), 5*library.InlineLimit/len(text)),
	}
}

// victim is a person with secrets that live and secrets that have died.
type victim struct {
	person *person
	text   string
	pushed map[string][]byte // by file id
	live   map[string]string
	dead   map[string]string
	code   string
}

// burgled is a server that has been in use for a while: two people with files, tokens,
// sessions and logins, of which some have ended and been swept, and a third who has
// deleted their library.
func burgled(t *testing.T) (w *world, keyring string, victims []*victim) {
	w = newWorldWith(t, settings{})
	keyring = filepath.Join(t.TempDir(), "keyring")
	must(library.OpenSigner(t.Context(), w.db, must(seal.OpenKeyring(keyring))(t), w.clock))(t)
	app := w.application()
	clients := map[string]client{
		"writer": w.contract(
			app,
			library.Write,
		), "reader": w.contract(app, library.Read), "revoked": w.contract(app, library.Read),
		"other writer": w.contract(w.application(), library.Write),
	}
	for _, who := range []string{"anna", "bram", "carl"} {
		v := &victim{
			person: w.person(who + "@example.org"),
			pushed: map[string][]byte{},
			live:   map[string]string{},
			dead:   map[string]string{},
		}
		v.dead["cookie that rested"] = v.person.secret.Reveal()
		old := v.person.allow(clients["reader"])
		v.dead["session that is over"], v.dead["access token that expired"] = old.session.Key, old.tokens.AccessToken.Value
		victims = append(victims, v)
	}
	w.pass(25 * time.Hour)
	for i, v := range victims {
		v.person.signIn()
		v.dead["cookie that was signed out"] = v.person.secret.Reveal()
		if err := w.people.SignOut(t.Context(), v.person.in()); err != nil {
			t.Fatal(err)
		}
		v.person.signIn()
		v.code = v.person.pending()
		v.use(t, clients)
		if i == 2 {
			must(w.people.Shut(t.Context(), v.person.in(), password))(t)
		}
	}
	if err := errors.Join(w.keeping.SweepExpired(t.Context()), w.keeping.SweepBlobs(t.Context())); err != nil {
		t.Fatal(err)
	}
	return w, keyring, victims
}

// use pushes and reads, and lets some secrets die.
func (v *victim) use(t *testing.T, clients map[string]client) {
	t.Helper()
	w := v.person.w
	var contents map[string][]byte
	v.text, contents = planted(v.person.email)
	writer := v.person.allow(clients["writer"])
	for name, content := range contents {
		file := must(writer.push(name, content))(t)
		v.pushed[string(file.ID)] = content
	}
	half := io.MultiReader(bytes.NewReader(contents["large"]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := w.files.Push(t.Context(), must(writer.bearer())(t), descriptor(t, nil), half); err == nil {
		t.Fatal("half a body is stored")
	}
	other := v.person.allow(clients["other writer"])
	reader, revoked := v.person.allow(clients["reader"]), v.person.allow(clients["revoked"])
	session := must(reader.open(wire.SessionOptions{}))(t)
	for _, g := range []granted{reader, revoked} {
		must(g.readNow())(t)
	}
	if err := w.consents.Revoke(t.Context(), v.person.in(), library.GrantID(revoked.tokens.ConsentID)); err != nil {
		t.Fatal(err)
	}
	maps.Copy(v.live, map[string]string{
		"cookie": v.person.secret.Reveal(), "access token": reader.tokens.AccessToken.Value,
		"refresh token":    reader.tokens.RefreshToken.Value,
		"promised session": reader.session.Key, "opened session": session,
	})
	maps.Copy(v.dead, map[string]string{
		"writer's access token":  writer.tokens.AccessToken.Value,
		"writer's refresh token": writer.tokens.RefreshToken.Value,
		"writer's session":       writer.session.Key, "other writer's access token": other.tokens.AccessToken.Value,
		"revoked access token":  revoked.tokens.AccessToken.Value,
		"revoked refresh token": revoked.tokens.RefreshToken.Value,
		"revoked session":       revoked.session.Key, "used code": reader.code, "writer's used code": writer.code,
		"the contract's private key": string(
			wire.MarshalPrivateKey(contractKey()),
		), "the e-mail address": v.person.email,
	})
}

// TestTheft is the promise: whoever has the database, the blobs and the master keyring,
// and all secrets that have ended, and all that a write contract ever had, cannot read
// a file. With one live secret they can, so that the test can fail.
func TestTheft(t *testing.T) {
	t.Parallel()
	w, keyring, victims := burgled(t)
	thief := steal(t, w.folder, keyring)
	if len(thief.files) != 4 || len(thief.seals) < 14 || len(thief.boxes) != 4 || len(thief.values) < 200 {
		t.Fatalf(
			"the thief has %d files, %d seals, %d boxes, %d values",
			len(thief.files),
			len(thief.seals),
			len(thief.boxes),
			len(thief.values),
		)
	}

	t.Run("what lies there", func(t *testing.T) {
		for _, v := range victims {
			if where := thief.scan(v.text); len(where) > 0 {
				t.Errorf("what %s pushed lies in %s", v.person.email, where)
			}
			for _, secrets := range []map[string]string{v.live, v.dead, {"password": v.person.password,
				"recovery code": v.code}} {
				for name, secret := range secrets {
					if where := thief.scan(secret); len(where) > 0 && name != "the e-mail address" {
						t.Errorf("the %s of %s lies in %s", name, v.person.email, where)
					}
				}
			}
		}
		scanSees(t, thief, victims[0].person.email)
	})

	t.Run("what the keys there open", func(t *testing.T) {
		var purposes []string
		for _, v := range thief.values {
			if len(v.bytes) < 100 {
				purposes = append(purposes, "carrel signing key "+string(v.bytes))
			}
		}
		opened := thief.tryKeyring(purposes)
		if len(opened) != 1 || !bytes.Contains(opened[0].bytes, []byte("RSA PRIVATE KEY")) {
			t.Errorf("the keyring opens %d boxes, want the signing key's", len(opened))
		}
		values := append(append(thief.masterKeys(), opened...), thief.values...)
		for _, v := range victims {
			for name, secret := range v.dead {
				values = append(values, value{name + " of " + v.person.email, []byte(secret)})
			}
			if v.person.email == "carl@example.org" { // deleted: nothing of theirs lives
				for name, secret := range v.live {
					values = append(values, value{name + " of " + v.person.email, []byte(secret)})
				}
			}
		}
		contents, loot := thief.try(values)
		for id := range contents {
			t.Errorf("the content of file %s opens", id)
		}
		for _, l := range loot {
			t.Errorf("opens: %s", l.column)
		}
	})

	t.Run("what the words there open", func(t *testing.T) {
		words := map[string]bool{"": true, "password": true}
		for _, v := range thief.values {
			switch v.column {
			case "libraries.id", "libraries.email", "locks.kind", "logins.id":
				words[string(v.bytes)] = true
			}
		}
		for _, key := range thief.tryPasswords(slices.Collect(maps.Keys(words))) {
			t.Errorf("opens: %s", key.column)
		}
	})

	for _, v := range victims[:2] {
		for name, secret := range v.live {
			t.Run("with a live "+name+" of "+v.person.email, func(t *testing.T) {
				thief.opensAllOf(t, v, value{name, []byte(secret)})
			})
		}
		for name, word := range map[string]string{"password": v.person.password, "recovery code": v.code} {
			t.Run("with the "+name+" of "+v.person.email, func(t *testing.T) {
				keys := thief.tryPasswords([]string{word})
				found := false
				for _, key := range keys {
					if !strings.Contains(key.column, string(v.person.in().Library.ID)) {
						continue
					}
					found = true
					thief.opensAllOf(t, v, key)
				}
				if !found {
					t.Error("its box does not open")
				}
			})
		}
	}
}

// opensAllOf is the control: with the key, the tools open all files of the person, and
// nobody else's.
func (a *attacker) opensAllOf(t *testing.T, v *victim, key value) {
	t.Helper()
	contents, _ := a.try([]value{key})
	if len(contents) != len(v.pushed) {
		t.Errorf("%d files open, want %d", len(contents), len(v.pushed))
	}
	for id, content := range v.pushed {
		if !bytes.Equal(contents[id], content) {
			t.Errorf("file %s does not open", id)
		}
	}
}

// scanSees is the control of the scan: what lies there in the clear is found, in every
// writing and wherever it begins.
func scanSees(t *testing.T, thief *attacker, known string) {
	t.Helper()
	if where := thief.scan(known); len(where) == 0 {
		t.Errorf("%s, which is kept in the clear, is not found", known)
	}
	const text = "a text that lies in the clear"
	for at := range 4 {
		shifted := append(make([]byte, at), text+" and goes on"...)
		for how, b := range map[string][]byte{
			"it is": shifted, "hexadecimal": []byte(hex.EncodeToString(shifted)),
			"base64":    []byte(base64.StdEncoding.EncodeToString(shifted)),
			"base64url": []byte(base64.RawURLEncoding.EncodeToString(shifted)), "UTF-16": append(make([]byte, at),
				writings(text)["UTF-16, little-endian"]...),
		} {
			if err := os.WriteFile(filepath.Join(thief.folder, "clear"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			if where := thief.scan(text); len(where) == 0 {
				t.Errorf("%s, at %d: not found", how, at)
			}
		}
	}
}
