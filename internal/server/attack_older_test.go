package server_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

func legacy(c *server.Config) { c.Legacy = true }

// asksForPostbox has a contract ask for consent as a client of an earlier generation does.
func asksForPostbox(t *testing.T, p *carreltest.Person, c *carreltest.Contract) *library.PendingRequest {
	t.Helper()
	signed := c.Requests(carreltest.Authorizing)
	signed.PostboxWanted = true
	opened := carreltest.Must(p.World().Consents.Authorize(t.Context(), signed, wire.SessionOptions{}))(t)
	return p.Opens(library.AuthorizeRequest, opened.Code)
}

// getsPostbox has a person allow a contract that gets a postbox, and returns the callback.
func getsPostbox(t *testing.T, p *carreltest.Person, c *carreltest.Contract) url.Values {
	t.Helper()
	asked := asksForPostbox(t, p, c)
	callback := carreltest.Must(p.World().Consents.Allow(t.Context(), p.SignedIn(), asked, asked.Shown("")))(t)
	query := carreltest.QueryOf(t, callback)
	if query.Get("postboxId") == "" || query.Get("publicKey") == "" {
		t.Fatalf("callback %s", callback)
	}
	again := carreltest.Must(p.World().Consents.Answered(t.Context(), p.SignedIn(), answeredRequest(t, p, asked)))(t)
	if again.Callback != callback {
		t.Errorf("pressed twice, the button leads to %s and to %s", callback, again.Callback)
	}
	return query
}

// answeredRequest returns a request after it has been answered.
func answeredRequest(t *testing.T, p *carreltest.Person, r *library.PendingRequest) *library.PendingRequest {
	t.Helper()
	answered, db := *r, p.World().Store
	if db == nil { // in a world that is served
		db = p.World().OpensStore()
	}
	answered.AuthRequest = carreltest.Must(db.GetAuthRequest(t.Context(), r.Hash))(t)
	return &answered
}

// sends makes a call with a token, and returns the status and the body.
func (k *keeper) sends(method, path, bearer string, header http.Header) (status int, body string) {
	k.t.Helper()
	request := carreltest.Must(http.NewRequestWithContext(k.t.Context(), method, k.URL+path, nil))(k.t)
	for name, values := range header {
		request.Header[name] = values
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer := carreltest.Must(http.DefaultTransport.RoundTrip(request))(k.t)
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode, string(carreltest.Must(io.ReadAll(answer.Body))(k.t))
}

// fails makes the server fail the calls of a grant, until the result is called: its row is changed.
func (k *keeper) fails(g *carreltest.Grant) (mend func()) {
	k.changes(`UPDATE grants SET expires_at = expires_at + 1 WHERE id = $1`, string(g.ID()))
	return func() { k.changes(`UPDATE grants SET expires_at = expires_at - 1 WHERE id = $1`, string(g.ID())) }
}

// TestRetryOfFailedCall: a client of an earlier generation sends a call that the server has failed once more, with the
// same nonce, and gets its answer, once.
func TestRetryOfFailedCall(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		application := k.Application()
		writer := anna.Allows(application.Contract(library.Write))
		reader := anna.Allows(application.Contract(library.Read))
		file := carreltest.Must(writer.Pushes("a letter", []byte("dear Anna")))(t)
		session := carreltest.Must(reader.StartsSession(wire.SessionOptions{}))(t)
		query := "/v1.7/permission-access/query/" + session
		for name, call := range map[string]struct{ method, path string }{
			"accounts": {"GET", "/v1.7/permission-access/accounts"},
			"list":     {"GET", query},
			"file":     {"GET", query + "/" + string(file.ID)},
			"metadata": {"HEAD", query + "/" + string(file.ID)},
			"delete":   {"DELETE", "/v1.7/permission-access/service/h:accountId"},
		} {
			token := reader.Signs(carreltest.WithToken(reader.Token()))
			header := http.Header{"accountId": {"1_nosuchaccount"}}
			mend := k.fails(reader)
			for range 2 { // as often as it likes
				status, body := k.sends(call.method, call.path, token, header)
				if status != http.StatusInternalServerError {
					t.Fatalf("%s: the call that is to fail: %d %s", name, status, body)
				}
			}
			mend()
			if status, body := k.sends(call.method, call.path, token, header); status != http.StatusOK {
				t.Errorf("%s: the call that is sent again: %d %s", name, status, body)
			}
			if status, body := k.sends(call.method, call.path, token, header); status != http.StatusNotAcceptable {
				t.Errorf("%s: the call that was answered: %d %s", name, status, body)
			}
		}
	})
}

