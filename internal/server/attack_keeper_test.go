package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
)

// keeper is whoever keeps the database of a running server: they read and write every row, and know the source. They
// have neither the master keyring nor a secret of a person or an application.
type keeper struct {
	*carreltest.World
	t  *testing.T
	db *sql.DB
	// config is the server's.
	config server.Config
}

// withKeeper runs a test against a server on each database.
func withKeeper(t *testing.T, test func(t *testing.T, k *keeper)) {
	withKeeperOf(t, carreltest.Serve, test)
}

// withKeeperOf runs a test against a server that serve starts, on each database.
func withKeeperOf(
	t *testing.T,
	serve func(t testing.TB, options ...carreltest.Option) *carreltest.World,
	test func(t *testing.T, k *keeper),
) {
	for name, driver := range map[string]string{"SQLite": "sqlite", "PostgreSQL": "pgx"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var address string
			var config server.Config
			var options []carreltest.Option
			if driver == "pgx" {
				options = append(options, carreltest.OnPostgres(t))
			}
			w := serve(t, append(options, func(c *server.Config) { address, config = c.Database, *c })...)
			if driver == "sqlite" {
				address = "file:" + address + "?_pragma=busy_timeout(5000)"
			}
			db := carreltest.Must(sql.Open(driver, address))(t)
			t.Cleanup(func() { _ = db.Close() })
			test(t, &keeper{w, t, db, config})
		})
	}
}

// changes changes rows, of which there must be some.
func (k *keeper) changes(query string, args ...any) {
	k.t.Helper()
	result := carreltest.Must(k.db.ExecContext(k.t.Context(), query, args...))(k.t)
	if n := carreltest.Must(result.RowsAffected())(k.t); n == 0 {
		k.t.Fatalf("%s changes no row", query)
	}
}

// reads reads one value.
func (k *keeper) reads(into any, query string, args ...any) {
	k.t.Helper()
	if err := k.db.QueryRowContext(k.t.Context(), query, args...).Scan(into); err != nil {
		k.t.Fatalf("%s: %v", query, err)
	}
}

func (k *keeper) count(query string, args ...any) (n int) {
	k.t.Helper()
	k.reads(&n, query, args...)
	return n
}

// waits lets every cache of the server run out.
func (k *keeper) waits() { k.Clock.Moves(2 * time.Minute) }

// once returns a user whose calls are not repeated after an error of the server.
func once(c *carreltest.Contract, u *digime.User) *digime.User {
	return c.SDK(digime.WithRetries(0)).User(u.Token())
}

func pushes(t *testing.T, u *digime.User, name, content string) error {
	t.Helper()
	return u.Push(t.Context(), digime.PushInput{Data: strings.NewReader(content), MIMEType: "text/plain",
		AccountID: "1", Reference: []string{name}})
}

// readsAll returns what an application reads: contents by their names, and an error for each file that does not open.
func readsAll(t *testing.T, u *digime.User) (map[string]string, error) {
	t.Helper()
	session, err := u.StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		return nil, err
	}
	list, err := session.ListFiles(t.Context())
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, f := range list.Files {
		file, err2 := session.OpenFile(t.Context(), f.Name)
		if err2 != nil {
			err = errors.Join(err, err2)
			continue
		}
		content, err2 := io.ReadAll(file)
		err = errors.Join(err, err2, file.Close())
		if err2 == nil {
			all[strings.Join(file.Metadata.Raw.Reference, " ")] = string(content)
		}
	}
	return all, err
}

// opensWith returns the contents in the database that a private key opens, as the documentation of the format says.
func (k *keeper) opensWith(key seal.PrivateKey) (n int) {
	k.t.Helper()
	rows := carreltest.Must(k.db.QueryContext(k.t.Context(), `SELECT file_id, sealed_key FROM contents`))(k.t)
	defer rows.Close()
	for rows.Next() {
		var id string
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			k.t.Fatal(err)
		}
		var details string
		k.reads(&details, `SELECT details FROM events WHERE kind = 'file.added' AND details LIKE '%' || $1 || '%'`, id)
		var line struct{ Metadata string }
		if err := json.Unmarshal([]byte(details), &line); err != nil {
			k.t.Fatal(err)
		}
		for _, purpose := range []string{"carrel file key " + id, "carrel bound file key " + id + " " + line.Metadata} {
			if _, err := key.Open(purpose, sealed); err == nil {
				n++
			}
		}
	}
	if err := rows.Err(); err != nil {
		k.t.Fatal(err)
	}
	return n
}

