package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// session opens a session and gives its key.
func (w *world) session(t testing.TB, k *consent) string {
	t.Helper()
	var opened wire.TriggerAnswer
	w.mustSend(t, post("permission-access/trigger", w.as(k, nil), "{}"), &opened)
	w.secrets.plant(opened.Session.Key)
	return opened.Session.Key
}

// names lists the files that a session sees.
func (w *world) names(t testing.TB, k *consent, session string) (names []string) {
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
	w := newWorld(t)
	anna, bram := w.person(t), w.person(t)
	reader, writer, foreign := w.user(t, anna, w.read), w.user(t, anna, w.write), w.user(t, anna, w.foreign)
	session := w.session(t, reader)

	old, ended, shut := w.user(t, anna, w.read), w.user(t, bram, w.read), w.person(t)
	w.expire(t, old.access)
	w.revoke(t, bram, ended)
	waiting := w.user(t, shut, w.read)
	w.exec(t, "UPDATE libraries SET delete_at = ? WHERE id = ?", w.clock.Now().Add(time.Hour).UnixMilli(),
		string(shut.library.ID))

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
		{"cut", reader.access[:42], invalid(wire.KindAccessToken)},
		{"a refresh token", reader.refresh, invalid(wire.KindAccessToken)},
		{"a code", reader.code, invalid(wire.KindAccessToken)},
		{"another contract's", writer.access, invalid(wire.KindAccessToken)},
		{"another application's", foreign.access, invalid(wire.KindAccessToken)},
		{"revoked", ended.access, invalid(wire.KindAccessToken)},
		{"of a shut library", waiting.access, invalid(wire.KindAccessToken)},
		{"expired", old.access, expired(wire.KindAccessToken)},
	} {
		for call, make := range calls {
			t.Run(tt.name+"/"+call, func(t *testing.T) {
				w.refuses(t, make(w.bearer(w.read, claims{"access_token": tt.token, "redirect_uri": callback})),
					tt.want)
			})
		}
	}
}

// Reading is for read contracts, pushing for write contracts.
func TestScope(t *testing.T) {
	w := newWorld(t)
	anna := w.person(t)
	reader, writer := w.user(t, anna, w.read), w.user(t, anna, w.write)
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
	w := newWorld(t)
	anna, bram := w.person(t), w.person(t)
	reader, other := w.user(t, anna, w.read), w.user(t, bram, w.read)
	writer := w.user(t, bram, w.write)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("bram's")), nil)
	others := w.session(t, other)
	file := w.names(t, other, others)[0]
	own, old := w.session(t, reader), w.session(t, reader)
	w.exec(t, "UPDATE sessions SET expires_at = ? WHERE hash = ?", w.clock.Now().UnixMilli(), hashOf(old))
	var promised wire.SignedAnswer
	w.mustSend(t, post("oauth/authorize", w.bearer(w.read, authorizing(nil)), "{}"), &promised)

	for name, key := range map[string]string{"unknown": wire.RandomAlphanumeric(43), "another person's": others,
		"over": old, "not agreed to": promised.Session.Key, "another grant's": w.consents(t, w.person(t),
			w.read).session} {
		t.Run(name, func(t *testing.T) {
			w.refuses(t, get("permission-access/query/"+key, w.as(reader, nil)), notFound("Session"))
			w.refuses(t, get("permission-access/query/"+key+"/"+file, w.as(reader, nil)), notFound("Session"))
			w.refuses(t, request{method: "HEAD", path: "permission-access/query/" + key + "/" + file,
				bearer: w.as(reader, nil)}, notFound("Session"))
		})
	}
	t.Run("another person's file", func(t *testing.T) {
		w.refuses(t, get("permission-access/query/"+own+"/"+file, w.as(reader, nil)), notFound("File"))
	})
}

// An application or contract that is unknown, disabled or over is nobody.
func TestClientRefused(t *testing.T) {
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
			w.refuses(t, get("permission-access/contract", w.bearer(w.read, claims{"client_id": tt.id})),
				noClient(tt.id))
		})
	}
	t.Run("long", func(t *testing.T) {
		id := strings.Repeat("x", 5000)
		w.refuses(t, get("permission-access/contract", w.bearer(w.read, claims{"client_id": id})),
			noClient(id[:200]+"…"))
	})

	reader := w.user(t, w.person(t), w.read)
	for _, tt := range []struct {
		name         string
		end, restore string
	}{
		{"disabled contract", "UPDATE contracts SET disabled_at = 1 WHERE id = 'readC'",
			"UPDATE contracts SET disabled_at = 0"},
		{"disabled application", "UPDATE applications SET disabled_at = 1 WHERE id = 'clinic'",
			"UPDATE applications SET disabled_at = 0"},
		{"contract that is over", "UPDATE contracts SET expires_at = 1 WHERE id = 'readC'",
			"UPDATE contracts SET expires_at = 1e15"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []request{
				get("permission-access/contract", w.as(reader, nil)),
				get("permission-access/accounts", w.as(reader, nil)),
				post("oauth/authorize", w.bearer(w.read, authorizing(nil)), ""),
				post("oauth/token", w.bearer(w.read, refreshing(reader)), ""),
			} {
				w.exec(t, tt.end)
				w.clock.Move(time.Second) // by then another server's change is known
				a := w.send(t, r)
				w.exec(t, tt.restore)
				w.clock.Move(time.Second)
				w.refused(t, a, noClient("clinic_readC"))
			}
		})
	}
	w.mustSend(t, get("permission-access/accounts", w.as(reader, nil)), nil)
}

