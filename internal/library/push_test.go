package library_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// The members that a descriptor must have.
const (
	typeMember     = `"mimeType":"text/plain"`
	accountsMember = `"accounts":[{"accountId":"1"}]`
	required       = typeMember + `,` + accountsMember
)

// tagsOf is metadata of a size, most of it one tag.
func tagsOf(size int) string {
	empty := `{` + required + `,"tags":[""]}`
	return strings.Replace(empty, `""`, `"`+strings.Repeat("t", size-len(empty))+`"`, 1)
}

// signedDescriptor signs the metadata of a descriptor.
func signedDescriptor(t *testing.T, header wire.Header, metadata string) string {
	t.Helper()
	claims := wire.DescriptorClaims{Metadata: json.RawMessage(metadata)}
	return must(wire.Sign(carreltest.Key(0), header, claims))(t)
}

// TestDescriptor parses descriptors with members that are known and that are not, and of the largest size.
func TestDescriptor(t *testing.T) {
	t.Parallel()
	call := carreltest.New(t).Application().Contract(library.Write).Requests()
	all := `{` + required + `,"fileName":"x","reference":["r"],"tags":["t"]}`
	d, err := call.Descriptor(signedDescriptor(t, wire.Header{}, all))
	if err != nil || d.MIMEType != "text/plain" || d.Reference[0] != "r" || d.Tags[0] != "t" || len(d.Extra) != 1 {
		t.Errorf("descriptor %+v, %v", d, err)
	}
	for name, metadata := range map[string]string{
		"8 KiB":                   tagsOf(wire.MaxMetadata),
		"the same member twice":   `{` + typeMember + `,` + required + `}`,
		"what the server decides": `{` + required + `,"appId":"x","contractid":"y","created":1,"partnerid":"z"}`,
	} {
		if _, err := call.Descriptor(signedDescriptor(t, wire.Header{}, metadata)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDescriptorMetadataRefused checks that a refusal of metadata says what is wrong.
func TestDescriptorMetadataRefused(t *testing.T) {
	t.Parallel()
	call := carreltest.New(t).Application().Contract(library.Write).Requests()
	for name, test := range map[string]struct{ metadata, want string }{
		"beyond 8 KiB":        {tagsOf(wire.MaxMetadata + 1), "metadata is larger than 8192 bytes"},
		"no type":             {`{` + accountsMember + `}`, "mimeType is required"},
		"an empty type":       {`{"mimeType":"",` + accountsMember + `}`, "mimeType is empty"},
		"a number for a type": {`{"mimeType":1,` + accountsMember + `}`, "mimeType has the wrong type"},
		"no accounts":         {`{` + typeMember + `}`, "accounts is required"},
		"null for accounts":   {`{` + typeMember + `,"accounts":null}`, "accounts is required"},
		"an empty list":       {`{` + typeMember + `,"accounts":[]}`, "accounts is empty"},
		"an account without id": {`{` + typeMember + `,"accounts":[{"accountId":"1"},{}]}`,
			"accounts[1].accountId is required"},
		"one account, no list": {`{` + typeMember + `,"accounts":{"accountId":"1"}}`,
			"accounts has the wrong type"},
		"tags that are numbers": {`{` + required + `,"tags":[1]}`, "tags has the wrong type"},
		"a tag, no list":        {`{` + required + `,"tags":"t"}`, "tags has the wrong type"},
		"references of null":    {`{` + required + `,"reference":[null]}`, "reference has the wrong type"},
		"a list for metadata":   {`[]`, "metadata is not a JSON object"},
		"a text for metadata":   {`"text"`, "metadata is not a JSON object"},
	} {
		_, err := call.Descriptor(signedDescriptor(t, wire.Header{}, test.metadata))
		var refusal *wire.Error
		if !errors.As(err, &refusal) || refusal.Status != 400 || !strings.Contains(refusal.Message, test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// TestDescriptorTokenRefused checks that a descriptor is a token that the contract's key has signed.
func TestDescriptorTokenRefused(t *testing.T) {
	t.Parallel()
	call := carreltest.New(t).Application().Contract(library.Write).Requests()
	good := signedDescriptor(t, wire.Header{}, `{`+required+`}`)
	tail := len(good) - 20
	for name, text := range map[string]string{
		"no descriptor": "",
		"no token":      "x",
		"two parts":     good[:strings.LastIndex(good, ".")],
		"another signature": good[:tail] + strings.Map(func(r rune) rune { return r ^ 1 },
			good[tail:tail+1]) + good[tail+1:],
		"no metadata": must(wire.Sign(carreltest.Key(0), wire.Header{}, struct{}{}))(t),
		"a key set of its own": signedDescriptor(t, wire.Header{KeySetURL: "https://evil.example/jwks"},
			`{`+required+`}`),
	} {
		_, err := call.Descriptor(text)
		var refusal *library.Refusal
		if !errors.As(err, &refusal) || refusal.Kind != library.RefusedParameter {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestServerDecidesWhoPushed: whatever the descriptor says of application, contract and
// time.
func TestServerDecidesWhoPushed(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	g := w.Person("anna@example.org").Allows(w.Application().Contract(library.Write))
	d := carreltest.Descriptor(
		t,
		map[string]any{
			"appId":      "x",
			"appid":      "x",
			"contractId": "y",
			"contractid": "y",
			"partnerid":  "z",
			"created":    1,
			"more":       true,
		},
	)
	file := must(w.Files.Push(t.Context(), must(g.Bearer())(t), d, strings.NewReader("")))(t)
	m := file.Metadata
	if m.ApplicationID != g.Application.ID || m.ContractID != g.Client.Contract.ID ||
		m.PartnerID != g.Application.PartnerID ||
		m.Created != wire.MillisOf(w.Clock.Now()) {
		t.Errorf("metadata %+v", m)
	}
	if want := map[string]json.RawMessage{"more": json.RawMessage("true")}; !reflect.DeepEqual(m.Extra, want) {
		t.Errorf("further members %s, want %s", m.Extra, want)
	}
}

// TestBodyBreaksOff: half a body leaves nothing behind, neither row nor blob, whatever
// the error and wherever it comes.
func TestBodyBreaksOff(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	g := anna.Allows(w.Application().Contract(library.Write))
	reset := errors.New("connection reset")
	for _, cause := range []error{io.ErrUnexpectedEOF, reset} {
		for _, n := range []int{0, 1, 1000, library.InlineLimit, library.InlineLimit + 1, 2 * library.InlineLimit,
			5*library.InlineLimit + 7} {
			body := io.MultiReader(bytes.NewReader(make([]byte, n)), iotest.ErrReader(cause))
			_, err := w.Files.Push(t.Context(), must(g.Bearer())(t), carreltest.Descriptor(t, nil), body)
			var broken *library.BodyError
			if !errors.As(err, &broken) || !errors.Is(err, cause) {
				t.Errorf("%v after %d bytes: %v", cause, n, err)
			}
		}
	}
	if n := anna.FileCount(); n != 0 {
		t.Errorf("%d files are left", n)
	}
	if keys := w.BlobKeys(); len(keys) != 0 {
		t.Errorf("blobs are left: %v", keys)
	}
	if got := anna.Activity(); got != "you.created app.allowed" {
		t.Errorf("activity %s", got)
	}
	if _, err := g.Pushes("after all", carreltest.Large("x")); err != nil {
		t.Errorf("a whole one afterwards: %v", err)
	}
}

// TestTooLarge: the operator's limit holds to the byte, for small contents and large.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1000, library.InlineLimit, 3 * library.InlineLimit} {
		w := carreltest.New(t, func(c *server.Config) { c.MaxFileSize = int64(limit) })
		anna := w.Person("anna@example.org")
		g := anna.Allows(w.Application().Contract(library.Write))
		if _, err := g.Pushes("at the limit", make([]byte, limit)); err != nil {
			t.Errorf("%d of %d bytes: %v", limit, limit, err)
		}
		files, blobs := anna.FileCount(), len(w.BlobKeys())
		for _, n := range []int{limit + 1, limit + library.InlineLimit, 10 * library.InlineLimit} {
			_, err := g.Pushes("beyond", make([]byte, n))
			carreltest.Refused(t, fmt.Sprintf("%d of %d bytes", n, limit), err, library.TooLarge(int64(limit)))
		}
		if anna.FileCount() != files || len(w.BlobKeys()) != blobs {
			t.Error("something of it was stored")
		}
	}
}

// TestPushBetweenChanges: each push is refused whose contract another server has disabled or whose grant has expired,
// whatever was pushed before, and taken again when the contract is enabled.
func TestPushBetweenChanges(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	contract := w.Application().Contract(library.Write, func(k *library.Contract) { k.GrantFor = 2 * time.Hour })
	g := w.Person().Allows(contract)
	other := library.NewClients(w.OpensStore(), nil, w.Clock.Now) // another server's
	push := func(what string, refused bool) {
		t.Helper()
		w.Clock.Moves(2 * time.Second) // by then another server's change is known
		request, err := w.Clients.Verify(t.Context(), contract.Signs(carreltest.WithToken(g.Token())))
		var bearer *library.Bearer
		if err == nil {
			bearer, err = w.Consents.Bearer(t.Context(), request)
		}
		if err == nil {
			descriptor := carreltest.Descriptor(t, map[string]any{"reference": []string{what}})
			_, err = w.Files.Push(t.Context(), bearer, descriptor, strings.NewReader(what))
		}
		var refusal *library.Refusal
		if refused && !errors.As(err, &refusal) || !refused && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	push("at first", false)
	push("again", false)
	if err := other.DisableContract(t.Context(), contract.Contract.ID); err != nil {
		t.Fatal(err)
	}
	push("disabled", true)
	if err := other.EnableContract(t.Context(), contract.Contract.ID); err != nil {
		t.Fatal(err)
	}
	push("enabled", false)
	w.Clock.Moves(time.Hour)
	push("an hour later", false)
	w.Clock.Moves(time.Hour)
	push("expired", true)
}

// TestReplayedPush: a push that is sent a second time is refused and stores nothing,
// small or large, one after the other or at once.
func TestReplayedPush(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	g := anna.Allows(w.Application().Contract(library.Write))
	for name, content := range map[string][]byte{"small": []byte("text"), "large": carreltest.Large("x")} {
		before, blobs := anna.FileCount(), len(w.BlobKeys())
		nonce := wire.NewNonce()
		token := g.Signs(carreltest.WithToken(g.Token()), func(q *wire.RequestClaims) { q.Nonce = nonce })
		push := func() error {
			call := must(w.Clients.Verify(t.Context(), token))(t)
			_, err := w.Files.Push(t.Context(), must(w.Consents.Bearer(t.Context(), call))(t),
				carreltest.Descriptor(t, nil), bytes.NewReader(content))
			return err
		}
		const many = 6
		errs := make(chan error, many)
		for range many {
			go func() { errs <- push() }()
		}
		won := 0
		for range many {
			if err := <-errs; err == nil {
				won++
			} else {
				carreltest.Refused(t, name+" again", err, library.ReplayedNonce(nonce))
			}
		}
		carreltest.Refused(t, name+" later", push(), library.ReplayedNonce(nonce))
		if got := anna.FileCount() - before; won != 1 || got != 1 {
			t.Errorf("%s: %d of %d had their way, %d files", name, won, many, got)
		}
		if got := len(w.BlobKeys()) - blobs; got != map[string]int{"small": 0, "large": 1}[name] {
			t.Errorf("%s: %d blobs", name, got)
		}
	}
}

// TestReadsInPieces: content that arrives a byte at a time, or with its end, is the
// same content.
func TestReadsInPieces(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person("anna@example.org")
	g, reader := anna.Allows(app.Contract(library.Write)), anna.Allows(app.Contract(library.Read))
	want := map[string]string{}
	for _, n := range []int{0, 1, library.InlineLimit - 1, library.InlineLimit, library.InlineLimit + 1,
		3 * library.InlineLimit} {
		content := carreltest.Large("x")[:n]
		for name, pieces := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader,
			"halves": iotest.HalfReader, "with the end": iotest.DataErrReader} {
			name = fmt.Sprint(n, name)
			want[name] = string(content)
			file, err := w.Files.Push(t.Context(), must(g.Bearer())(t),
				carreltest.Descriptor(t, map[string]any{"reference": []string{name}}), pieces(bytes.NewReader(content)))
			if err != nil || file.Size != int64(n) {
				t.Errorf("%s: %d bytes, %v", name, file.Size, err)
			}
		}
	}
	if got := must(reader.Reads())(t); !reflect.DeepEqual(got, want) {
		t.Errorf("%d files came back as they were pushed, want %d", len(got), len(want))
	}
}

// TestFileName: what a person knows a file by cannot change the look of a page.
func TestFileName(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"report.pdf": "report.pdf", "": "", "uitslag 12 ü.pdf": "uitslag 12 ü.pdf",
		"a\x00b\r\nc\u202egnp.exe": "abcgnp.exe", strings.Repeat("é", 300): strings.Repeat("é", 200) + "…",
	} {
		if got := (library.File{Metadata: wire.RawMetadata{Reference: []string{reference,
			"second"}}}).Name(); got != want {
			t.Errorf("%q is shown as %q, want %q", reference, got, want)
		}
	}
	if got := (library.File{}).Name(); got != "" {
		t.Errorf("a file without a reference is shown as %q", got)
	}
}
