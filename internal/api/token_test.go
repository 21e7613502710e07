package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// session opens a session and gives its key.
func (w *world) session(t testing.TB, k *carreltest.Grant) string {
	t.Helper()
	var opened wire.TriggerAnswer
	w.mustSend(t, post("permission-access/trigger", w.as(k, nil), "{}"), &opened)
	w.Secrets.Plant(opened.Session.Key)
	return opened.Session.Key
}

// names lists the files that a session sees.
func (w *world) names(t testing.TB, k *carreltest.Grant, session string) (names []string) {
	t.Helper()
	var list wire.FileList
	w.mustSend(t, get("permission-access/query/"+session, w.as(k, nil)), &list)
	for _, f := range list.Files {
		names = append(names, string(f.Name))
	}
	return names
}

// An access token is worth something to its own contract alone, and only while it and
// its grant stand.
func TestAccessTokenRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	old := anna.Allows(w.read)
	w.Clock.Moves(25 * time.Hour)
	reader, writer, foreign := anna.Allows(w.read), anna.Allows(w.write), anna.Allows(w.foreign)
	session := w.session(t, reader)

	ended, shut := bram.Allows(w.read), w.Person()
	bram.Stops(ended)
	waiting := shut.Allows(w.read)
	shut.Shuts()

	calls := map[string]func(bearer string) request{
		"accounts": func(b string) request { return get("permission-access/accounts", b) },
		"trigger":  func(b string) request { return post("permission-access/trigger", b, "{}") },
		"list":     func(b string) request { return get("permission-access/query/"+session, b) },
		"file":     func(b string) request { return get("permission-access/query/"+session+"/x", b) },
		"metadata": func(b string) request {
			return request{method: "HEAD", path: "permission-access/query/" + session + "/x", bearer: b}
		},
		"push":      func(b string) request { return w.push(reader, b, strings.NewReader("x")) },
		"delete":    func(b string) request { return request{method: "DELETE", path: "user", bearer: b} },
		"reference": func(b string) request { return post("oauth/token/reference", b, "{}") },
	}
	for _, tt := range []struct {
		name  string
		token any
		want  refusal
	}{
		{"none", nil, invalid(wire.KindAccessToken)},
		{"empty", "", invalid(wire.KindAccessToken)},
		{"unknown", wire.RandomAlphanumeric(64), invalid(wire.KindAccessToken)},
		{"cut", reader.Token()[:42], invalid(wire.KindAccessToken)},
		{"a refresh token", reader.Refresh(), invalid(wire.KindAccessToken)},
		{"a code", reader.Code, invalid(wire.KindAccessToken)},
		{"another contract's", writer.Token(), invalid(wire.KindAccessToken)},
		{"another application's", foreign.Token(), invalid(wire.KindAccessToken)},
		{"revoked", ended.Token(), invalid(wire.KindAccessToken)},
		{"of a shut library", waiting.Token(), invalid(wire.KindAccessToken)},
		{"expired", old.Token(), expired(wire.KindAccessToken)},
	} {
		for call, build := range calls {
			t.Run(tt.name+"/"+call, func(t *testing.T) {
				w.refuses(t,
					build(w.bearer(w.read, claims{"access_token": tt.token, "redirect_uri": callback})), tt.want)
			})
		}
	}
}

// Reading is for read contracts, pushing for write contracts.
func TestScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	reader, writer := anna.Allows(w.read), anna.Allows(w.write)
	session := w.session(t, reader)
	for name, r := range map[string]request{
		"trigger":  post("permission-access/trigger", w.as(writer, nil), "{}"),
		"list":     get("permission-access/query/"+session, w.as(writer, nil)),
		"file":     get("permission-access/query/"+session+"/x", w.as(writer, nil)),
		"metadata": {method: "HEAD", path: "permission-access/query/" + session + "/x", bearer: w.as(writer, nil)},
		"push":     w.push(reader, w.as(reader, nil), strings.NewReader("x")),
	} {
		t.Run(name, func(t *testing.T) { w.refuses(t, r, noScope) })
	}
}

