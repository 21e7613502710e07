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

// theft is what a thief has stolen from a server that has been in use for a while.
type theft struct {
	*attacker
	anna *victim
	bram *victim // whose files the secrets of anna must not open, and the other way round
	carl *victim // has deleted the library
}

func (s *theft) victims() []*victim { return []*victim{s.anna, s.bram, s.carl} }

// burgle uses a server, sweeps what has ended, and steals what is left.
func burgle(t *testing.T) *theft {
	w := carreltest.New(t, func(c *server.Config) { c.DeleteWait = 0 })
	app := w.Application()
	clients := map[string]*carreltest.Contract{
		"writer":       app.Contract(library.Write),
		"reader":       app.Contract(library.Read),
		"revoked":      app.Contract(library.Read),
		"other writer": w.Application().Contract(library.Write),
	}
	s := &theft{}
	for who, v := range map[string]**victim{"anna": &s.anna, "bram": &s.bram, "carl": &s.carl} {
		*v = newVictim(w, who+"@example.org")
	}
	for _, v := range s.victims() {
		old := v.person.Allows(clients["reader"])
		v.dead["session that is over"], v.dead["access token that expired"] = old.Session.Key, old.Token()
	}
	w.Clock.Moves(25 * time.Hour)
	for _, v := range s.victims() {
		v.signsInAgain(t)
		v.use(t, clients)
	}
	must(w.People.Shut(t.Context(), s.carl.person.SignedIn(), carreltest.Password))(t)
	if err := errors.Join(w.Sweeping.SweepExpired(t.Context()), w.Sweeping.SweepBlobs(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.attacker = steal(t, w.Folder, filepath.Join(w.Folder, "master.key"))
	return s
}

func newVictim(w *carreltest.World, email string) *victim {
	v := &victim{person: w.Newcomer(email), pushed: map[string][]byte{}, live: map[string]string{},
		dead: map[string]string{}}
	v.dead["cookie that rested"] = v.person.Cookie.Reveal()
	return v
}

// signsInAgain signs in, out and in again.
func (v *victim) signsInAgain(t *testing.T) {
	t.Helper()
	v.person.SignsIn()
	v.dead["cookie that was signed out"] = v.person.Cookie.Reveal()
	if err := v.person.World().People.SignOut(t.Context(), v.person.SignedIn()); err != nil {
		t.Fatal(err)
	}
	v.person.SignsIn()
	v.live["cookie"], v.code = v.person.Cookie.Reveal(), v.person.PendingCode()
}

// push pushes planted contents, and half a content. Nothing that the application gets for it opens a file.
func (v *victim) push(t *testing.T, c *carreltest.Contract) {
	t.Helper()
	var contents map[string][]byte
	v.text, contents = planted(v.person.Email)
	writer := v.person.Allows(c)
	for name, content := range contents {
		file := must(writer.Pushes(name, content))(t)
		v.pushed[string(file.ID)] = content
	}
	for name, content := range contents { // the person's own are sealed as what is pushed
		file := must(v.person.Imports("own "+name, content))(t)
		v.pushed[string(file.ID)] = content
	}
	half := io.MultiReader(bytes.NewReader(contents["large"]), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := v.person.World().Files.Push(t.Context(), must(writer.Bearer())(t), carreltest.Descriptor(t, nil), half)
	if err == nil {
		t.Fatal("half a body is stored")
	}
	maps.Copy(v.dead, map[string]string{
		"writer's access token":  writer.Token(),
		"writer's refresh token": writer.Refresh(),
		"writer's session":       writer.Session.Key,
		"writer's used code":     writer.Code,
		"the e-mail address":     v.person.Email,
	})
}

// allowReading gives an application secrets that live.
func (v *victim) allowReading(c *carreltest.Contract) (reader *carreltest.Grant) {
	reader = v.person.Allows(c)
	maps.Copy(v.live, map[string]string{
		"access token":     reader.Token(),
		"refresh token":    reader.Refresh(),
		"promised session": reader.Session.Key,
	})
	v.dead["used code"] = reader.Code
	return reader
}

// use pushes and reads, and lets some secrets die.
func (v *victim) use(t *testing.T, clients map[string]*carreltest.Contract) {
	t.Helper()
	w := v.person.World()
	v.push(t, clients["writer"])
	other := v.person.Allows(clients["other writer"])
	reader, revoked := v.allowReading(clients["reader"]), v.person.Allows(clients["revoked"])
	v.live["opened session"] = must(reader.StartsSession(wire.SessionOptions{}))(t)
	for _, g := range []*carreltest.Grant{reader, revoked} {
		must(g.Reads())(t)
	}
	if err := w.Consents.Revoke(t.Context(), v.person.SignedIn(), revoked.ID()); err != nil {
		t.Fatal(err)
	}
	maps.Copy(v.dead, map[string]string{
		"other writer's access token": other.Token(),
		"revoked access token":        revoked.Token(),
		"revoked refresh token":       revoked.Refresh(),
		"revoked session":             revoked.Session.Key,
		"the contract's private key":  string(wire.MarshalPrivateKey(carreltest.Key(0))),
	})
}

// TestTheft is the promise: whoever has the database, the blobs and the master keyring,
// and all secrets that have ended, and all that a write contract ever had, cannot read
// a file. With one live secret they can, so that the test can fail.
func TestTheft(t *testing.T) {
	t.Parallel()
	s := burgle(t)
	if len(s.files) != 8 || len(s.seals) < 12 || len(s.keys) < 8 || len(s.boxes) != 4 || len(s.values) < 200 {
		t.Fatalf("the thief has %d files, %d seals, %d keys, %d boxes, %d values",
			len(s.files), len(s.seals), len(s.keys), len(s.boxes), len(s.values))
	}
	inEpoch := 0
	for _, f := range s.files {
		if f.format == 5 {
			inEpoch++
		}
	}
	if inEpoch != 2 || len(s.epochs) != 2 {
		t.Errorf("%d files in %d epochs, want those of two people", inEpoch, len(s.epochs))
	}
	t.Run("nothing lies there in the clear", s.scanFindsNothing)
	t.Run("the scan finds what lies there in the clear", s.scanFindsWhatIsThere)
	t.Run("the keyring opens the signing key and nothing else", s.keyringOpensSigningKey)
	t.Run("what is there and what has ended opens nothing", s.valuesOpenNothing)
	t.Run("the words that are there open nothing", s.wordsOpenNothing)
	for _, v := range []*victim{s.anna, s.bram} {
		for name, secret := range v.live {
			t.Run("a live "+name+" of "+v.person.Email+" opens all", func(t *testing.T) {
				s.opensAllOf(t, v, value{name, []byte(secret)})
			})
		}
		for name, word := range map[string]string{"password": v.person.Password, "recovery code": v.code} {
			t.Run("the "+name+" of "+v.person.Email+" opens all", func(t *testing.T) {
				s.wordOpensAllOf(t, v, word)
			})
		}
	}
}

func (s *theft) scanFindsNothing(t *testing.T) {
	for _, v := range s.victims() {
		if where := s.scan(v.text); len(where) > 0 {
			t.Errorf("what %s pushed lies in %s", v.person.Email, where)
		}
		words := map[string]string{"password": v.person.Password, "recovery code": v.code}
		for _, secrets := range []map[string]string{v.live, v.dead, words} {
			for name, secret := range secrets {
				if where := s.scan(secret); len(where) > 0 && name != "the e-mail address" {
					t.Errorf("the %s of %s lies in %s", name, v.person.Email, where)
				}
			}
		}
	}
}

// openedByKeyring returns what the master keyring opens, for any purpose that a value there may complete.
func (s *theft) openedByKeyring() []value {
	var purposes []string
	for _, v := range s.values {
		if len(v.bytes) < 100 {
			purposes = append(purposes, "carrel signing key "+string(v.bytes))
		}
	}
	return s.tryKeyring(purposes)
}

func (s *theft) keyringOpensSigningKey(t *testing.T) {
	opened := s.openedByKeyring()
	if len(opened) != 1 || !bytes.Contains(opened[0].bytes, []byte("RSA PRIVATE KEY")) {
		t.Errorf("the keyring opens %d boxes, want the signing key's", len(opened))
	}
}

func (s *theft) valuesOpenNothing(t *testing.T) {
	values := slices.Concat(s.masterKeys(), s.openedByKeyring(), s.values)
	add := func(v *victim, secrets map[string]string) {
		for name, secret := range secrets {
			values = append(values, value{name + " of " + v.person.Email, []byte(secret)})
		}
	}
	for _, v := range s.victims() {
		add(v, v.dead)
	}
	add(s.carl, s.carl.live) // deleted: nothing of theirs lives
	contents, loot := s.try(values)
	for id := range contents {
		t.Errorf("the content of file %s opens", id)
	}
	for _, l := range loot {
		t.Errorf("opens: %s", l.column)
	}
}

func (s *theft) wordsOpenNothing(t *testing.T) {
	words := map[string]bool{"": true, "password": true}
	for _, v := range s.values {
		switch v.column {
		case "libraries.id", "libraries.email", "locks.kind", "logins.id":
			words[string(v.bytes)] = true
		}
	}
	for _, key := range s.tryPasswords(slices.Collect(maps.Keys(words))) {
		t.Errorf("opens: %s", key.column)
	}
}

// wordOpensAllOf is the control of the words: the word opens a box of the person, and the key in it all files.
func (s *theft) wordOpensAllOf(t *testing.T, v *victim, word string) {
	found := false
	for _, key := range s.tryPasswords([]string{word}) {
		if strings.Contains(key.column, string(v.person.Library)) {
			found = true
			s.opensAllOf(t, v, key)
		}
	}
	if !found {
		t.Error("its box does not open")
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

// scanFindsWhatIsThere is the control of the scan: what lies there in the clear is found, in every
// writing and wherever it begins.
func (s *theft) scanFindsWhatIsThere(t *testing.T) {
	if where := s.scan(s.anna.person.Email); len(where) == 0 {
		t.Errorf("%s, which is kept in the clear, is not found", s.anna.person.Email)
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
			if err := os.WriteFile(filepath.Join(s.folder, "clear"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			if where := s.scan(text); len(where) == 0 {
				t.Errorf("%s, at %d: not found", how, at)
			}
		}
	}
}
