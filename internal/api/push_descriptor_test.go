package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
)

// pushing is a push with the given FileDescriptor headers.
func (w *world) pushing(k *carreltest.Grant, descriptors ...string) request {
	r := post("permission-access/import", w.as(k, nil), "content")
	r.header = http.Header{"Filedescriptor": descriptors}
	return r
}

// with is an honest descriptor's metadata, changed. A nil takes a member out.
func with(more claims) claims {
	all := claims{}
	maps.Copy(all, letter)
	maps.Copy(all, more)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// raw is JSON as it is written.
func raw(s string) json.RawMessage { return json.RawMessage(s) }

// A push needs one descriptor, signed by the contract that pushes.
func TestDescriptorSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer := w.Person().Allows(w.write)
	key := w.write.Key
	metadata := claims{"metadata": letter}
	good := w.descriptor(w.write, letter)
	parts := strings.Split(good, ".")
	const signature = "FileDescriptor signature"
	for _, tt := range []struct {
		name        string
		descriptors []string
		want        string
	}{
		{"none", nil, "FileDescriptor is required"},
		{"empty", []string{""}, "FileDescriptor is required"},
		{"two", []string{good, good}, "more than one FileDescriptor header"},
		{"no JWT", []string{"opaque"}, signature},
		{"JSON", []string{`{"mimeType":"text/plain"}`}, signature},
		{"unsigned", []string{parts[0] + "." + parts[1] + "."}, signature},
		{"alg none", []string{forge(claims{"alg": "none"}, metadata, func([]byte) []byte { return nil })}, signature},
		{"another contract's key", []string{w.descriptor(w.read, letter)}, signature},
		{"a stranger's key in the header",
			[]string{forge(claims{"alg": "PS512", "jwk": jwkOf(w.foreign.Key)}, metadata, ps512(w.foreign.Key))},
			signature},
		{"jku", []string{forge(claims{"alg": "PS512", "jku": "http://127.0.0.1:1/"}, metadata, ps512(key))}, signature},
		{"empty jku", []string{forge(claims{"alg": "PS512", "jku": ""}, metadata, ps512(key))}, signature},
		{"crit", []string{forge(claims{"alg": "PS512", "crit": []string{"exp"}}, metadata, ps512(key))}, signature},
		{"oversized", []string{w.descriptor(w.write, with(claims{"note": strings.Repeat("x", wire.MaxToken)}))},
			"FileDescriptor is longer than 12288 bytes"},
		{"no metadata", []string{forge(claims{"alg": "PS512"}, letter, ps512(key))},
			"FileDescriptor metadata is required"},
		{"claims a list", []string{forge(claims{"alg": "PS512"}, []any{letter}, ps512(key))},
			"FileDescriptor metadata is required"},
		{"a bearer token", []string{w.as(writer, nil)}, "FileDescriptor metadata is required"},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refuses(t, w.pushing(writer, tt.descriptors...), bad(tt.want)) })
	}
	w.mustSend(t, w.pushing(writer, good), nil)
}

// What a descriptor says is of the types that a reader relies on.
func TestDescriptorRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer := w.Person().Allows(w.write)
	const is = "FileDescriptor metadata"
	for _, tt := range []struct {
		name     string
		metadata any
		want     string
	}{
		{"null", raw("null"), is + " is not a JSON object"},
		{"text", "text/plain", is + " is not a JSON object"},
		{"a list", []any{letter}, is + " is not a JSON object"},
		{"empty", claims{}, is + ".mimeType is required"},
		{"no mimeType", with(claims{"mimeType": nil}), is + ".mimeType is required"},
		{"mimeType null", with(claims{"mimeType": raw("null")}), is + ".mimeType is required"},
		{"mimeType empty", with(claims{"mimeType": ""}), is + ".mimeType is empty"},
		{"mimeType a number", with(claims{"mimeType": 1}), is + ".mimeType has the wrong type"},
		{"mimeType in the spelling of answers", with(claims{"mimeType": nil, "mimetype": "text/plain"}),
			is + ".mimeType is required"},
		{"no accounts", with(claims{"accounts": nil}), is + ".accounts is required"},
		{"accounts empty", with(claims{"accounts": []any{}}), is + ".accounts is empty"},
		{"accounts null", with(claims{"accounts": raw("null")}), is + ".accounts is required"},
		{"accounts an object", with(claims{"accounts": claims{"accountId": "1"}}), is + ".accounts has the wrong type"},
		{"accounts of text", with(claims{"accounts": []any{"1"}}), is + ".accounts has the wrong type"},
		{"accounts of null", with(claims{"accounts": []any{nil}}), is + ".accounts[0].accountId is required"},
		{"account without id", with(claims{"accounts": []any{claims{"accountId": "1"}, claims{}}}),
			is + ".accounts[1].accountId is required"},
		{"account id a number", with(claims{"accounts": []any{claims{"accountId": 1}}}),
			is + ".accounts[0].accountId is required"},
		{"account id empty", with(claims{"accounts": []any{claims{"accountId": ""}}}),
			is + ".accounts[0].accountId is required"},
		{"reference text", with(claims{"reference": "letter"}), is + ".reference has the wrong type"},
		{"reference of numbers", with(claims{"reference": []int{1}}), is + ".reference has the wrong type"},
		{"reference of null", with(claims{"reference": []any{nil}}), is + ".reference has the wrong type"},
		{"tags an object", with(claims{"tags": claims{}}), is + ".tags has the wrong type"},
		{"tags of lists", with(claims{"tags": []any{[]any{"a"}}}), is + ".tags has the wrong type"},
		{"objectTypes text", with(claims{"objectTypes": "receipt"}), is + ".objectTypes has the wrong type"},
		{"objectTypes of text", with(claims{"objectTypes": []any{"receipt"}}), is + ".objectTypes has the wrong type"},
		{"serviceGroups of text", with(claims{"serviceGroups": []any{"1"}}), is + ".serviceGroups has the wrong type"},
		{"serviceGroups of fractions", with(claims{"serviceGroups": []any{1.5}}),
			is + ".serviceGroups has the wrong type"},
		{"providerName a number", with(claims{"providerName": 1}), is + ".providerName has the wrong type"},
		{"beyond 8 KiB", with(claims{"note": strings.Repeat("x", wire.MaxMetadata)}),
			is + " is larger than 8192 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t, w.pushing(writer, w.descriptor(w.write, tt.metadata)), bad(tt.want))
		})
	}
}

