package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// cloudRefusal is how a call of the file storage is to fail.
type cloudRefusal struct {
	status  int
	code    wire.ErrorCode
	message string
}

var (
	noStorage   = cloudRefusal{404, wire.CodeNotFound, "Storage not found"}
	noCloudFile = cloudRefusal{404, wire.CodeNotFound, "File not found"}
	noCloudCall = cloudRefusal{404, wire.CodeNotFound, "Call not found"}
)

func unauthorized(why string) cloudRefusal {
	return cloudRefusal{401, wire.CodeUnauthorized, "Bearer token refused" + why}
}

func badPath(why string) cloudRefusal {
	return cloudRefusal{400, wire.CodeValidationErrors, "Parameter validation errors: " + why}
}

// refusesCloud makes a call of the file storage that is to fail, and leave nothing behind.
func (w *world) refusesCloud(t *testing.T, r request, want cloudRefusal) {
	t.Helper()
	w.Unchanged("a refused call", func() {
		w.refusedCloud(t, w.send(t, r), want)
		w.works(t)
	})
}

// refusedCloud holds an answer against a refusal.
func (w *world) refusedCloud(t *testing.T, a answer, want cloudRefusal) {
	t.Helper()
	var e wire.CloudError
	in := json.NewDecoder(bytes.NewReader(a.body))
	in.DisallowUnknownFields()
	if err := in.Decode(&e); err != nil {
		t.Fatalf("%d %.200q: %v", a.StatusCode, a.body, err)
	}
	if a.StatusCode != want.status || e.Error != string(want.code) || e.Message != want.message {
		t.Errorf("%d %s %q, want %d %s %q", a.StatusCode, e.Error, e.Message, want.status, want.code, want.message)
	}
	if len(a.body) >= 272 { // what the Node SDK takes for a file
		t.Errorf("a body of %d bytes", len(a.body))
	}
	lines := w.Log.Lines(a.Header.Get("X-Error-Reference"))
	if len(lines) != 1 || !strings.Contains(lines[0], string(want.code)) {
		t.Errorf("the log says %q", lines)
	}
	if s := w.Secrets.In(string(a.body) + fmt.Sprint(a.Header)); s != "" {
		t.Errorf("the answer holds the secret %s", s)
	}
}

// cloudURL is the address of a file in a storage of a contract's application.
func cloudURL(c *carreltest.Contract, id library.StorageID, path string) string {
	return "/cloud/v1/clouds/" + string(id) + "/files/apps/" + string(c.Application.ID) + path
}

// cloud is a call of the file storage, without a body.
func cloud(method string, c *carreltest.Contract, id library.StorageID, path string) request {
	return request{method: method, path: cloudURL(c, id, path), bearer: c.SignsCloud()}
}

// uploads is an upload of unknown length.
func uploads(c *carreltest.Contract, id library.StorageID, path, content string) request {
	r := cloud("POST", c, id, path)
	r.body = io.MultiReader(strings.NewReader(content))
	return r
}

// listed are the files of a list, by their original names.
func (w *world) listed(t *testing.T, r request) (names []string) {
	t.Helper()
	var list wire.StorageList
	w.mustSend(t, r, &list)
	for _, e := range list.Files {
		names = append(names, e.OriginalPath+e.OriginalName)
	}
	if list.Total != len(list.Files) {
		t.Errorf("total %d of %d", list.Total, len(list.Files))
	}
	return names
}

