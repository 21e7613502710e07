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
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
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
	person *carreltest.Person
	text   string
	pushed map[string][]byte // by file id
	live   map[string]string
	dead   map[string]string
	code   string
}

// burgled is a server that has been in use for a while: two people with files, tokens,
// sessions and logins, of which some have ended and been swept, and a third who has
// deleted their library.
func burgled(t *testing.T) (w *carreltest.World, keyring string, victims []*victim) {
	w = carreltest.New(t, func(c *server.Config) { c.DeleteWait = 0 })
	keyring = filepath.Join(w.Folder, "master.key")
	app := w.Application()
	clients := map[string]*carreltest.Contract{
		"writer":       app.Contract(library.Write),
		"reader":       app.Contract(library.Read),
		"revoked":      app.Contract(library.Read),
		"other writer": w.Application().Contract(library.Write),
	}
	for _, who := range []string{"anna", "bram", "carl"} {
		v := &victim{
			person: w.Newcomer(who + "@example.org"),
			pushed: map[string][]byte{},
			live:   map[string]string{},
			dead:   map[string]string{},
		}
		v.dead["cookie that rested"] = v.person.Cookie.Reveal()
		old := v.person.Allows(clients["reader"])
		v.dead["session that is over"], v.dead["access token that expired"] = old.Session.Key, old.Token()
		victims = append(victims, v)
	}
	w.Clock.Moves(25 * time.Hour)
	for i, v := range victims {
		v.person.SignsIn()
		v.dead["cookie that was signed out"] = v.person.Cookie.Reveal()
		if err := w.People.SignOut(t.Context(), v.person.SignedIn()); err != nil {
			t.Fatal(err)
		}
		v.person.SignsIn()
		v.code = v.person.PendingCode()
		v.use(t, clients)
		if i == 2 {
			must(w.People.Shut(t.Context(), v.person.SignedIn(), carreltest.Password))(t)
		}
	}
	if err := errors.Join(w.Sweeping.SweepExpired(t.Context()), w.Sweeping.SweepBlobs(t.Context())); err != nil {
		t.Fatal(err)
	}
	return w, keyring, victims
}

// use pushes and reads, and lets some secrets die.
func (v *victim) use(t *testing.T, clients map[string]*carreltest.Contract) {
	t.Helper()
	w := v.person.World()
	var contents map[string][]byte
	v.text, contents = planted(v.person.Email)
	writer := v.person.Allows(clients["writer"])
	for name, content := range contents {
		file := must(writer.Pushes(name, content))(t)
		v.pushed[string(file.ID)] = content
	}
	half := io.MultiReader(bytes.NewReader(contents["large"]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := w.Files.Push(t.Context(), must(writer.Bearer())(t), carreltest.Descriptor(t, nil), half); err == nil {
		t.Fatal("half a body is stored")
	}
	other := v.person.Allows(clients["other writer"])
	reader, revoked := v.person.Allows(clients["reader"]), v.person.Allows(clients["revoked"])
	session := must(reader.StartsSession(wire.SessionOptions{}))(t)
	for _, g := range []*carreltest.Grant{reader, revoked} {
		must(g.Reads())(t)
	}
	if err := w.Consents.Revoke(t.Context(), v.person.SignedIn(), revoked.ID()); err != nil {
		t.Fatal(err)
	}
	maps.Copy(v.live, map[string]string{
		"cookie": v.person.Cookie.Reveal(), "access token": reader.Token(),
		"refresh token":    reader.Refresh(),
		"promised session": reader.Session.Key, "opened session": session,
	})
	maps.Copy(v.dead, map[string]string{
		"writer's access token":  writer.Token(),
		"writer's refresh token": writer.Refresh(),
		"writer's session":       writer.Session.Key, "other writer's access token": other.Token(),
		"revoked access token":  revoked.Token(),
		"revoked refresh token": revoked.Refresh(),
		"revoked session":       revoked.Session.Key, "used code": reader.Code, "writer's used code": writer.Code,
		"the contract's private key": string(wire.MarshalPrivateKey(carreltest.Key(0))),
		"the e-mail address":         v.person.Email,
	})
}

// TestTheft is the promise: whoever has the database, the blobs and the master keyring,
// and all secrets that have ended, and all that a write contract ever had, cannot read
// a file. With one live secret they can, so that the test can fail.
func TestTheft(t *testing.T) {
	t.Parallel()
	w, keyring, victims := burgled(t)
	thief := steal(t, w.Folder, keyring)
	if len(thief.files) != 4 || len(thief.seals) < 14 || len(thief.boxes) != 4 || len(thief.values) < 200 {
		t.Fatalf("the thief has %d files, %d seals, %d boxes, %d values",
			len(thief.files), len(thief.seals), len(thief.boxes), len(thief.values))
	}

	t.Run("what lies there", func(t *testing.T) {
		for _, v := range victims {
			if where := thief.scan(v.text); len(where) > 0 {
				t.Errorf("what %s pushed lies in %s", v.person.Email, where)
			}
			for _, secrets := range []map[string]string{v.live, v.dead, {"password": v.person.Password,
				"recovery code": v.code}} {
				for name, secret := range secrets {
					if where := thief.scan(secret); len(where) > 0 && name != "the e-mail address" {
						t.Errorf("the %s of %s lies in %s", name, v.person.Email, where)
					}
				}
			}
		}
		scanSees(t, thief, victims[0].person.Email)
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
				values = append(values, value{name + " of " + v.person.Email, []byte(secret)})
			}
			if v.person.Email == "carl@example.org" { // deleted: nothing of theirs lives
				for name, secret := range v.live {
					values = append(values, value{name + " of " + v.person.Email, []byte(secret)})
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
			t.Run("with a live "+name+" of "+v.person.Email, func(t *testing.T) {
				thief.opensAllOf(t, v, value{name, []byte(secret)})
			})
		}
		for name, word := range map[string]string{"password": v.person.Password, "recovery code": v.code} {
			t.Run("with the "+name+" of "+v.person.Email, func(t *testing.T) {
				keys := thief.tryPasswords([]string{word})
				found := false
				for _, key := range keys {
					if !strings.Contains(key.column, string(v.person.SignedIn().Library.ID)) {
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