// metadataOf pushes with a descriptor and reads back what a reader is told.
func (w *world) metadataOf(t *testing.T, writer, reader *carreltest.Grant, descriptor string) (map[string]any, answer) {
	t.Helper()
	w.mustSend(t, w.pushing(writer, descriptor), nil)
	session := w.session(t, reader)
	names := w.names(t, reader, session)
	a := w.mustSend(t, request{
		method: "HEAD",
		path:   "permission-access/query/" + session + "/" + names[len(names)-1],
		bearer: w.as(reader, nil),
	}, nil)
	text, err := base64std.DecodeString(lower(a.Header, "x-metadata"))
	if err != nil {
		t.Fatalf("x-metadata is not in the standard alphabet, padded: %v", err)
	}
	var outer struct{ Metadata map[string]any }
	if err := json.Unmarshal(text, &outer); err != nil {
		t.Fatal(err)
	}
	return outer.Metadata, a
}

// What the server knows better the pusher cannot say.
func TestDescriptorServerSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	said := with(claims{"appid": "evil", "appId": "evil", "contractid": "evil", "contractId": "evil",
		"partnerid": "evil", "partnerId": "evil",
		"created": 1, "mimetype": "evil", "objecttypes": "evil", "servicegroups": "evil",
		"accounts": []any{claims{"accountId": "1", "accountid": "evil", "more": true}},
		"nothing":  raw("null"), "note": "kept", "tags": raw("null")})
	got, _ := w.metadataOf(t, writer, reader, w.descriptor(w.write, said))
	created := got["created"].(float64)
	if int64(created) < w.Clock.Now().UnixMilli()-60_000 {
		t.Errorf("created %v", created)
	}
	delete(got, "created")
	want := `{"accounts":[{"accountid":"1","more":true}],"appid":"clinic","contractid":"writeC",` +
		`"mimetype":"text/plain","note":"kept","partnerid":"clinic"}`
	if text := string(must(json.Marshal(got))); text != want {
		t.Errorf("a reader is told %s\nwant %s", text, want)
	}
}

// However text grows when it is encoded again, an answer's headers stay below the 16
// KiB that clients take: else the push is refused.
func TestDescriptorGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	fill := func(s string, size int) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"plain":           fill("x", 8000),
		"<":               fill("<", 8000),
		"&":               fill("&", 3000),
		"control":         fill(`\u0001`, 7998),
		"quotes":          fill(`\"`, 8000),
		"slashes":         fill(`\/`, 8000),
		"umbrellas":       fill("☂", 7998),
		"escaped letters": fill(`\u0041`, 7998),
		"line separators": fill("\u2028", 7998),
		"no UTF-8":        fill("\xff", 8000),
		"little no UTF-8": fill("\xff", 3000),
		"half surrogates": fill(`\ud800`, 7998),
		"NUL":             fill(`\u0000`, 7998),
	} {
		for _, member := range []string{`"reference":["%s"]`, `"note":"%s"`, `"%s":1`} {
			t.Run(name+" in "+member, func(t *testing.T) {
				metadata := fmt.Sprintf(`{"mimeType":"text/plain","accounts":[{"accountId":"1"}],`+member+`}`, text)
				payload := base64url.EncodeToString([]byte(`{"metadata":` + metadata + `}`))
				signed := base64url.EncodeToString([]byte(`{"alg":"PS512"}`)) + "." + payload
				descriptor := signed + "." + base64url.EncodeToString(ps512(w.write.Key)([]byte(signed)))
				if a := w.send(t, w.pushing(writer, descriptor)); a.StatusCode == 400 {
					w.refused(t, a, bad("FileDescriptor metadata …"))
					return
				}
				_, a := w.metadataOf(t, writer, reader, descriptor)
				if n := headSize(a.Header); n > 16<<10 {
					t.Errorf("%d bytes of headers", n)
				}
			})
		}
	}
}
