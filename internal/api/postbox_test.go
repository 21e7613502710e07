package api_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
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

// part is a part of a form: a file, or a field if it has no file name.
type part struct {
	file    string
	content []byte
}

// formOf returns a form, whose parts are all called "file", and its content type.
func formOf(parts ...part) (body []byte, contentType string) {
	const boundary = "--------------------------064207838926428934478241"
	var out bytes.Buffer
	for _, p := range parts {
		out.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"")
		if p.file != "" {
			fmt.Fprintf(&out, "; filename=%q\r\nContent-Type: application/octet-stream", p.file)
		}
		out.WriteString("\r\n\r\n")
		out.Write(p.content)
		out.WriteString("\r\n")
	}
	out.WriteString("--" + boundary + "--\r\n")
	return out.Bytes(), "multipart/form-data; boundary=" + boundary
}

// postbox is what an application knows of a postbox.
type postbox struct {
	id  string
	key *rsa.PublicKey
}

func postboxOf(t testing.TB, callback url.Values) postbox {
	t.Helper()
	return postbox{callback.Get("postboxId"),
		carreltest.Must(wire.ParsePublicKey([]byte(callback.Get("publicKey"))))(t)}
}

// parcel is a file that is encrypted for a postbox.
type parcel struct {
	key, iv []byte
	claims  claims
	content []byte
}

func (p postbox) encrypts(t testing.TB, content []byte, metadata any) parcel {
	t.Helper()
	secret := make([]byte, 48)
	_, _ = rand.Read(secret)
	e := parcel{key: secret[:32], iv: secret[32:]}
	wrapped := carreltest.Must(rsa.EncryptOAEP(sha1.New(), rand.Reader, p.key, e.key, nil))(t)
	e.claims = claims{
		"symmetrical_key": base64.StdEncoding.EncodeToString(wrapped), "iv": hex.EncodeToString(e.iv),
		"metadata": base64.StdEncoding.EncodeToString(e.encrypted(t, carreltest.Must(json.Marshal(metadata))(t))),
	}
	e.content = e.encrypted(t, content)
	return e
}