// Somebody else's session, and one that nobody has agreed to, is as good as none.
func TestSessionRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	reader, other := anna.Allows(w.read), bram.Allows(w.read)
	writer, old := bram.Allows(w.write), w.session(t, reader)
	w.Clock.Moves(61 * time.Minute)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("bram's")), nil)
	others := w.session(t, other)
	file := w.names(t, other, others)[0]
	own := w.session(t, reader)
	var promised wire.SignedAnswer
	w.mustSend(t, post("oauth/authorize", w.bearer(w.read, authorizing(nil)), "{}"), &promised)

	for name, key := range map[string]string{"unknown": wire.RandomAlphanumeric(43), "another person's": others,
		"over": old, "not agreed to": promised.Session.Key,
		"another grant's": w.Person().Consents(w.read).Session.Key} {
		t.Run(name, func(t *testing.T) {
			w.refuses(t, get("permission-access/query/"+key, w.as(reader, nil)), notFound("Session"))
			w.refuses(t, get("permission-access/query/"+key+"/"+file, w.as(reader, nil)), notFound("Session"))
			head := get("permission-access/query/"+key+"/"+file, w.as(reader, nil))
			head.method = "HEAD"
			w.refuses(t, head, notFound("Session"))
		})
	}
	t.Run("another person's file", func(t *testing.T) {
		w.refuses(t, get("permission-access/query/"+own+"/"+file, w.as(reader, nil)), notFound("File"))
	})
}

// An application or contract that is unknown, disabled or over is nobody.
func TestClientRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct{ name, id string }{
		{"none", ""},
		{"no underscore", "clinic"},
		{"three parts", "clinic_readC_x"},
		{"unknown contract", "clinic_nosuchcontract"},
		{"unknown application", "nosuchapplication_readC"},
		{"another application's contract", "clinic_readM"},
		{"another case", "Clinic_readC"},
		{"odd characters", "clinic_read☂\r\nC"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t,
				get("permission-access/contract", w.bearer(w.read, claims{"client_id": tt.id})), noClient(tt.id))
		})
	}
	t.Run("long", func(t *testing.T) {
		id := strings.Repeat("x", 5000)
		w.refuses(t,
			get("permission-access/contract", w.bearer(w.read, claims{"client_id": id})), noClient(id[:200]+"…"))
	})

	reader := w.Person().Allows(w.read)
	other := library.NewClients(w.OpensStore(), nil, w.Clock.Now) // another server's
	for name, end := range map[string]func(c *carreltest.Contract) error{
		"disabled contract": func(c *carreltest.Contract) error {
			return other.DisableContract(t.Context(), c.Contract.ID)
		},
		"disabled application": func(c *carreltest.Contract) error {
			return other.DisableApplication(t.Context(), c.Application.ID)
		},
		"contract that is over": func(*carreltest.Contract) error {
			w.Clock.Moves(time.Hour)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.Application().
				Contract(library.Read, func(k *library.Contract) { k.ExpiresAt = w.Clock.Now().Add(time.Hour) })
			ended := w.Person().Allows(c)
			w.mustSend(t, get("permission-access/contract", w.as(ended, nil)), nil)
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			w.Clock.Moves(time.Second) // by then another server's change is known
			for _, r := range []request{
				get("permission-access/contract", w.as(ended, nil)),
				get("permission-access/accounts", w.as(ended, nil)),
				post("oauth/authorize", w.bearer(c, authorizing(nil)), ""),
				post("oauth/token", w.bearer(c, refreshing(ended)), ""),
			} {
				w.refuses(t, r, noClient(c.ID().String()))
			}
		})
	}
	w.mustSend(t, get("permission-access/accounts", w.as(reader, nil)), nil)
}