// An operator's end of an application counts at once.
func TestDisabledAtOnce(t *testing.T) {
	w := newWorld(t)
	reader := w.user(t, w.person(t), w.read)
	w.mustSend(t, get("permission-access/accounts", w.as(reader, nil)), nil)
	if err := w.Clients.DisableContract(t.Context(), w.read.id.Contract); err != nil {
		t.Fatal(err)
	}
	w.refuses(t, get("permission-access/accounts", w.as(reader, nil)), noClient("clinic_readC"))
	if err := w.Clients.DisableApplication(t.Context(), w.foreign.id.Application); err != nil {
		t.Fatal(err)
	}
	w.refuses(t, get("permission-access/contract", w.bearer(w.foreign, nil)), noClient("monitor_readM"))
}

// A person deleted by their application is gone at once; the client's own retry of
// the call succeeds for ten minutes.
func TestDeleteUser(t *testing.T) {
	w := newWorld(t)
	anna := w.person(t)
	writer, reader := w.user(t, anna, w.write), w.user(t, anna, w.read)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("small")), nil)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader(strings.Repeat("l", library.InlineLimit+1))), nil)
	bram := w.user(t, w.person(t), w.write)
	w.mustSend(t, w.push(bram, w.as(bram, nil), strings.NewReader("bram's")), nil)

	remove := func(k *consent) request { return request{method: "DELETE", path: "user", bearer: w.as(k, nil)} }
	for range 2 {
		if a := w.mustSend(t, remove(reader), nil); a.StatusCode != 204 || len(a.body) > 0 {
			t.Errorf("%d %q, want 204 without a body", a.StatusCode, a.body)
		}
	}
	w.mustSend(t, remove(writer), nil) // another token of the same person
	left := w.stored(t)
	if left[0] != 1 || left[3] != 1 || left[7] != 2 || left[10] != 1 || left[11] != 1 || left[13] != 0 {
		t.Errorf("left of two libraries, one of them deleted: %v", left)
	}
	w.refuses(t, get("permission-access/accounts", w.as(reader, nil)), invalid(wire.KindAccessToken))
	w.refuses(t, post("oauth/token", w.bearer(w.read, refreshing(reader)), ""), invalid(wire.KindRefreshToken))
	w.clock.Move(11 * time.Minute)
	w.refuses(t, remove(reader), invalid(wire.KindAccessToken))
	w.mustSend(t, remove(bram), nil)
}

// What a person ends has ended for the very next call, also for an application that
// was pushing a moment ago.
func TestEndedAtOnce(t *testing.T) {
	w := newWorld(t)
	for name, end := range map[string]func(t *testing.T, p *person, k *consent) refusal{
		"revoked": func(t *testing.T, p *person, k *consent) refusal {
			w.revoke(t, p, k)
			return invalid(wire.KindAccessToken)
		},
		"shut": func(t *testing.T, p *person, _ *consent) refusal {
			event := library.Event{Library: p.library.ID, At: w.clock.Now(), Kind: library.EventShut}
			if err := w.db.ShutLibrary(t.Context(), p.library.ID, w.clock.Now().Add(time.Hour), "", event); err != nil {
				t.Fatal(err)
			}
			return invalid(wire.KindAccessToken)
		},
		"deleted": func(t *testing.T, _ *person, k *consent) refusal {
			w.mustSend(t, request{method: "DELETE", path: "user", bearer: w.as(k, nil)}, nil)
			return invalid(wire.KindAccessToken)
		},
		"expired": func(*testing.T, *person, *consent) refusal {
			w.clock.Move(25 * time.Hour)
			return expired(wire.KindAccessToken)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := w.person(t)
			k := w.user(t, p, w.write)
			push := func(size int) request {
				return w.push(k, w.as(k, nil),
					strings.NewReader(strings.Repeat("x", size)))
			}
			w.mustSend(t, push(1), nil)
			want := end(t, p, k)
			w.refuses(t, push(1), want)
			w.refuses(t, push(library.InlineLimit+1), want)
			w.refuses(t, get("permission-access/accounts", w.as(k, nil)), want)
		})
	}
}