// encrypted pads and encrypts a text.
func (e parcel) encrypted(t testing.TB, text []byte) []byte {
	t.Helper()
	n := aes.BlockSize - len(text)%aes.BlockSize
	text = append(bytes.Clone(text), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(carreltest.Must(aes.NewCipher(e.key))(t), e.iv).CryptBlocks(text, text)
	return text
}

// pushTo is a push of a parcel.
func (w *world) pushTo(g *carreltest.Grant, p postbox, e parcel) request {
	return w.pushForm(g, p.id, e.claims, part{file: "letter.txt", content: e.content})
}

func (w *world) pushForm(g *carreltest.Grant, postbox string, said claims, parts ...part) request {
	body, contentType := formOf(parts...)
	return request{method: "POST", path: "permission-access/postbox/" + postbox, bearer: w.as(g, said),
		header: http.Header{"Content-Type": {contentType}}, body: io.MultiReader(bytes.NewReader(body))}
}

// node8 is the agent of a client that pushes to postboxes below v1.7.
const node8 = `{"sdk":{"name":"nodejs","version":"8.0.0","meta":{"node":"v16.0.0"}}}`

// postboxUser is a person who lets a contract push to a postbox.
type postboxUser struct {
	*carreltest.Visitor
	postbox
	grant *carreltest.Grant
}

// postboxUserOf has a visitor allow a contract, as a client of an earlier generation asks.
func (w *world) postboxUserOf(t testing.TB, v *carreltest.Visitor, c *carreltest.Contract) *postboxUser {
	t.Helper()
	g, query := w.allowsOlder(t, v, c)
	return &postboxUser{v, postboxOf(t, query), g}
}

// allowsOlder has a visitor allow a contract, as a client of an earlier generation asks. It returns the callback, too.
func (w *world) allowsOlder(
	t testing.TB, v *carreltest.Visitor, c *carreltest.Contract,
) (*carreltest.Grant, url.Values) {
	t.Helper()
	verifier := wire.RandomAlphanumeric(43)
	var answer wire.SignedAnswer
	w.mustSend(t, post("oauth/authorize", w.bearer(c, authorizing(claims{"code_challenge": wire.Challenge(verifier)})),
		`{"agent":`+node8+`}`), &answer)
	var code wire.PreauthorizationClaims
	if err := carreltest.Must(wire.ParseToken(answer.Token))(t).Peek(&code); err != nil {
		t.Fatal(err)
	}
	query := v.Opens(w.URL+"/apps/saas/authorize?code="+code.PreauthorizationCode, callback)
	tokens, err := w.tokens(w.mustSend(t, post("oauth/token", w.bearer(c, claims{"grant_type": "authorization_code",
		"code": query.Get("code"), "code_verifier": verifier}), ""), nil))
	if err != nil {
		t.Fatal(err)
	}
	g := c.GrantOfToken(tokens.AccessToken.Value)
	g.Tokens = tokens
	return g, query
}

// delivered is the answer to a push.
type delivered struct {
	Status  string
	Expires int64
	Session *wire.Session
}

// A push to a postbox adds a file as any other push does, small and large, and counts once.
func TestPostbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy)
	anna := w.Visitor()
	user := w.postboxUserOf(t, anna, w.write)
	again := w.postboxUserOf(t, anna, w.write)
	if again.id != user.id || !again.key.Equal(user.key) {
		t.Error("the same person and contract have two postboxes")
	}
	if other := w.postboxUserOf(t, anna, w.second); other.id == user.id || other.key.Equal(user.key) {
		t.Error("two contracts have the same postbox")
	}
	reader, _ := w.allowsOlder(t, anna, w.read)
	metadata := map[string]any{"mimeType": "text/plain", "accounts": []any{map[string]any{"accountId": "patient-1"}},
		"reference": []string{"a letter"}, "tags": []string{"letter"}}
	for _, size := range []int{0, 1, 15, 16, 100, library.InlineLimit, library.InlineLimit + 1, 3 << 20} {
		content := bytes.Repeat([]byte("x"), size)
		nonce := wire.NewNonce()
		e := user.encrypts(t, content, metadata)
		e.claims["nonce"] = nonce
		var answer delivered
		w.mustSend(t, w.pushTo(user.grant, user.postbox, e), &answer)
		if answer.Status != "delivered" || answer.Expires != int64(user.grant.Tokens.AccessToken.ExpiresOn) ||
			answer.Session != nil {
			t.Errorf("%d bytes: answer %+v", size, answer)
		}
		w.refuses(t, w.pushTo(user.grant, user.postbox, e), replayed(nonce))
	}
	session := w.session(t, reader)
	sizes := map[int]bool{}
	for _, name := range w.names(t, reader, session) {
		a := w.mustSend(t, get("permission-access/query/"+session+"/"+name, w.as(reader, nil)), nil)
		text := carreltest.Must(io.ReadAll(wire.OpenEnvelope(reader.Key, bytes.NewReader(a.body))))(t)
		if strings.Trim(string(text), "x") != "" {
			t.Errorf("%s has %.40q", name, text)
		}
		sizes[len(text)] = true
		m := carreltest.Must(wire.ParseFileMetadata(a.Header.Get("x-metadata")))(t)
		if m.Raw == nil || m.Raw.MIMEType != "text/plain" || m.Raw.Reference[0] != "a letter" ||
			m.Raw.ContractID != "writeC" || m.Raw.ApplicationID != "clinic" {
			t.Errorf("metadata %+v", m.Raw)
		}
	}
	if len(sizes) != 8 {
		t.Errorf("files of the sizes %v arrived", sizes)
	}
	// An access token that has expired is no error here: the client refreshes it.
	w.Clock.Moves(25 * time.Hour)
	files := w.Rows("files")
	var answer delivered
	w.mustSend(t, w.pushTo(user.grant, user.postbox, user.encrypts(t, []byte("late"), metadata)), &answer)
	if answer.Status != "pending" || w.Rows("files") != files {
		t.Errorf("with an expired token: %+v, %d files more", answer, w.Rows("files")-files)
	}
	// After "delete user" the postbox is gone; a new consent gives a new one.
	w.mustSend(t, request{method: "DELETE", path: "user", bearer: w.as(again.refreshed(t, w), nil)}, nil)
	if n := w.Rows("postboxes"); n > 0 {
		t.Errorf("%d postboxes are left", n)
	}
	if next := w.postboxUserOf(t, anna, w.write); next.id == user.id {
		t.Error("the postbox of before is back")
	}
}

