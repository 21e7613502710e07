package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/api"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/openapi"
)

// pending is the answer to a push to a postbox with an access token that has expired. Nothing is stored.
var pending = refusal{status: http.StatusOK, message: `{"status":"pending","expires":0`}

// olderCaller is who makes the calls of clients of earlier generations.
type olderCaller struct {
	*carreltest.Grant // of a person with a postbox
	postbox           postbox
	parcel            parcel      // for the postbox
	others            []foreignID // postboxes
}

// isOlder reports whether only clients of earlier generations make a call.
func isOlder(o *openapi.Operation) bool {
	return strings.HasPrefix(o.Path, api.OlderBase) || strings.Contains(o.Path, "/postbox/")
}

func (f *foreigners) newOlderCaller(t *testing.T) *olderCaller {
	t.Helper()
	dora := f.Visitor()
	user := f.postboxUserOf(t, dora, f.write)
	gone := f.Visitor()
	deleted := f.postboxUserOf(t, gone, f.write)
	f.mustSend(t, request{method: http.MethodDelete, path: "user", bearer: f.as(deleted.grant, nil)}, nil)
	return &olderCaller{user.grant, user.postbox, user.encrypts(t, []byte("dear Dora"), letter), []foreignID{
		{"another person's", f.postboxUserOf(t, f.Visitor(), f.write).id},
		{"another contract's", f.postboxUserOf(t, dora, f.second).id},
		{"another application's", f.postboxUserOf(t, dora, f.foreignWrite).id},
		{"deleted", deleted.id},
	}}
}

// form makes a request one that carries the parcel.
func (c *olderCaller) form(r *request) {
	body, contentType := formOf(part{file: "letter.txt", content: c.parcel.content})
	r.header.Set("Content-Type", contentType)
	r.body = io.MultiReader(strings.NewReader(string(body)))
}

// foreignContracts are contracts that the application clinic does not have, or has no longer.
func (f *foreigners) foreignContracts(t *testing.T) []foreignID {
	t.Helper()
	disabled := f.clinic.Contract(library.Read).Client.Contract.ID
	if err := f.Clients.DisableContract(t.Context(), disabled); err != nil {
		t.Fatal(err)
	}
	return []foreignID{{"another application's", "readM"}, {"disabled", string(disabled)}}
}

// olderUses returns what differs in the calls of clients of earlier generations. Their sessions are read without a
// signature, so a session is foreign if it has not been started like that, or what allowed it has ended.
func (f *foreigners) olderUses(t *testing.T, theirs *carreltest.Grant, over expiredIDs) map[string]idUse {
	t.Helper()
	own, another := f.olderSession(t, f.reader), f.olderSession(t, theirs)
	ended, shut := f.Person(), f.Person()
	endedGrant := ended.Allows(f.read)
	endedSession, shutSession := f.olderSession(t, endedGrant), f.olderSession(t, shut.Allows(f.read))
	ended.Stops(endedGrant)
	shut.Shuts()
	var empty struct {
		Key string `json:"sessionKey"`
	}
	f.mustSend(t, post("/v1.6/permission-access/session", "", `{"appId":"clinic","contractId":"readC"}`), &empty)
	sessions := idUse{own, "nosuchsession", []foreignID{{"started with a signature", f.session(t, f.reader)},
		{"another person's, started with a signature", f.session(t, theirs)}, {"stopped", endedSession},
		{"of a library that is shut", shutSession}, {"empty", empty.Key}, {"expired", over.olderSession}},
		notFound("Session")}
	postboxes := idUse{f.older.postbox.id, "nosuchpostbox", f.older.others, notFound("Postbox")}
	const list = "GET /v1.6/permission-access/query/{session}"
	return map[string]idUse{
		list + " path:session":        sessions,
		list + "/{file} path:session": sessions,
		list + "/{file} path:file": {f.olderNames(t, own)[0], "nosuchfile", []foreignID{
			{"another person's", f.olderNames(t, another)[0]}}, notFound("File")},
		"POST /v1.6/permission-access/session body:appId": {"clinic", "nosuchapplication",
			[]foreignID{{"another one", "monitor"}}, notFound("Contract")},
		"POST /v1.6/permission-access/session body:contractId": {"readC", "nosuchcontract",
			f.uses["path:contract"].foreign, notFound("Contract")},
		"POST /v1.6/permission-access/postbox/{postbox} path:postbox": postboxes,
		"POST /v1.7/permission-access/postbox/{postbox} path:postbox": postboxes,
	}
}

// olderNames returns the names of the files of a session that is read without a signature.
func (w *world) olderNames(t testing.TB, session string) (names []string) {
	t.Helper()
	var list wire.FileList
	w.mustSend(t, get("/v1.6/permission-access/query/"+session, ""), &list)
	for _, file := range list.Files {
		names = append(names, string(file.Name))
	}
	return names
}