// TestAttackFailedCallReplayed: somebody has captured a request and has the server fail it. With its token no other
// call is carried out, none after some time, none that was answered before, and none that changes something by its
// body.
func TestAttackFailedCallReplayed(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		reader := k.Person().Allows(k.Application().Contract(library.Read))
		const accounts, deletes = "/v1.7/permission-access/accounts", "/v1.7/permission-access/service/h:accountId"
		refused := func(what, method, path, token string, header http.Header) {
			t.Helper()
			if status, body := k.sends(method, path, token, header); status != http.StatusNotAcceptable ||
				method != http.MethodHead && !strings.Contains(body, "has already been used") {
				t.Errorf("%s: %d %s", what, status, body)
			}
		}
		failed := func(method, path string, header http.Header) (token string) {
			t.Helper()
			token = reader.Signs(carreltest.WithToken(reader.Token()))
			mend := k.fails(reader)
			if status, body := k.sends(method, path, token, header); status != http.StatusInternalServerError {
				t.Fatalf("the call that is to fail: %d %s", status, body)
			}
			mend()
			return token
		}
		account := func(id string) http.Header { return http.Header{"accountId": {id}} }
		captured := failed("GET", accounts, nil)
		refused("another call", "DELETE", "/v1.7/user", captured, nil)
		refused("another method", "HEAD", accounts, captured, nil)
		refused("another query", "GET", accounts+"?x", captured, nil)
		refused("a call with a body", "POST", "/v1.7/permission-access/trigger", captured, nil)
		refused("another account", "DELETE", deletes, failed("DELETE", deletes, account("1_a")), account("1_b"))
		refused("no account", "DELETE", deletes, failed("DELETE", deletes, account("1_a")), nil)
		refused("two accounts", "DELETE", deletes, failed("DELETE", deletes, account("1_a")),
			http.Header{"accountId": {"1_a", "1_b"}})
		trigger := "/v1.7/permission-access/trigger"
		refused("a call that changes something", "POST", trigger, failed("POST", trigger, nil), nil)

		// None of these has taken the call from its client.
		if status, body := k.sends("GET", accounts, captured, nil); status != http.StatusOK {
			t.Errorf("the client's own call: %d %s", status, body)
		}
		refused("the call that was answered", "GET", accounts, captured, nil)
		mend := k.fails(reader)
		refused("the call that was answered, while the server fails", "GET", accounts, captured, nil)
		mend()
		refused("and afterwards", "GET", accounts, captured, nil)

		if !strings.HasPrefix(k.config.Database, "postgres") { // whose own clock counts
			late := failed("GET", accounts, nil)
			k.Clock.Moves(30 * time.Second)
			refused("half a minute later", "GET", accounts, late, nil)
		}
	})
}

// TestAttackUnsignedSessionMoved: the keeper gives a session that is read without a signature the grant of another
// person, or makes a session of today one. Nothing is read.
func TestAttackUnsignedSessionMoved(t *testing.T) {
	t.Parallel()
	serve := func(t testing.TB, options ...carreltest.Option) *carreltest.World {
		return carreltest.Serve(t, append(options, legacy)...)
	}
	withKeeperOf(t, serve, func(t *testing.T, k *keeper) {
		anna, eve := k.Person(), k.Person()
		contract := k.Application().Contract(library.Read)
		hers, own := anna.Allows(contract), eve.Allows(contract)
		starts := func(g *carreltest.Grant) string {
			signed := g.Requests(carreltest.WithToken(g.Token()))
			signed.Older = true
			b := carreltest.Must(k.Consents.Bearer(t.Context(), signed))(t)
			key := carreltest.Must(k.Consents.StartSession(t.Context(), b, wire.SessionOptions{}))(t).Key
			k.Secrets.Plant(key)
			return key
		}
		reads := func(session string) int {
			status, _ := k.sends("GET", "/v1.6/permission-access/query/"+session, "", nil)
			return status
		}
		session := starts(own)
		if status := reads(session); status != http.StatusOK {
			t.Fatalf("a session reads with status %d", status)
		}
		k.changes(`UPDATE sessions SET grant_id = $1 WHERE grant_id = $2`, string(hers.ID()), string(own.ID()))
		if status := reads(session); status != http.StatusInternalServerError {
			t.Errorf("a session with another person's grant reads with status %d", status)
		}
		k.changes(`UPDATE grants SET library_id = $1 WHERE id = $2`, string(eve.Library), string(hers.ID()))
		if status := reads(session); status != http.StatusInternalServerError {
			t.Errorf("a session with a grant that was moved reads with status %d", status)
		}
	})
}

// TestAttackMovedPostbox: the keeper gives a person the postbox of another, or puts another box in its row. Nothing is
// pushed with it, and no callback has its key.
func TestAttackMovedPostbox(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, eve := k.Person(), k.Person()
		contract := k.Application().Contract(library.Write)
		hers, own := getsPostbox(t, anna, contract), getsPostbox(t, eve, contract)
		if hers.Get("postboxId") == own.Get("postboxId") || hers.Get("publicKey") == own.Get("publicKey") {
			t.Fatal("two persons have the same postbox")
		}
		b := carreltest.Must(anna.Allows(contract).Bearer())(t)
		id := library.PostboxID(hers.Get("postboxId"))
		if _, err := k.Consents.PostboxKey(t.Context(), b, id); err != nil {
			t.Fatal(err)
		}
		k.changes(`UPDATE postboxes SET box = (SELECT box FROM postboxes p WHERE p.id = $1) WHERE id = $2`,
			own.Get("postboxId"), string(id))
		if _, err := k.Consents.PostboxKey(t.Context(), b, id); err == nil {
			t.Error("a postbox opens with another's box")
		}
		k.changes(`DELETE FROM postboxes WHERE id = $1`, string(id))
		k.changes(`UPDATE postboxes SET library_id = $1`, string(anna.Library))
		if _, err := k.Consents.PostboxKey(t.Context(), b, library.PostboxID(own.Get("postboxId"))); err == nil {
			t.Error("another person's postbox opens")
		}
		asked := asksForPostbox(t, anna, contract)
		if callback, err := k.Consents.Allow(t.Context(), anna.SignedIn(), asked, asked.Shown("")); err == nil {
			t.Errorf("the callback is %s", callback)
		}
	})
}