// TestStorageCalls makes each of the calls of storages.
func TestStorageCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made, got wire.Storage
	if a := w.mustSend(t, post("storage", w.bearer(w.read, nil), ""), &made); a.StatusCode != http.StatusCreated {
		t.Errorf("status %d", a.StatusCode)
	}
	if want := "readC_clinic_0"; !wire.ValidName(made.ID) || made.KeyID != want {
		t.Errorf("%+v, want the key %s", made, want)
	}
	var reference wire.ReferenceAnswer
	body := `{"type":"cloudId","value":"` + made.ID + `"}`
	w.mustSend(t, post("reference", w.bearer(w.read, nil), body), &reference)
	w.refuses(t, post("reference", w.bearer(w.foreign, nil), body), notFound("Storage"))
	w.refuses(t, post("reference", w.bearer(w.read, nil), `{"type":"cloudId","value":"none"}`), notFound("Storage"))

	anna := w.Person()
	reader := carreltest.Must(anna.GivesStorage(w.read, library.StorageID(made.ID)))(t)
	w.mustSend(t, get("storage", w.as(reader, nil)), &got)
	if got != made {
		t.Errorf("%+v, made %+v", got, made)
	}
	writer := anna.Allows(w.write) // another contract of the application: the same storage, its own key
	w.mustSend(t, get("storage", w.as(writer, nil)), &got)
	if got.ID != made.ID || got.KeyID != "writeC_clinic_0" {
		t.Errorf("%+v", got)
	}
	w.refuses(t, get("storage", w.as(anna.Allows(w.foreign), nil)), notFound("Storage"))
	w.refuses(t, get("storage", w.bearer(w.read, nil)), invalid(wire.KindAccessToken))

	id := library.StorageID(made.ID)
	var uploaded wire.StorageUpload
	for path, content := range map[string]string{
		"/Root.json": "root", "/Docs/Inner/One é.bin": "one", "/Docs/Two": "",
	} {
		a := w.mustSend(t, uploads(w.read, id, strings.ReplaceAll(path, " é", "%20%C3%A9"), content), &uploaded)
		if a.StatusCode != http.StatusCreated || uploaded.ID == "" {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	db := w.OpensStore()
	isUsed := func(g *carreltest.Grant) bool {
		return !carreltest.Must(db.GetGrant(t.Context(), g.ID()))(t).LastUsedAt.IsZero()
	}
	if !isUsed(reader) || isUsed(writer) {
		t.Errorf("uploading has used the consent: %t; another contract's: %t", isUsed(reader), isUsed(writer))
	}
	var list wire.StorageList
	w.mustSend(t, cloud("GET", w.write, id, "/docs/inner/?recursive=false"), &list)
	if !isUsed(writer) {
		t.Error("listing has not used the consent")
	}
	want := wire.StorageEntry{Name: "one é.bin", OriginalName: "One é.bin", Path: "/apps/clinic/docs/inner/",
		OriginalPath: "/apps/clinic/Docs/Inner/"}
	if len(list.Files) != 1 || list.Files[0].ID == "" {
		t.Fatalf("%+v", list)
	}
	if list.Files[0].ID = ""; list.Files[0] != want {
		t.Errorf("%+v", list.Files[0])
	}
	for query, want := range map[string]int{"/": 1, "/?recursive=false": 1, "/?recursive=true": 3, "": 1,
		"/none/?recursive=true": 0, "/Docs//?recursive=true": 2, "//Docs/Inner//": 1} {
		if got := w.listed(t, cloud("GET", w.read, id, query)); len(got) != want {
			t.Errorf("list %q: %q", query, got)
		}
	}
	if a := w.send(t, cloud("GET", w.read, id, "/none/")); string(a.body) != `{"files":[],"total":0}` {
		t.Errorf("an empty list: %s", a.body)
	}
	a := w.mustSend(t, cloud("GET", w.write, id, "/docs//inner/ONE%20%c3%89.bin"), nil)
	if string(a.body) != "one" || a.ContentLength != 3 || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%q %v", a.body, a.Header)
	}
	if a := w.mustSend(t, cloud("GET", w.read, id, "/docs/two"), nil); len(a.body) != 0 || a.ContentLength != 0 {
		t.Errorf("an empty file: %q, %d", a.body, a.ContentLength)
	}
	a = w.mustSend(t, cloud("DELETE", w.read, id, "/ROOT.json"), nil)
	if a.StatusCode != http.StatusNoContent || a.Status != "204 No Content" || len(a.body) > 0 {
		t.Errorf("%s %q", a.Status, a.body)
	}
	w.refusesCloud(t, cloud("DELETE", w.read, id, "/Root.json"), noCloudFile)
	w.refusesCloud(t, cloud("GET", w.read, id, "/Root.json"), noCloudFile)
	w.mustSend(t, cloud("DELETE", w.read, id, "/docs/"), nil)
	w.refusesCloud(t, cloud("DELETE", w.read, id, "/docs/"), cloudRefusal{404, wire.CodeNotFound, "Folder not found"})
	if got := w.listed(t, cloud("GET", w.read, id, "/?recursive=true")); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

// TestCloudTokenRefused: a token counts for a minute or two, for its application, with its key.
func TestCloudTokenRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.StopsAt(w.Clock.Now().Truncate(time.Second))
	_, id := w.Person().AllowsStorage(w.write)
	claims := func(c *wire.CloudClaims) {
		now := w.Clock.Now()
		c.IssuedAt, c.ExpiresAt = wire.SecondsOf(now), wire.SecondsOf(now.Add(time.Minute))
	}
	valid := func(from, until time.Duration) string {
		return w.write.SignsCloud(func(c *wire.CloudClaims) {
			now := w.Clock.Now()
			c.IssuedAt, c.ExpiresAt = wire.SecondsOf(now.Add(from)), wire.SecondsOf(now.Add(until))
		})
	}
	header := func(h wire.Header) string {
		c := wire.CloudClaims{Subject: w.write.Application.ID, Issuer: w.write.Contract.ID, Audience: "cloud"}
		claims(&c)
		return carreltest.Must(wire.Sign(w.write.Key, h, c))(t)
	}
	good := wire.Header{Type: wire.TypeCloud, KeyID: wire.CloudKeyID(w.write.ID())}
	for what, bearer := range map[string]string{
		"now": w.write.SignsCloud(), "for two minutes": valid(0, 2*time.Minute),
		"by a clock that is behind": valid(-59*time.Second, time.Second),
		"by a clock that is ahead":  valid(time.Minute, 2*time.Minute),
	} {
		r := cloud("GET", w.write, id, "/")
		r.bearer = bearer
		if a := w.send(t, r); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
		}
	}
	for _, tt := range []struct{ what, bearer, why string }{
		{"none", "", ": the call must have one Authorization header"},
		{"no token", "x", ": it is no token of the file storage"},
		{"a request's token", w.bearer(w.write, nil), ": sub or iss"},
		{"another type", header(wire.Header{Type: "JWT", KeyID: good.KeyID}), ": typ"},
		{"no key id", header(wire.Header{Type: wire.TypeCloud}), ": kid"},
		{"another key id", header(wire.Header{Type: wire.TypeCloud, KeyID: strings.TrimSuffix(good.KeyID, "0") + "1"}),
			": kid"},
		{"the client's id", header(wire.Header{Type: wire.TypeCloud, KeyID: w.write.ID().String() + "_0"}), ": kid"},
		{"a key set", header(wire.Header{Type: wire.TypeCloud, KeyID: good.KeyID, KeySetURL: "https://x.example"}),
			": it is no token of the file storage"},
		{"another audience", w.write.SignsCloud(func(c *wire.CloudClaims) { c.Audience = "other" }), ": aud"},
		{"expired", valid(-time.Minute, 0), ": it has expired"},
		{"long expired", valid(-time.Hour, -time.Hour+time.Minute), ": it has expired"},
		{"for longer", valid(0, 2*time.Minute+time.Second), ": exp must be at most two minutes after iat"},
		{"for ever", valid(0, 1000*time.Hour), ": exp must be at most two minutes after iat"},
		{"not at all", valid(0, 0), ": exp must be at most two minutes after iat"},
		{"backwards", valid(time.Minute, 0), ": exp must be at most two minutes after iat"},
		{"in the future", valid(90*time.Second, 150*time.Second), ": it was made in the future"},
		{"of another application", w.write.SignsCloud(func(c *wire.CloudClaims) { c.Subject = "monitor" }), ": kid"},
		{"of another contract", w.write.SignsCloud(func(c *wire.CloudClaims) { c.Issuer = "secondC" }), ": kid"},
		{"no id", w.write.SignsCloud(func(c *wire.CloudClaims) { c.Issuer = "a_b" }), ": sub or iss"},
		{"forged", func() string {
			forged := *w.write
			forged.Key = w.second.Key
			return forged.SignsCloud()
		}(), ""},
		{"of an unknown contract", func() string {
			c := wire.CloudClaims{Subject: "clinic", Issuer: "nobody", Audience: "cloud"}
			claims(&c)
			h := wire.Header{Type: wire.TypeCloud, KeyID: "nobody_clinic_0"}
			return carreltest.Must(wire.Sign(w.write.Key, h, c))(t)
		}(), ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				r := cloud(method, w.write, id, "/x")
				r.bearer, r.body = tt.bearer, strings.NewReader("content")
				w.refusesCloud(t, r, unauthorized(tt.why))
			}
		})
	}
	t.Run("of the API", func(t *testing.T) { // a cloud token is no token of a request
		w.refuses(t, get("storage", w.write.SignsCloud()), badBearer("bearer token signature"))
	})
}