// activity lists the kinds of all events, without asking the server.
func (k *keeper) activity(kind string) int {
	k.t.Helper()
	return k.count(`SELECT COUNT(*) FROM events WHERE kind = $1`, kind)
}

// TestAttackReplacedPublicKey: the keeper replaces the public key of a library by one of their own, waits for a push,
// and puts the key back. Nothing may be sealed to them.
func TestAttackReplacedPublicKey(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		person, app := k.Visitor(), k.Application()
		write := app.Contract(library.Write)
		writer := once(write, person.Allows(write))
		if err := pushes(t, writer, "before", "sealed to the person"); err != nil {
			t.Fatal(err)
		}
		mine := carreltest.Must(seal.GenerateKey())(t)
		var theirs []byte
		k.reads(&theirs, `SELECT public_key FROM libraries`)
		k.waits()

		k.changes(`UPDATE libraries SET public_key = $1`, mine.PublicKey().Bytes())
		for _, size := range []int{100, 2 * library.InlineLimit} {
			if err := pushes(t, writer, "during", strings.Repeat("x", size)); err == nil {
				t.Errorf("a push of %d bytes is accepted", size)
			}
		}
		if err := writer.Refresh(t.Context()); err == nil {
			t.Error("a token is refreshed")
		}
		k.changes(`UPDATE libraries SET public_key = $1`, theirs)

		if n := k.opensWith(mine); n > 0 {
			t.Errorf("%d files are sealed to the keeper", n)
		}
		if n := k.count(`SELECT COUNT(*) FROM files`); n != 1 {
			t.Errorf("%d files, want the one of before", n)
		}
		if n := k.activity("library.tampered"); n != 1 {
			t.Errorf("%d lines in the activity, want one", n)
		}
		if !k.Log.Contains("tampered") {
			t.Error("the log does not say so")
		}
		if err := pushes(t, writer, "after", "sealed to the person again"); err != nil {
			t.Errorf("after the row is put back: %v", err)
		}
		reader := person.Allows(app.Contract(library.Read), writer.Token())
		all, err := readsAll(t, reader)
		if err != nil || len(all) != 2 {
			t.Errorf("read %v, %v", all, err)
		}
	})
}

// TestAttackReplacedKeyAtConsent: the keeper replaces the public key before the person consents, so that the consent
// binds theirs.
func TestAttackReplacedKeyAtConsent(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, app := k.Person(), k.Application()
		contract := app.Contract(library.Write)
		asked := anna.Asked(contract)
		k.changes(`UPDATE libraries SET public_key = $1`, carreltest.Must(seal.GenerateKey())(t).PublicKey().Bytes())
		signedIn, err := k.People.Login(t.Context(), anna.Cookie)
		if err == nil {
			_, err = k.Consents.Allow(t.Context(), signedIn, asked, asked.Shown(""))
		}
		if err == nil {
			t.Error("the consent is accepted")
		}
		if _, err := k.People.SignIn(t.Context(), anna.Email, anna.Password, library.Device{}); err == nil {
			t.Error("the person is signed in")
		}
		if n := k.count(`SELECT COUNT(*) FROM grants`); n != 0 {
			t.Errorf("%d grants", n)
		}
		if n := k.activity("library.tampered"); n != 1 {
			t.Errorf("%d lines in the activity, want one", n)
		}
	})
}

