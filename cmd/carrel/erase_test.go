package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// pushedFiles is the number of files in each library.
const pushedFiles = 40

// erasedWithin is how long a removed value may remain in a file of a running server.
const erasedWithin = time.Minute

// TestAttackRemovedIsGone reads the raw files of the data folder, as a thief of the disk does. What has gone from the
// tables must be in no file: within a minute while the server runs, after a clean stop, and after a kill and a restart.
func TestAttackRemovedIsGone(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	anna, bert, carla := c.person(t, "anna"), c.person(t, "bert"), c.person(t, "carla")
	c.browser(t).SignIn("/sign-in", anna.email) // another device, which the new password signs out
	stored := c.uploads(t)

	live := t // the server outlives the subtests
	for _, removal := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"revoke", func(t *testing.T) { anna.revoke(t, anna.reader) }},
		{"replace file of storage", func(t *testing.T) {
			c.callsCloud(t, "POST", stored, "other", http.StatusCreated)
		}},
		{"delete file of storage", func(t *testing.T) {
			c.callsCloud(t, "DELETE", stored, "", http.StatusNoContent)
		}},
		{"password", func(t *testing.T) {
			anna.browser.Get("/settings/password").Click("change-password",
				"current-password", webtest.Password, "new-password", "another plain set of words")
			anna.password = "another plain set of words"
		}},
		{"recovery code", func(t *testing.T) {
			anna.browser.Get("/settings/recovery-code").Click("new-code", "password", anna.password).
				Click("recovery-saved")
		}},
		{"sign out", func(*testing.T) { anna.browser.Get("/settings").Click("sign-out") }},
		{"delete library", func(t *testing.T) {
			anna.browser.Get("/sign-in").Click("sign-in", "email", anna.email, "password", anna.password)
			anna.deleteLibrary(t)
		}},
	} {
		t.Run(removal.name, func(t *testing.T) {
			c.removes(t, removal.do)
			c.awaitErased(t)
		})
	}
	t.Run("clean stop", func(t *testing.T) {
		c.removes(t, func(t *testing.T) { bert.revoke(t, bert.reader) })
		c.process.stop(t, syscall.SIGTERM)
		if found := c.found(t); len(found) > 0 {
			t.Errorf("after a clean stop these are in the files: %v", found)
		}
	})
	t.Run("restart", func(t *testing.T) {
		c.start(live)
		if found := c.found(t); len(found) > 0 {
			t.Errorf("after a restart these are in the files: %v", found)
		}
	})
	t.Run("kill", func(t *testing.T) {
		c.removes(t, func(t *testing.T) { bert.deleteLibrary(t) })
		c.process.kill()
		c.start(live)
		c.awaitErased(t)
	})
	t.Run("nothing else was lost", func(t *testing.T) {
		c.process.stop(t, syscall.SIGTERM)
		c.start(live)
		if n := len(carla.readFiles(t)); n != pushedFiles {
			t.Errorf("the library that stayed has %d files, want %d", n, pushedFiles)
		}
	})
}

// awaitErased waits until nothing that was removed is in the files any more.
func (c *clinic) awaitErased(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(erasedWithin); ; time.Sleep(200 * time.Millisecond) {
		found := c.found(t)
		if len(found) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute these are still in the files: %v", found)
		}
	}
}

// clinic is a server with an application, and what has been removed from its tables.
type clinic struct {
	data, database, address string
	process                 *process
	client                  *digime.Client
	write, read             *digime.Contract
	removed                 map[string]string // what each piece of a value was

	// writer is the client of the write contract, and its key.
	writer    wire.ClientID
	writerKey *rsa.PrivateKey
}

// uploads makes a storage with a file, and returns the path of the file.
func (c *clinic) uploads(t *testing.T) string {
	t.Helper()
	bearer, err := wire.Sign(c.writerKey, wire.Header{}, wire.RequestClaims{
		ClientID: c.writer.String(), Nonce: wire.NewNonce(), Timestamp: wire.MillisOf(time.Now()),
	})
	if err != nil {
		t.Fatal(err)
	}
	var made wire.Storage
	body := c.calls(t, "POST", "/v1.7/storage", bearer, "", http.StatusCreated)
	if err := json.Unmarshal(body, &made); err != nil {
		t.Fatal(err)
	}
	path := "/cloud/v1/clouds/" + made.ID + "/files/apps/" + string(c.writer.Application) +
		"/map-met-een-zeldzame-naam/bestand-met-een-zeldzame-naam"
	c.callsCloud(t, "POST", path, strings.Repeat("zeldzame inhoud van een bestand ", 100), http.StatusCreated)
	return path
}