// TestCloudForeign: a storage is reached by its application alone, and an id that is unknown, another's or expired gets
// the same answer.
func TestCloudForeign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.StopsAt(w.Clock.Now())
	anna := w.Person()
	_, id := anna.AllowsStorage(w.write)
	_, others := anna.AllowsStorage(w.foreignWrite)
	expired := w.write.CreatesStorage()
	w.mustSend(t, uploads(w.write, id, "/kept", "x"), nil)
	w.mustSend(t, uploads(w.foreignWrite, others, "/kept", "x"), nil)
	w.Clock.Moves(24 * time.Hour)
	for what, r := range map[string]func(method string) request{
		"unknown":                func(m string) request { return cloud(m, w.write, "nosuchstorage", "/kept") },
		"another application's":  func(m string) request { return cloud(m, w.write, others, "/kept") },
		"expired":                func(m string) request { return cloud(m, w.write, expired, "/kept") },
		"an id that is no name":  func(m string) request { return cloud(m, w.write, "a%2Fb", "/kept") },
		"an id that is no UTF-8": func(m string) request { return cloud(m, w.write, "%ff", "/kept") },
		"no slash behind the application": func(m string) request {
			return cloud(m, w.write, id, "x/kept")
		},
		"another application in the path": func(m string) request {
			r := cloud(m, w.foreignWrite, id, "/kept")
			r.bearer = w.write.SignsCloud()
			return r
		},
		"the application in another case": func(m string) request {
			r := cloud(m, w.write, id, "/kept")
			r.path = strings.Replace(r.path, "clinic", "Clinic", 1)
			return r
		},
	} {
		t.Run(what, func(t *testing.T) {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				w.refusesCloud(t, r(method), noStorage)
			}
		})
	}
}