// TestAttackReplacedKeyBeforeExchange: the keeper replaces the public key between consent and the exchange of the code.
func TestAttackReplacedKeyBeforeExchange(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, contract := k.Person(), k.Application().Contract(library.Write)
		grant := anna.Consents(contract)
		k.changes(`UPDATE libraries SET public_key = $1`, carreltest.Must(seal.GenerateKey())(t).PublicKey().Bytes())
		_, err := k.Consents.Exchange(t.Context(), contract.Requests(carreltest.Exchanging(grant.Code)))
		if err == nil {
			t.Error("the code is exchanged")
		}
		if n := k.count(`SELECT COUNT(*) FROM tokens`); n != 0 {
			t.Errorf("%d tokens", n)
		}
	})
}

// TestAttackMovedGrant: the keeper moves a grant to a library of their own, so that what is pushed arrives there.
func TestAttackMovedGrant(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, mallory := k.Person("anna@example.org"), k.Person("mallory@example.org")
		grant := anna.Allows(k.Application().Contract(library.Write))
		writer := grant.SDK(digime.WithRetries(0)).User(userToken(grant))
		k.changes(`UPDATE grants SET library_id = $1 WHERE library_id = $2`, mallory.Library, anna.Library)
		if err := pushes(t, writer, "letter", "for anna"); err == nil {
			t.Error("the push is accepted")
		}
		if n := k.count(`SELECT COUNT(*) FROM files`); n != 0 {
			t.Errorf("%d files", n)
		}
	})
}

// TestAttackStrippedBindings: without the bindings of the tokens the keeper's key is refused too, also after the server
// has started again.
func TestAttackStrippedBindings(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		person, write := k.Visitor(), k.Application().Contract(library.Write)
		writer := once(write, person.Allows(write))
		for _, table := range []string{"tokens", "codes", "libraries"} {
			k.changes(`UPDATE ` + table + ` SET binding = NULL`)
		}
		if err := pushes(t, writer, "letter", "text"); err == nil {
			t.Error("a push with a token whose binding is gone is accepted")
		}
		k.changes(`UPDATE libraries SET public_key = $1`, carreltest.Must(seal.GenerateKey())(t).PublicKey().Bytes())
		if err := pushes(t, writer, "letter", "text"); err == nil {
			t.Error("a push to another key is accepted")
		}
		if err := writer.Refresh(t.Context()); err == nil {
			t.Error("a refresh token whose binding is gone is accepted")
		}
		if n := k.count(`SELECT COUNT(*) FROM files`); n != 0 {
			t.Errorf("%d files", n)
		}
	})
}

// pushesTwo gives a person two files that have a name each, small or large ones, and returns their ids.
func (k *keeper) pushesTwo(writer *digime.User, size int) (january, february string) {
	k.t.Helper()
	for _, name := range []string{"january.txt", "february.txt"} {
		if err := pushes(k.t, writer, name, strings.Repeat(name+"\n", size/len(name))); err != nil {
			k.t.Fatal(err)
		}
	}
	k.reads(&january, `SELECT id FROM files WHERE metadata LIKE '%january%'`)
	k.reads(&february, `SELECT id FROM files WHERE metadata LIKE '%february%'`)
	return january, february
}