// callsCloud makes a call of the file storage.
func (c *clinic) callsCloud(t *testing.T, method, path, body string, want int) {
	t.Helper()
	now := time.Now()
	header := wire.Header{Type: wire.TypeCloud, KeyID: wire.CloudKeyID(c.writer)}
	bearer, err := wire.Sign(c.writerKey, header, wire.CloudClaims{
		Subject: c.writer.Application, Issuer: c.writer.Contract, Audience: wire.CloudAudience,
		IssuedAt: wire.SecondsOf(now), ExpiresAt: wire.SecondsOf(now.Add(time.Minute)),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.calls(t, method, path, bearer, body, want)
}

// calls makes a call of the protocol, and returns the body of the answer.
func (c *clinic) calls(t *testing.T, method, path, bearer, body string, want int) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.process.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		t.Fatalf("%s: %s %s (%v), want %d", method, answer.Status, text, err, want)
	}
	return text
}

// newClinic starts a server. Its database is an SQLite file in its data folder, or the one that is given.
func newClinic(t *testing.T, database ...string) *clinic {
	t.Helper()
	data := t.TempDir()
	c := &clinic{
		data: data, database: append(database, filepath.Join(data, "carrel.db"))[0], address: freeAddress(t),
		removed: map[string]string{},
	}
	var application struct {
		ID string `json:"applicationId"`
	}
	carrelJSON(t, &application, "application", "add", "--new", "--json", "--name", "Clinic",
		"--data", data, "--database", c.database)
	c.start(t)
	client, err := digime.New(application.ID, digime.WithServer(c.process.url), digime.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	c.client = client
	for access, contract := range map[string]**digime.Contract{"write": &c.write, "read": &c.read} {
		var key struct {
			ContractID string `json:"contractId"`
			PrivateKey string `json:"privateKey"`
		}
		carrelJSON(t, &key, "contract", "add", "--json", "--application", application.ID, "--access", access,
			"--redirect-uri", crashCallback, "--data", data, "--database", c.database)
		if *contract, err = client.ParseContract(key.ContractID, []byte(key.PrivateKey)); err != nil {
			t.Fatal(err)
		}
		if access != "write" {
			continue
		}
		c.writer = wire.ClientID{Application: wire.ApplicationID(application.ID),
			Contract: wire.ContractID(key.ContractID)}
		if c.writerKey, err = wire.ParsePrivateKey([]byte(key.PrivateKey)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *clinic) start(t *testing.T) {
	t.Helper()
	c.process = startServe(t, c.address, "--data", c.data, "--database", c.database, "--delete-wait", "0s")
}

func (c *clinic) browser(t *testing.T) *webtest.Browser {
	return (&webtest.World{World: &carreltest.World{URL: c.process.url}, T: t}).NewBrowser()
}

// patient is a person with a library, files in it, and an application that writes and reads.
type patient struct {
	email, password string
	writer, reader  *digime.User
	browser         *webtest.Browser
}

func (c *clinic) person(t *testing.T, name string) *patient {
	t.Helper()
	p := &patient{email: name + "-van-het-zuiderpark@example.org", password: webtest.Password}
	visitor := demo.NewScriptedVisitor(p.email, p.password)
	p.writer = allows(t, visitor, c.write, digime.UserAccessToken{})
	p.reader = allows(t, visitor, c.read, p.writer.Token())
	for i := range pushedFiles {
		reference := referenceOf(name, i)
		err := p.writer.Push(t.Context(), digime.PushInput{
			Data: bytes.NewReader(contentOf(reference)), MIMEType: "text/plain",
			AccountID: "account-of-" + name, Reference: []string{reference},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.browser = c.browser(t)
	p.browser.SignIn("/sign-in", p.email)
	return p
}

// referenceOf returns the reference of a person's file, which says its content. Some files are large.
func referenceOf(name string, i int) string {
	size := 300 + 100*i
	if i%10 == 0 {
		size = 100 << 10
	}
	return fmt.Sprintf("zeldzame-uitslag-van-%s-%d-%d", name, i, size)
}

func (p *patient) revoke(t *testing.T, user *digime.User) {
	t.Helper()
	p.browser.Get("/grants/" + string(user.Token().ConsentID) + "/stop").Click("revoke-confirm")
}

func (p *patient) deleteLibrary(t *testing.T) {
	t.Helper()
	page := p.browser.Get("/delete").Click("delete-confirm", "password", p.password, "delete-understood", "yes")
	if page.Title() != "Your library is deleted" {
		t.Fatalf("the library is not deleted: %s", page.Text())
	}
}

// readFiles reads every file, and returns the references of the files.
func (p *patient) readFiles(t *testing.T) map[string]bool {
	t.Helper()
	session, err := p.reader.StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := session.ListFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, entry := range list.Files {
		file, err := session.OpenFile(t.Context(), entry.Name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		reference := file.Metadata.Raw.Reference[0]
		if !bytes.Equal(content, contentOf(reference)) {
			t.Fatalf("%s has another content than was pushed", reference)
		}
		read[reference] = true
	}
	return read
}

// removes does something, and remembers which values it has removed from the tables.
func (c *clinic) removes(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	before := c.values(t)
	do(t)
	after := slices.Collect(maps.Keys(c.values(t)))
	all := strings.Join(after, "\x00")
	removed := 0
	for value, where := range before {
		for _, piece := range piecesOf(value) {
			if !strings.Contains(all, piece) {
				c.removed[piece] = where
				removed++
			}
		}
	}
	if removed == 0 {
		t.Fatal("nothing was removed: nothing is tested")
	}
}

// values returns the texts and bytes in all rows of all tables, with their places.
func (c *clinic) values(t *testing.T) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+c.database+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tables := map[string]string{}
	eachRow(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table'`, func(_, name string) { tables[name] = "" })
	values := map[string]string{}
	for table := range tables {
		if table == "nonces" || strings.HasPrefix(table, "goose_") {
			continue // hashes of numbers that say nothing
		}
		eachRow(t, db, `SELECT * FROM "`+table+`"`, func(column, value string) { values[value] = table + "." + column })
	}
	return values
}

func eachRow(t *testing.T, db *sql.DB, query string, visit func(column, value string)) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			visit(columns[i], string(v))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// piecesOf returns parts of a value to look for: a value that is long lies in more than one page. A short value may be
// anywhere by chance.
func piecesOf(value string) []string {
	const least, most = 16, 40
	switch {
	case len(value) < least:
		return nil
	case len(value) <= most:
		return []string{value}
	}
	var pieces []string
	for at := 0; at+most <= len(value); at += max(most, len(value)/8) {
		pieces = append(pieces, value[at:at+most])
	}
	return pieces
}

// found returns where removed values are in the files of the data folder.
func (c *clinic) found(t *testing.T) []string {
	t.Helper()
	return c.foundIn(t, c.data)
}

func (c *clinic) foundIn(t *testing.T, folder string) []string {
	t.Helper()
	found := map[string]int{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && entry.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		for piece, what := range c.removed {
			if bytes.Contains(content, []byte(piece)) {
				found[what+" in "+entry.Name()]++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for what, n := range found {
		list = append(list, fmt.Sprintf("%d of %s", n, what))
	}
	slices.Sort(list)
	return list
}

// TestAttackStoppedDatabaseIsWhole copies carrel.db alone after the server was stopped, as a backup does, while people
// used it until the end. All that was answered must be in the copy.
func TestAttackStoppedDatabaseIsWhole(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			p := c.person(t, "anna")
			pushed := c.pushUntilStopped(t, p, signal)

			for _, left := range []string{"carrel.db-wal", "carrel.db-shm", "carrel.db-journal"} {
				if _, err := os.Stat(filepath.Join(c.data, left)); !os.IsNotExist(err) {
					t.Errorf("%s is there after a clean stop (%v)", left, err)
				}
			}
			content, err := os.ReadFile(c.database)
			if err != nil {
				t.Fatal(err)
			}
			copied := &clinic{database: filepath.Join(t.TempDir(), "carrel.db")}
			if err := os.WriteFile(copied.database, content, 0o600); err != nil {
				t.Fatal(err)
			}
			values := strings.Join(slices.Collect(maps.Keys(copied.values(t))), "\n")
			for _, reference := range pushed {
				if !strings.Contains(values, reference) {
					t.Errorf("%s was answered and is not in the copy", reference)
				}
			}
			t.Logf("%d pushes were answered; the database has %d bytes (%x)", len(pushed), len(content),
				sha256.Sum256(content))
		})
	}
}

// pushUntilStopped pushes from several connections, stops the server meanwhile, and returns what was answered.
func (c *clinic) pushUntilStopped(t *testing.T, p *patient, signal os.Signal) (answered []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	references := make(chan string)
	const connections = 8
	ended := make(chan struct{}, connections)
	for i := range connections {
		go func() {
			defer func() { ended <- struct{}{} }()
			for n := 0; ; n++ {
				reference := fmt.Sprintf("until-the-end-%d-%d", i, n)
				err := p.writer.Push(ctx, digime.PushInput{
					Data: strings.NewReader(reference), MIMEType: "text/plain", AccountID: "a",
					Reference: []string{reference},
				})
				if err != nil {
					return
				}
				references <- reference
			}
		}()
	}
	stopped := false
	for running := connections; running > 0; {
		select {
		case reference := <-references:
			if answered = append(answered, reference); len(answered) == 50 {
				stopped = true
				if err := c.process.cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
		case <-ended:
			running--
		}
	}
	if !stopped {
		t.Fatalf("the pushes ended before the server was stopped:\n%s", c.process.log)
	}
	if err := c.process.cmd.Wait(); err != nil {
		t.Fatalf("the server did not stop cleanly: %v\n%s", err, c.process.log)
	}
	return answered
}