// An operator's end of an application counts at once.
func TestDisabledAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	w.mustSend(t, get("permission-access/accounts", w.as(reader, nil)), nil)
	if err := w.Clients.DisableContract(t.Context(), w.read.ID().Contract); err != nil {
		t.Fatal(err)
	}
	w.refuses(t, get("permission-access/accounts", w.as(reader, nil)), noClient("clinic_readC"))
	if err := w.Clients.DisableApplication(t.Context(), w.foreign.ID().Application); err != nil {
		t.Fatal(err)
	}
	w.refuses(t, get("permission-access/contract", w.bearer(w.foreign, nil)), noClient("monitor_readM"))
}

// An application that deletes its person has lost its access at once, and the library stays; the client's own retry of
// the call succeeds for ten minutes.
func TestDeleteUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader, foreign := anna.Allows(w.write), anna.Allows(w.read), anna.Allows(w.foreign)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("small")), nil)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader(strings.Repeat("l", library.InlineLimit+1))), nil)
	bram := w.Person().Allows(w.write)

	names := w.names(t, reader, w.session(t, reader))
	remove := func(k *carreltest.Grant) request {
		return request{method: "DELETE", path: "user", bearer: w.as(k, nil)}
	}
	for range 2 {
		if a := w.mustSend(t, remove(reader), nil); a.StatusCode != 204 || len(a.body) > 0 {
			t.Errorf("%d %q, want 204 without a body", a.StatusCode, a.body)
		}
	}
	w.mustSend(t, remove(writer), nil) // another contract of the same application, whose grant has ended with it
	if n := anna.FileCount(); n != 2 || len(names) != 2 || w.BlobCount() != 1 {
		t.Errorf("the library has %d files and %d blobs", n, w.BlobCount())
	}
	if got := anna.Activity(); !strings.HasSuffix(got, " app.left") {
		t.Errorf("activity %s", got)
	}
	for _, k := range []*carreltest.Grant{reader, writer} {
		w.refuses(t, get("permission-access/accounts", w.as(k, nil)), invalid(wire.KindAccessToken))
	}
	w.refuses(t, post("oauth/token", w.bearer(w.read, refreshing(reader)), ""), invalid(wire.KindRefreshToken))
	for _, k := range []*carreltest.Grant{foreign, bram} {
		w.mustSend(t, get("permission-access/accounts", w.as(k, nil)), nil)
	}
	w.Clock.Moves(11 * time.Minute)
	w.refuses(t, remove(reader), invalid(wire.KindAccessToken))
	w.mustSend(t, remove(bram), nil)
}

// What a person ends has ended for the very next call, also for an application that
// was pushing a moment ago.
func TestEndedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, end := range map[string]func(t *testing.T, p *carreltest.Person, k *carreltest.Grant) refusal{
		"revoked": func(t *testing.T, p *carreltest.Person, k *carreltest.Grant) refusal {
			p.Stops(k)
			return invalid(wire.KindAccessToken)
		},
		"shut": func(t *testing.T, p *carreltest.Person, _ *carreltest.Grant) refusal {
			p.Shuts()
			return invalid(wire.KindAccessToken)
		},
		"deleted": func(t *testing.T, _ *carreltest.Person, k *carreltest.Grant) refusal {
			w.mustSend(t, request{method: "DELETE", path: "user", bearer: w.as(k, nil)}, nil)
			return invalid(wire.KindAccessToken)
		},
		"expired": func(*testing.T, *carreltest.Person, *carreltest.Grant) refusal {
			w.Clock.Moves(25 * time.Hour)
			return expired(wire.KindAccessToken)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.Person()
			k := p.Allows(w.write)
			push := func(size int) request {
				return w.push(k, w.as(k, nil), strings.NewReader(strings.Repeat("x", size)))
			}
			w.mustSend(t, push(1), nil)
			want := end(t, p, k)
			w.refuses(t, push(1), want)
			w.refuses(t, push(library.InlineLimit+1), want)
			w.refuses(t, get("permission-access/accounts", w.as(k, nil)), want)
		})
	}
}