// TestAttackSwappedFiles: the keeper swaps the metadata of two files, or changes it, or swaps their contents, or says
// that a content is of an older format, which binds less. None of them may open under the wrong name.
func TestAttackSwappedFiles(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		person, app := k.Visitor(), k.Application()
		writer := person.Allows(app.Contract(library.Write))
		read := app.Contract(library.Read)
		reader := once(read, person.Allows(read, writer.Token()))
		for _, tt := range []struct {
			what string
			size int
		}{{"small", 1000}, {"more small", 1000}, {"large", 2 * library.InlineLimit}} { // the second ones in an epoch
			what := tt.what
			january, february := k.pushesTwo(writer, tt.size)
			formats := map[string]int{}
			for _, id := range []string{january, february} {
				var format int
				k.reads(&format, `SELECT format FROM contents WHERE file_id = $1`, id)
				formats[id] = format
			}
			olderFormat := func() {
				k.changes(`UPDATE contents SET format = CASE WHEN data IS NULL THEN 2 ELSE 1 END`)
			}
			newerFormat := func() {
				for id, format := range formats {
					k.changes(`UPDATE contents SET format = $1 WHERE file_id = $2`, format, id)
				}
			}
			swap := func(table, id, column string) {
				t.Helper()
				var one, other any
				k.reads(&one, `SELECT `+column+` FROM `+table+` WHERE `+id+` = $1`, january)
				k.reads(&other, `SELECT `+column+` FROM `+table+` WHERE `+id+` = $1`, february)
				k.changes(`UPDATE `+table+` SET `+column+` = $1 WHERE `+id+` = $2`, other, january)
				k.changes(`UPDATE `+table+` SET `+column+` = $1 WHERE `+id+` = $2`, one, february)
			}
			for name, attack := range map[string]struct{ do, undo func() }{
				"metadata swapped": {
					func() { swap("files", "id", "metadata") },
					func() { swap("files", "id", "metadata") },
				},
				"contents swapped": {
					func() { swap("contents", "file_id", "sealed_key"); swap("contents", "file_id", "data") },
					func() { swap("contents", "file_id", "sealed_key"); swap("contents", "file_id", "data") },
				},
				"metadata swapped, and an older format": {
					func() {
						swap("files", "id", "metadata")
						olderFormat()
					},
					func() {
						swap("files", "id", "metadata")
						newerFormat()
					},
				},
				"an older format": {olderFormat, newerFormat},
				"another name": {
					func() { k.changes(`UPDATE files SET metadata = REPLACE(metadata, '.txt', '.pdf')`) },
					func() { k.changes(`UPDATE files SET metadata = REPLACE(metadata, '.pdf', '.txt')`) },
				},
				"another time": {
					func() { k.changes(`UPDATE files SET created_at = created_at + 1`) },
					func() { k.changes(`UPDATE files SET created_at = created_at - 1`) },
				},
				"another size": {
					func() { k.changes(`UPDATE files SET size = size + 1`) },
					func() { k.changes(`UPDATE files SET size = size - 1`) },
				},
				"another application": {
					func() { k.changes(`UPDATE files SET application_id = application_id || 'x'`) },
					func() {
						k.changes(`UPDATE files
							SET application_id = SUBSTR(application_id, 1, LENGTH(application_id) - 1)`)
					},
				},
			} {
				attack.do()
				all, err := readsAll(t, reader)
				if err == nil || len(all) > 0 {
					t.Errorf("%s files, %s: read %d files, %v", what, name, len(all), err)
				}
				attack.undo()
			}
			all, err := readsAll(t, reader)
			if err != nil || !strings.HasPrefix(all["january.txt"], "january") ||
				!strings.HasPrefix(all["february.txt"], "february") {
				t.Errorf("%s files, untouched: %d files, %v", what, len(all), err)
			}
			k.changes(`DELETE FROM contents`)
			k.changes(`DELETE FROM files`)
		}
	})
}

func userToken(g *carreltest.Grant) digime.UserAccessToken {
	return digime.UserAccessToken{
		AccessToken:  digime.Token{Value: digime.NewSecret(g.Token())},
		RefreshToken: digime.Token{Value: digime.NewSecret(g.Refresh())},
		ConsentID:    digime.ConsentID(g.ID()),
	}
}

// sessionsFor counts the sessions in which a library's private key is sealed to a key.
func (k *keeper) sessionsFor(key seal.PrivateKey) (n int) {
	k.t.Helper()
	rows := carreltest.Must(k.db.QueryContext(k.t.Context(), `SELECT seal FROM sessions WHERE seal IS NOT NULL`))(k.t)
	defer rows.Close()
	for rows.Next() {
		var sealed []byte
		if err := rows.Scan(&sealed); err != nil {
			k.t.Fatal(err)
		}
		if _, err := key.Open("carrel library key", sealed); err == nil {
			n++
		}
	}
	if err := rows.Err(); err != nil {
		k.t.Fatal(err)
	}
	return n
}