// refreshed is the user's grant with a fresh access token.
func (u *postboxUser) refreshed(t testing.TB, w *world) *carreltest.Grant {
	t.Helper()
	request := post("oauth/token", w.bearer(u.grant.Contract, refreshing(u.grant)), "")
	tokens, err := w.tokens(w.mustSend(t, request, nil))
	if err != nil {
		t.Fatal(err)
	}
	u.grant.Tokens = tokens
	return u.grant
}

// Only clients of earlier generations get a postbox, and only with the setting; see TestOlderCallsAreOff.
func TestPostboxIsForOlderClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy)
	for _, tt := range []struct {
		name, base, agent string
		contract          *carreltest.Contract
		want              bool
	}{
		{"Node 8", "/v1.7/", node8, w.write, true},
		{"Node 9", "/v1.7/", `{"sdk":{"name":"nodejs","version":"9.0.0"}}`, w.write, false},
		{"Node 16", "/v1.7/", `{"sdk":{"name":"nodejs","version":"16.1.5"}}`, w.write, false},
		{"iOS", "/v1.7/", `{"name":"ios","version":"5.1.0"}`, w.write, false},
		{"nobody", "/v1.7/", `{}`, w.write, false},
		{"a version that is none", "/v1.7/", `{"sdk":{"name":"nodejs","version":"x"}}`, w.write, false},
		{"Android", "/v1.6/", `{"sdk":{"name":"android","version":"4.0.15"}}`, w.write, true},
		{"to read", "/v1.6/", node8, w.read, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query := w.Visitor().Opens(w.authorizePage(t, tt.contract, tt.base, tt.agent), callback)
			if query.Get("success") != "true" || query.Has("postboxId") != tt.want ||
				query.Has("publicKey") != tt.want {
				t.Errorf("callback %v", query)
			}
		})
	}
}