// TestCloudPath: what is no path is refused, and nothing is redirected.
func TestCloudPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, id := w.Person().AllowsStorage(w.write)
	for path, why := range map[string]string{
		"/..":                          "the path has a segment . or ..",
		"/../x":                        "the path has a segment . or ..",
		"/a/%2e%2e/x":                  "the path has a segment . or ..",
		"/a/./x":                       "the path has a segment . or ..",
		"/a%2Fb":                       "the path has a slash in a name",
		"/%2F":                         "the path has a slash in a name",
		"/..%2F..%2Fx":                 "the path has a slash in a name",
		"/a%00b":                       "the path has a control character",
		"/a%0d%0ab":                    "the path has a control character",
		"/a%7f":                        "the path has a control character",
		"/%C2%85":                      "the path has a control character",
		"/%ff":                         "the path is not UTF-8",
		"/%ED%A0%80":                   "the path is not UTF-8",
		"/%C0%AF":                      "the path is not UTF-8",
		"/" + strings.Repeat("a", 256): "a name in the path is too long",
		strings.Repeat("/a", 10_000):   "the path is too long",
		strings.Repeat("/abc", 400):    "the path is too long",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.refusesCloud(t, cloud(method, w.write, id, path), badPath(why))
		}
	}
	w.refusesCloud(t, uploads(w.write, id, "/a/", "x"), badPath("the path has no name of a file"))
	w.refusesCloud(t, uploads(w.write, id, "", "x"), badPath("the path has no name of a file"))
	w.refusesCloud(t, cloud("GET", w.write, id, "/?recursive=yes"), badPath("recursive must be true or false"))
	for _, path := range []string{"/cloud/", "/cloud/v1/clouds/" + string(id), "/cloud/v2/clouds/x/files/apps/y/",
		"/cloud/v1/clouds/" + string(id) + "/files/apps/"} {
		r := request{method: "GET", path: path, bearer: w.write.SignsCloud()}
		w.refusesCloud(t, r, noCloudCall)
	}
	for _, method := range []string{"PUT", "PATCH", "OPTIONS"} {
		w.refusesCloud(t, cloud(method, w.write, id, "/x"), noCloudCall)
	}

	// Slashes collapse, also before the storage, and the bytes are those of the path as the client has put it.
	r := uploads(w.write, id, "//a//B.bin", "1")
	r.path = strings.Replace(r.path, "/clouds/", "//clouds//", 1)
	w.mustSend(t, r, nil)
	w.mustSend(t, uploads(w.write, id, "/%E2%82%AC%20+%25", "2"), nil)
	w.mustSend(t, uploads(w.write, id, "/a;b&c=d,e@f:$'()*!~", "3"), nil)
	got := strings.Join(w.listed(t, cloud("GET", w.write, id, "///?recursive=true")), " | ")
	if want := "/apps/clinic/a;b&c=d,e@f:$'()*!~ | /apps/clinic/€ +% | /apps/clinic/a/B.bin"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if a := w.mustSend(t, cloud("GET", w.write, id, "/%e2%82%ac +%25"), nil); string(a.body) != "2" {
		t.Errorf("%q", a.body)
	}
	// Names that differ in case are one file; another spelling of a letter is another.
	for i, path := range []string{"/Case/É.TXT", "/case/é.txt", "/CASE/e%CC%81.txt"} {
		w.mustSend(t, uploads(w.write, id, path, fmt.Sprint(i)), nil)
	}
	if got := w.listed(t, cloud("GET", w.write, id, "/CASE/")); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// TestCloudErrorsAreShort: the Node SDK takes a failed download for a file, and fails on one of 272 bytes.
func TestCloudErrorsAreShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{strings.Repeat("/long", 2000), "/" + strings.Repeat("%00", 5000)} {
		r := request{method: "GET", path: "/cloud/v1/clouds/x/files/apps/clinic" + path, bearer: "x"}
		if a := w.send(t, r); len(a.body) >= 272 || a.StatusCode != 401 {
			t.Errorf("%d, %d bytes", a.StatusCode, len(a.body))
		}
	}
}

// TestCloudUploadCut: where an upload breaks off, or says something else about its length than it sends, nothing of it
// is kept, and the file that was there stays.
func TestCloudUploadCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, id := w.Person().AllowsStorage(w.write)
	w.mustSend(t, uploads(w.write, id, "/x", "first"), nil)
	head := func(header string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n",
			cloudURL(w.write, id, "/X"), w.address, w.write.SignsCloud(), header)
	}
	for name, sent := range map[string]string{
		"none of it":             head("Content-Length: 1000"),
		"a small one":            head("Content-Length: 1000") + strings.Repeat("x", 500),
		"a large one":            head("Content-Length: 1000000") + strings.Repeat("x", 300_000),
		"before the first chunk": head("Transfer-Encoding: chunked"),
		"mid-chunk":              head("Transfer-Encoding: chunked") + chunkOf(100) + "64\r\nxxx",
		"between chunks":         head("Transfer-Encoding: chunked") + chunkOf(100),
		"between large chunks":   head("Transfer-Encoding: chunked") + chunkOf(300_000),
		"before the last line":   head("Transfer-Encoding: chunked") + chunkOf(100) + "0\r\n",
		"no chunk":               head("Transfer-Encoding: chunked") + "zz\r\nxxx\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w.Unchanged("an upload that was cut off", func() {
				l := w.dial(t)
				if err := errors.Join(l.say("%s", sent), l.CloseWrite()); err != nil {
					t.Fatal(err)
				}
				w.refusedCloud(t, l.hear("POST"), badPath("the body was cut off"))
				if !l.ended() {
					t.Error("the connection stays")
				}
			})
		})
	}
	t.Run("larger than announced", func(t *testing.T) {
		l := w.dial(t)
		if err := l.say("%s", head("Content-Length: 10")+strings.Repeat("y", 20)); err != nil {
			t.Fatal(err)
		}
		if a := l.hear("POST"); a.StatusCode != http.StatusCreated { // the file has what was announced
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if a := l.hear("GET"); a.StatusCode != http.StatusBadRequest || !a.Close { // the rest is no request
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if a := w.mustSend(t, cloud("GET", w.write, id, "/x"), nil); string(a.body) != "yyyyyyyyyy" {
			t.Errorf("%q", a.body)
		}
	})
}

// TestCloudUploadSlow: an upload without progress is not waited for.
func TestCloudUploadSlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *server.Config) { c.IdleTimeout = 200 * time.Millisecond })
	_, id := w.Person().AllowsStorage(w.write)
	w.Unchanged("an upload without progress", func() {
		l := w.dial(t)
		if err := l.say("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\n%s",
			cloudURL(w.write, id, "/x"), w.address, w.write.SignsCloud(), strings.Repeat("x", 200_000)); err != nil {
			t.Fatal(err)
		}
		a := l.hear("POST")
		w.refusedCloud(t, a, cloudRefusal{408, wire.CodeValidationErrors,
			"Parameter validation errors: the body came too slowly"})
	})
}