// TestAttackReplacedSessionKey: the keeper replaces the public key of the session that a reading application was given
// with its request, so that the person's consent seals the library's private key to them.
func TestAttackReplacedSessionKey(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, contract := k.Person(), k.Application().Contract(library.Read)
		mine := carreltest.Must(seal.GenerateKey())(t)
		for what, attack := range map[string]func(){
			"its key replaced": func() {
				k.changes(`UPDATE sessions SET public_key = $1`, mine.PublicKey().Bytes())
			},
			"its key replaced, and the binding removed": func() {
				k.changes(`UPDATE sessions SET public_key = $1`, mine.PublicKey().Bytes())
				k.changes(`UPDATE links SET session_binding = NULL`)
			},
			"another session in its place": func() {
				other := contract.Authorizes()
				k.changes(`UPDATE links SET session_hash = (SELECT o.session_hash FROM links o WHERE o.hash = $1)`,
					other.Code.Hash())
				k.changes(`UPDATE sessions SET public_key = $1`, mine.PublicKey().Bytes())
			},
		} {
			request := anna.Asked(contract)
			attack()
			if _, err := k.Consents.Allow(t.Context(), anna.SignedIn(), request, request.Shown("")); err == nil {
				t.Errorf("%s: the consent is accepted", what)
			}
			if n := k.sessionsFor(mine); n > 0 {
				t.Errorf("%s: the keeper opens the library", what)
			}
		}
		if n := k.count(`SELECT COUNT(*) FROM grants`); n != 0 {
			t.Errorf("%d grants", n)
		}
	})
}

// TestAttackChangedRequest: the keeper changes what an application asked for, so that the code goes to another address,
// can be exchanged by somebody else, or is another person's to give.
func TestAttackChangedRequest(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		app := k.Application()
		contract, other := app.Contract(library.Read), k.Application().Contract(library.Read)
		for what, change := range map[string]string{
			"redirect URI": `redirect_uri = 'https://keeper.example/'`,
			"challenge":    `challenge = 'F9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'`,
			"state":        `state = 'x'`,
			"library":      `library_id = 'x'`,
			"kind":         `kind = 'onboard'`,
			"session":      `session_hash = hash`,
			"client": `contract_id = '` + string(other.Contract.ID) + `', application_id = '` +
				string(other.Application.ID) + `'`,
			"binding": `binding = NULL`,
		} {
			code := contract.Authorizes().Code
			if what == "state" && strings.HasPrefix(t.Name(), "TestAttackChangedRequest/PostgreSQL") {
				change = `state = '\x78'`
			}
			k.changes(`UPDATE links SET `+change+` WHERE hash = $1`, code.Hash())
			for _, kind := range []library.RequestKind{library.AuthorizeRequest, library.OnboardRequest} {
				if _, err := k.Consents.FindRequest(t.Context(), kind, code.Reveal()); err == nil {
					t.Errorf("another %s: the request is shown", what)
				}
			}
			b := &browser{t, k, http.DefaultClient}
			status, page := b.do(b.request(http.MethodGet, "/apps/saas/authorize?lng=en&code="+code.Reveal(), nil))
			if status < 400 || strings.Contains(page, "keeper.example") {
				t.Errorf("another %s: the page answers %d", what, status)
			}
		}
	})
}

// TestAttackChangedTerms: the keeper lets a contract read for the moment in which the person allows it to write.
func TestAttackChangedTerms(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, contract := k.Person(), k.Application().Contract(library.Write)
		shown := anna.Asked(contract).Shown("")
		for what, change := range map[string]string{
			"access":  `access = 'r', scope = '{"raw":true,"mapped":true}'`,
			"scope":   `scope = '{"raw":true}'`,
			"right":   `deletes_library = TRUE`,
			"purpose": `purpose = 'something else'`,
			"time":    `grant_for = 1`,
		} {
			k.changes(`UPDATE contracts SET `+change+` WHERE id = $1`, string(contract.Contract.ID))
			k.waits() // until no cache has the contract as it was
			if _, err := k.Consents.Allow(t.Context(), anna.SignedIn(), anna.Asked(contract), shown); !errors.Is(err,
				library.ErrTermsChanged) {
				t.Errorf("another %s than was shown: %v", what, err)
			}
		}
		if n := k.count(`SELECT COUNT(*) FROM grants`); n != 0 {
			t.Errorf("%d grants", n)
		}
	})
}