// What is not right about a push to a postbox is refused, and nothing is stored.
func TestPostboxRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy, func(c *server.Config) { c.MaxFileSize = 1 << 20 })
	user, bram := w.postboxUserOf(t, w.Visitor(), w.write), w.postboxUserOf(t, w.Visitor(), w.write)
	reader := w.Person().Allows(w.read)
	good := user.encrypts(t, []byte("dear Anna"), letter)
	with := func(e parcel, name string, value any) parcel {
		e.claims = claims{name: value, "symmetrical_key": e.claims["symmetrical_key"], "iv": e.claims["iv"],
			"metadata": e.claims["metadata"]}
		e.claims[name] = value
		return e
	}
	file := part{file: "letter.txt", content: good.content}
	form := func(parts ...part) request { return w.pushForm(user.grant, user.id, good.claims, parts...) }
	const (
		noBase64   = "symmetrical_key and metadata must be base64, and iv 32 hexadecimal digits"
		noKey      = "symmetrical_key or metadata does not decrypt: use the publicKey and the postboxId of one callback"
		noContent  = "the file does not decrypt: use the publicKey and the postboxId of one callback"
		cut        = "the body was cut off"
		noPostbox  = "Postbox"
		manyFields = "the form has too many parts"
	)
	changed := good
	changed.content = append(bytes.Clone(good.content[:15]), good.content[15]^1)
	another := bram.encrypts(t, []byte("dear Bram"), letter)
	cutForm := func(at int) request {
		r := form(file)
		body := carreltest.Must(io.ReadAll(r.body))(t)
		r.body = io.MultiReader(bytes.NewReader(body[:len(body)-at]))
		return r
	}
	plain := form(file)
	plain.header = http.Header{"Content-Type": {"application/json"}}
	for _, tt := range []struct {
		name string
		r    request
		want refusal
	}{
		{"another person's postbox", w.pushTo(user.grant, bram.postbox, another), notFound(noPostbox)},
		{"unknown", w.pushTo(user.grant, postbox{id: "nosuchpostbox"}, good), notFound(noPostbox)},
		{"no id", w.pushTo(user.grant, postbox{id: "a%20b"}, good), notFound(noPostbox)},
		{"another contract's token", w.pushTo(w.Person().Allows(w.second), user.postbox, good), notFound(noPostbox)},
		{"to read", w.pushTo(reader, user.postbox, good), noScope},
		{"an invalid token", w.pushTo(w.write.GrantOfToken("nosuchtoken"), user.postbox, good),
			invalid(wire.KindAccessToken)},
		{"encrypted for another", w.pushTo(user.grant, user.postbox, another), bad(noKey)},
		{"no key", w.pushTo(user.grant, user.postbox, with(good, "symmetrical_key", "")), bad(noKey)},
		{"no base64", w.pushTo(user.grant, user.postbox, with(good, "symmetrical_key", "*")), bad(noBase64)},
		{"a key of a number", w.pushTo(user.grant, user.postbox, with(good, "symmetrical_key", 1)),
			badBearer(badClaims + "symmetrical_key: want a string, got number")},
		{"a short IV", w.pushTo(user.grant, user.postbox, with(good, "iv", "00")), bad(noBase64)},
		{"another IV", w.pushTo(user.grant, user.postbox, with(good, "iv", strings.Repeat("00", 16))),
			bad("FileDescriptor metadata is not a JSON object")},
		{"no metadata", w.pushTo(user.grant, user.postbox, with(good, "metadata", "")), bad(noKey)},
		{"metadata without accounts", w.pushTo(user.grant, user.postbox,
			user.encrypts(t, nil, map[string]any{"mimeType": "text/plain"})),
			bad("FileDescriptor metadata.accounts is required")},
		{"a content that was changed", w.pushTo(user.grant, user.postbox, changed), bad(noContent)},
		{"a content that is no block", form(part{file: "x", content: good.content[:15]}), bad(noContent)},
		{"an empty content", form(part{file: "x"}), bad(noContent)},
		{"no form", plain, bad("Content-Type must be multipart/form-data with a boundary")},
		{"no part", form(), bad("the form has no file")},
		{"no file", form(part{content: good.content}), bad("the form has no file")},
		{"two files", form(file, file), bad("the form has more than one file")},
		{"many fields", form(part{}, part{}, part{}, part{}, part{}, part{}, part{}, part{}, file), bad(manyFields)},
		{"many fields after it", form(file, part{}, part{}, part{}, part{}, part{}, part{}, part{}, part{}),
			bad(manyFields)},
		{"a long field", form(part{content: make([]byte, 1<<17)}, file), bad("a field of the form is too long")},
		{"a long header", form(part{file: strings.Repeat("x", 1<<17)}),
			bad("the header of a part of the form is too long")},
		{"cut off in the end", cutForm(4), bad(cut)},
		{"cut off in the content", cutForm(70), bad(cut)},
		{"too large", w.pushTo(user.grant, user.postbox, user.encrypts(t, make([]byte, 1<<20+1), letter)),
			refusal{413, wire.CodePayloadTooLarge, "The file is larger than the 1048576 bytes that are allowed here"}},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refuses(t, tt.r, tt.want) })
	}
	w.mustSend(t, form(part{content: []byte("a field")}, file, part{content: []byte("another")}), nil)
}