// TestCloudQuota: a full storage refuses with a message that says what to do, and nothing to wait for.
func TestCloudQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *server.Config) { c.StorageQuota = library.Quota{Files: 3, Bytes: 200_000} })
	_, id := w.Person().AllowsStorage(w.write)
	w.mustSend(t, uploads(w.write, id, "/a", strings.Repeat("a", 150_000)), nil)
	full := cloudRefusal{507, wire.CodeQuotaExceeded, "There is no room for the file: the storage holds 150000 of " +
		"200000 bytes. Delete files first, or store a smaller one"}
	tooLarge := cloudRefusal{507, wire.CodeQuotaExceeded,
		"The file is larger than the 200000 bytes that a storage may hold"}
	for what, tt := range map[string]struct {
		body io.Reader
		want cloudRefusal
	}{
		"of unknown length": {io.MultiReader(strings.NewReader(strings.Repeat("b", 50_001))), full},
		"announced":         {strings.NewReader(strings.Repeat("b", 50_001)), full},
		"just fits alone":   {strings.NewReader(strings.Repeat("b", 200_000)), full},
		"too large alone":   {strings.NewReader(strings.Repeat("b", 200_001)), tooLarge},
		"large":             {io.MultiReader(bytes.NewReader(make([]byte, 5<<20))), full},
	} {
		r := uploads(w.write, id, "/b", "")
		r.body = tt.body
		var a answer
		w.Unchanged(what, func() { a = w.send(t, r) })
		w.refusedCloud(t, a, tt.want)
		if got := a.Header.Get("Retry-After"); got != "" {
			t.Errorf("%s: Retry-After %q", what, got)
		}
	}
	for i := range 2 {
		w.mustSend(t, uploads(w.write, id, fmt.Sprint("/", i), "x"), nil)
	}
	w.refusesCloud(t, uploads(w.write, id, "/c", ""), cloudRefusal{507, wire.CodeQuotaExceeded,
		"There is no room for the file: the storage holds 3 of 3 files. Delete files first"})
	w.mustSend(t, cloud("DELETE", w.write, id, "/a"), nil)
	w.mustSend(t, uploads(w.write, id, "/c", strings.Repeat("c", 199_998)), nil)

	// Into an empty storage a file that does not fit never fits.
	_, empty := w.Person().AllowsStorage(w.write)
	r := uploads(w.write, empty, "/c", "")
	r.body = io.MultiReader(bytes.NewReader(make([]byte, 5<<20)))
	w.refusedCloud(t, w.send(t, r), tooLarge)
}

// TestCloudQuotaOfNobody: storages that no person has allowed share a quota, and the message says so of one that is
// empty.
func TestCloudQuotaOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *server.Config) { c.StorageQuota = library.Quota{Files: 2, Bytes: 200_000} })
	var ids [3]library.StorageID
	for i := range ids {
		var made wire.Storage
		w.mustSend(t, post("storage", w.bearer(w.write, nil), ""), &made)
		ids[i] = library.StorageID(made.ID)
	}
	w.mustSend(t, uploads(w.write, ids[0], "/a", strings.Repeat("a", 150_000)), nil)
	const room = "There is no room for the file: all storages that no person has allowed yet hold together "
	w.refusesCloud(t, uploads(w.write, ids[1], "/b", strings.Repeat("b", 50_001)), cloudRefusal{507,
		wire.CodeQuotaExceeded, room + "150000 of 200000 bytes. Delete files first, or store a smaller one"})
	w.mustSend(t, uploads(w.write, ids[1], "/b", "b"), nil)
	w.refusesCloud(t, uploads(w.write, ids[2], "/c", ""), cloudRefusal{507,
		wire.CodeQuotaExceeded, room + "2 of 2 files. Delete files first"})
}