// TestAttackMovedLogin: the keeper moves the person's login to a library of their own, with the person's public key, so
// that what the person allows is theirs.
func TestAttackMovedLogin(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, own, contract := k.Person(), k.Person(), k.Application().Contract(library.Write)
		signedIn := anna.SignedIn()
		k.changes(`UPDATE libraries SET public_key = $1 WHERE id = $2`,
			signedIn.Library.PublicKey.Bytes(), string(own.Library))
		k.changes(`UPDATE logins SET library_id = $1 WHERE id = $2`, string(own.Library), string(signedIn.Login.ID))
		request := anna.Asked(contract)
		moved, err := k.People.Login(t.Context(), anna.Cookie)
		if err == nil {
			_, err = k.Consents.Allow(t.Context(), moved, request, request.Shown(""))
		}
		if err == nil {
			t.Error("the consent is accepted")
		}
		if n := k.count(`SELECT COUNT(*) FROM grants`); n != 0 {
			t.Errorf("%d grants", n)
		}
	})
}

// TestAttackOwnLoginMoved: the keeper moves a login of their own to the person's library. Its cookie neither shows nor
// ends anything there, and the person's activity says that somebody tried. A login without a binding is signed out.
func TestAttackOwnLoginMoved(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, own := k.Person(), k.Person()
		g := anna.Allows(k.Application().Contract(library.Write))
		cookie, id := own.Cookie, string(own.SignedIn().Login.ID)
		k.changes(`UPDATE logins SET library_id = $1 WHERE id = $2`, string(anna.Library), id)
		in, err := k.People.Login(t.Context(), cookie)
		var tampered *library.TamperedError
		if !errors.As(err, &tampered) || tampered.Library != anna.Library {
			t.Errorf("the login: %v", err)
		}
		if err == nil {
			if err := k.Consents.Revoke(t.Context(), in, g.ID()); err == nil {
				t.Error("it stops an application of the person's")
			}
		}
		b := k.browserOf(own)
		for _, path := range []string{"/files", "/grants", "/activity", "/settings"} {
			if status, _ := b.do(b.request(http.MethodGet, path, nil)); status != http.StatusInternalServerError {
				t.Errorf("GET %s: %d", path, status)
			}
		}
		if activity := anna.Activity(); strings.Count(activity, "library.tampered") != 1 {
			t.Errorf("the person's activity: %s", activity)
		}
		k.changes(`UPDATE logins SET library_id = $1 WHERE id = $2`, string(own.Library), id)
		if _, err := k.People.Login(t.Context(), cookie); err != nil {
			t.Errorf("moved back: %v", err)
		}
		k.changes(`UPDATE logins SET binding = NULL, library_id = $1 WHERE id = $2`, string(anna.Library), id)
		if _, err := k.People.Login(t.Context(), cookie); !errors.Is(err, library.ErrNotFound) {
			t.Errorf("without a binding: %v", err)
		}
	})
}

// TestAttackReplacedSigningKey: the keeper replaces the public key with which the server's signatures are verified.
func TestAttackReplacedSigningKey(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		key := carreltest.Must(rsa.GenerateKey(rand.Reader, wire.KeyBits))(t)
		k.changes(`UPDATE signing_keys SET public_key = $1`, string(wire.MarshalPublicKey(&key.PublicKey)))
		again, err := server.Open(t.Context(), k.config)
		if err == nil {
			err = again.Close()
			t.Errorf("a server starts with it: %v", err)
		} else if !strings.Contains(err.Error(), "signing key") {
			t.Errorf("a server does not start: %v", err)
		}
	})
}