// TestCloudRace: of uploads to one path at the same time, one is there as a whole.
func TestCloudRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, id := w.Person().AllowsStorage(w.write)
	const n = 12
	contents := make([]string, n)
	errs := make(chan error, 2*n)
	for i := range n {
		contents[i] = strings.Repeat(string(rune('a'+i)), 30_000*(i%4+1))
		r := uploads(w.write, id, []string{"/race/Name", "/RACE/name"}[i%2], contents[i])
		reads := cloud("GET", w.write, id, "/race/name")
		go func() {
			a, err := w.try(t.Context(), r)
			if err == nil && a.StatusCode != http.StatusCreated {
				err = fmt.Errorf("upload: %d %s", a.StatusCode, a.body)
			}
			errs <- err
		}()
		go func() {
			a, err := w.try(t.Context(), reads)
			if err == nil && a.StatusCode != http.StatusNotFound && !whole(string(a.body), contents) {
				err = fmt.Errorf("download: %d, %d bytes", a.StatusCode, len(a.body))
			}
			errs <- err
		}()
	}
	for range 2 * n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if a := w.mustSend(t, cloud("GET", w.write, id, "/race/name"), nil); !whole(string(a.body), contents) {
		t.Errorf("%d bytes", len(a.body))
	}
	if got := w.listed(t, cloud("GET", w.write, id, "/?recursive=true")); len(got) != 1 {
		t.Errorf("%q", got)
	}
	carreltest.Eventually(t, "what was replaced is removed", func() bool { return w.BlobCount() <= 1 })
}

func whole(body string, contents []string) bool {
	return len(body) > 0 && len(body)%30_000 == 0 && strings.Count(body, body[:1]) == len(body) &&
		contents[body[0]-'a'] == body
}

// TestCloudStopped: when the person stops the application, it can do nothing with the storage; an application that asks
// for the deletion of its person takes its storage along.
func TestCloudStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, id := anna.AllowsStorage(w.write)
	w.mustSend(t, uploads(w.write, id, "/x", "content"), nil)
	anna.Stops(writer)
	for _, method := range []string{"GET", "POST", "DELETE"} {
		w.refusesCloud(t, cloud(method, w.write, id, "/x"), cloudRefusal{403, wire.CodeInsufficientScope,
			"The person's consent has ended: ask for it again"})
	}
	w.Clock.Moves(time.Second)
	writer = anna.Allows(w.write)
	if a := w.mustSend(t, cloud("GET", w.write, id, "/x"), nil); string(a.body) != "content" {
		t.Errorf("%q", a.body)
	}
	for range 2 { // a client repeats the call
		w.mustSend(t, request{method: "DELETE", path: "user", bearer: w.as(writer, nil)}, nil)
	}
	w.refusesCloud(t, cloud("GET", w.write, id, "/x"), noStorage)
	if w.Rows("storages")+w.Rows("storage_files")+w.Rows("storage_contents") > 0 {
		t.Error("something is left")
	}
	want := "you.created app.allowed storage.connected app.stopped app.allowed storage.deleted_by_app app.left"
	if got := anna.Activity(); got != want {
		t.Errorf("activity %q, want %q", got, want)
	}
}

// TestCloudTokensOnce: where the operator wants it, a token counts once.
func TestCloudTokensOnce(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{false, true} {
		w := newWorld(t, func(c *server.Config) { c.CloudTokensOnce = once })
		w.Clock.StopsAt(w.Clock.Now())
		_, id := w.Person().AllowsStorage(w.write)
		r := uploads(w.write, id, "/x", "1")
		w.mustSend(t, r, nil)
		for range 2 {
			r.body = strings.NewReader("2")
			a := w.send(t, r)
			if !once && a.StatusCode != http.StatusCreated {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if once {
				w.refusedCloud(t, a, unauthorized(": it was used before"))
			}
			w.Clock.Moves(20 * time.Second)
		}
		if w.mustSend(t, cloud("GET", w.write, id, "/x"), nil); once {
			refused := cloud("GET", w.write, "nosuchstorage", "/x")
			w.refusedCloud(t, w.send(t, refused), noStorage)
			w.refusedCloud(t, w.send(t, refused), unauthorized(": it was used before"))
		}
	}
}

// TestCloudList: a list of more files than are read at a time is whole.
func TestCloudList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, id := w.Person().AllowsStorage(w.write)
	const n = 1100
	storage := carreltest.Must(w.write.OpensStorage(id))(t)
	for i := range n {
		path := carreltest.PathOf("d", fmt.Sprintf("%04d", i))
		carreltest.Must(w.Storages.Upload(t.Context(), storage, path, strings.NewReader("x"), 1))(t)
	}
	got := w.listed(t, cloud("GET", w.write, id, "/?recursive=true"))
	if len(got) != n || got[0] != "/apps/clinic/d/0000" || got[n-1] != "/apps/clinic/d/1099" {
		t.Errorf("%d files", len(got))
	}
}
