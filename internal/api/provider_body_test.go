package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/server"
)

// A refusedBody is a body that may not leave.
type refusedBody struct {
	name, body string
	// says is what the message names; empty if it names nothing in particular.
	says string
}

// checkBodiesRefused pushes bodies to a provider, with their length and without it. Each is refused with what is wrong
// and where. Nothing of it is kept, or repeated, or written into the log, and the provider does not hear of it.
func checkBodiesRefused(t *testing.T, bodies []refusedBody) {
	t.Helper()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden, bsn, "9999.11.120")
	for _, tt := range bodies {
		t.Run(tt.name, func(t *testing.T) {
			r := w.deliver(k.Grant, k.account, tt.body)
			w.refusesBody(t, r, tt.says)
			r = w.deliver(k.Grant, k.account, tt.body)
			r.body = io.MultiReader(r.body) // of unknown length
			w.refusesBody(t, r, tt.says)
		})
	}
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("the provider heard of %d", n)
	}
	w.mustSend(t, w.deliver(k.Grant, k.account, weight(hidden)), nil)
}

// refusesBody pushes a body that may not leave.
func (w *world) refusesBody(t *testing.T, r request, says string) {
	t.Helper()
	a := w.refuses(t, r, bad("…"))
	if a.Header.Get(wire.HeaderDelivery) != "" {
		t.Error("it names a delivery")
	}
	e, err := errorOf(a)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.Message, says) {
		t.Errorf("message %q, want it to name %q", e.Message, says)
	}
	var outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code, Diagnostics string }
	}
	err = unmarshal(e.Outcome, &outcome)
	if err != nil || outcome.ResourceType != "OperationOutcome" || len(outcome.Issue) == 0 ||
		outcome.Issue[0].Severity == "" || outcome.Issue[0].Code == "" || outcome.Issue[0].Diagnostics == "" {
		t.Errorf("outcome %s: %v", e.Outcome, err)
	}
}

// weightWith is a weight with more members.
func weightWith(members string) string { return replaced(weight(hidden), `{`, `{`+members+`,`) }

// replaced is a body in which the first of a text is another.
func replaced(body, old, new string) string { return strings.Replace(body, old, new, 1) }

// deep is JSON of a depth: arrays in an extension's value that nobody knows.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// xmlBody is a resource in the format that nobody takes.
const xmlBody = `<Observation xmlns="http://hl7.org/fhir"><comment value="` + hidden + `"/></Observation>`

var malformedBodies = []refusedBody{
	{"nothing", "", "is empty"},
	{"blanks", " \n", ""},
	{"half", weight(hidden)[:80], ""},
	{"two", weight(hidden) + weight(hidden), ""},
	{"a list", "[" + weight(hidden) + "]", ""},
	{"a text", quoted(hidden), ""},
	{"null", "null", ""},
	{"a number", "4711", ""},
	{"no JSON", hidden, ""},
	{"bytes", "\x00\xff" + hidden, ""},
	{"not UTF-8", replaced(weight(hidden), hidden, hidden+"\xff"), ""},
	{"UTF-16", "{\x00\"\x00", ""},
	{"a control character", replaced(weight(hidden), hidden, hidden+"\x01"), ""},
	{"half a surrogate pair", replaced(weight(hidden), hidden, hidden+`\ud83d`), ""},
	{"XML", `<?xml version="1.0"?>` + xmlBody, "is XML"},
	{"XML without a head", xmlBody, "is XML"},
	{"a page", `<!doctype html>` + hidden, ""},
	{"a key twice", weightWith(`"comment":"` + hidden + `"`), "Observation.comment"},
	{"a key twice, escaped", weightWith(`"\u0063omment":"` + hidden + `"`), "Observation.comment"},
	{"a key twice, within", replaced(weight(hidden), `"unit"`, `"value":71,"unit"`), "Observation.valueQuantity.value"},
	{"64 levels of nonsense", weightWith(`"extension":` + deep(63)), "must be a JSON object"},
	{"65 levels", weightWith(`"extension":` + deep(64)), "is nested more than 64 levels deep"},
	{"1000 levels", weightWith(`"extension":` + deep(1000)), "is nested more than 64 levels deep"},
	{"100,000 levels", strings.Repeat(`{"a":[`, 50_000), "is nested more than 64 levels deep"},
}

// TestProviderBodyMalformed pushes bodies that are not the JSON of a resource.
func TestProviderBodyMalformed(t *testing.T) {
	t.Parallel()
	checkBodiesRefused(t, malformedBodies)
}

var invalidResources = []refusedBody{
	{"a member of no sense", weightWith(`"nosuchmember":"` + hidden + `"`), ""},
	{"a wrong type", replaced(weight(hidden), `"final"`, `7`), "Observation.status"},
	{"a wrong code", replaced(weight(hidden), `"final"`, `"done"`), "Observation.status"},
	{"a number as a code", replaced(weight(hidden), `"final"`, `"`+bsn+`"`), "Observation.status"},
	{"a BSN as a code", replaced(weight(hidden), `"final"`, `"nr-`+bsn+`"`), "Observation.status"},
	{"a number as a member", weightWith(`"b` + bsn + `":"` + hidden + `"`), "Observation"},
	{"a number as a type", replaced(weight(hidden), `"Observation"`, `"B`+bsn+`"`), "resourceType"},
	{"a member too few", replaced(weight(hidden), `"status":"final",`, ``), "Observation.status"},
	{"no type", replaced(weight(hidden), `"resourceType":"Observation",`, ``), "resourceType"},
	{"an unknown type", replaced(weight(hidden), `"Observation"`, `"`+hidden+`"`), "resourceType"},
	{"what nobody stores", `{"resourceType":"OperationOutcome",` +
		`"issue":[{"severity":"error","code":"invalid","diagnostics":"` + hidden + `"}]}`, ""},
	{"a searchset", `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":` + weight(hidden) + `}]}`,
		"Bundle.type"},
	{"an empty batch", `{"resourceType":"Bundle","type":"batch"}`, "Bundle.entry"},
	{"a batch that deletes", replaced(batch(hidden), `"POST"`, `"DELETE"`), "Bundle.entry[0].request.method"},
	{"a batch's bad entry", replaced(batch("a", hidden), `"comment":"`+hidden+`"`, `"comment":{"x":"`+hidden+`"}`),
		"Bundle.entry[1].resource.comment"},
	{"a search for a person", replaced(batch(hidden), `"url":"Observation"`, `"url":"Observation?patient=`+hidden+`"`),
		"Bundle.entry[0].request.url"},
	{"a reference astray", replaced(batch(hidden), `"code"`,
		`"subject":{"reference":"urn:uuid:0b7d5b4e-6b3c-4d0a-9a3e-0123456789ab"},"code"`), "subject.reference"},
}

// TestProviderResourceInvalid pushes resources that FHIR does not allow, or that a provider does not take.
func TestProviderResourceInvalid(t *testing.T) {
	t.Parallel()
	checkBodiesRefused(t, invalidResources)
}

const (
	bsn       = "999911120"
	bsnSystem = "http://fhir.nl/fhir/NamingSystem/bsn"
	bsnOID    = "2.16.840.1.113883.2.4.6.3"
)

// patientWith is a patient with an identifier of these members.
func patientWith(identifier string) string {
	return `{"resourceType":"Patient","name":[{"text":"` + hidden + `"}],"identifier":[{` + identifier + `}]}`
}

// patientWithBSN is a patient with a BSN whose system is spelled so.
func patientWithBSN(system string) string {
	return patientWith(`"system":"` + system + `","value":"` + bsn + `"`)
}

// subjectWithBSN is a member that names a person by their BSN.
const subjectWithBSN = `"subject":{"identifier":{"system":"` + bsnSystem + `","value":"` + bsn + `"}}`

var bodiesWithBSN = []refusedBody{
	{"by URI", patientWithBSN(bsnSystem), "Patient.identifier[0].value"},
	{"upper case", patientWithBSN("HTTP://FHIR.NL/FHIR/NAMINGSYSTEM/BSN"), "Patient.identifier[0].value"},
	{"mixed case", patientWithBSN("http://fhir.nl/fhir/namingsystem/Bsn"), "Patient.identifier[0].value"},
	{"slash", patientWithBSN(bsnSystem + "/"), "Patient.identifier[0].value"},
	{"https, slash", patientWithBSN("https://fhir.nl/fhir/NamingSystem/BSN/"), "Patient.identifier[0].value"},
	{"escaped", patientWithBSN(`http:\/\/fhir.nl\/fhir\/NamingSystem\/\u0062sn`), "Patient.identifier[0].value"},
	{"by OID", patientWithBSN("urn:oid:" + bsnOID), "Patient.identifier[0].value"},
	{"by bare OID", patientWithBSN(bsnOID), "Patient.identifier[0].value"},
	{"value first", patientWith(`"value":"` + bsn + `","system":"urn:oid:` + bsnOID + `"`),
		"Patient.identifier[0].value"},
	{"in a reference", weightWith(subjectWithBSN), "Observation.subject.identifier.value"},
	{"in a search", weightWith(`"subject":{"reference":"Patient?identifier=` + bsnSystem + `|` + bsn + `"}`),
		"Observation.subject.reference"},
	{"in a text", replaced(weight(hidden), hidden, "BSN 9999.11.120"), "Observation.comment"},
	{"in a batch", replaced(batch("a", hidden), `"comment":"`+hidden+`"`, subjectWithBSN),
		"Bundle.entry[1].resource.subject.identifier.value"},
	{"no text", patientWith(`"system":"` + bsnSystem + `","value":` + bsn), "Patient.identifier[0].value"},
}

// TestProviderBodyWithBSN pushes resources with a recognised BSN.
func TestProviderBodyWithBSN(t *testing.T) {
	t.Parallel()
	checkBodiesRefused(t, bodiesWithBSN)
}

// padded is an honest resource of so many bytes.
func padded(size int) string {
	body := weight(hidden)
	return body[:len(body)-1] + strings.Repeat(" ", size-len(body)) + "}"
}

// What is larger than the bound is refused, with a length or without one, and heard to
// its end.
func TestProviderBodyTooLarge(t *testing.T) {
	t.Parallel()
	// A slow machine may take longer for the largest than a push waits by default.
	w := newProviderWorld(t, func(c *server.Config) { c.Deliveries.AnswerTimeout = 5 * time.Minute })
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	tooLarge := refusal{
		413,
		wire.CodePayloadTooLarge,
		fmt.Sprintf("The resource is larger than the %d bytes that are allowed here", fhir.MaxBody),
	}
	if fhir.MaxBody != 10<<20 {
		t.Errorf("the bound is %d, want 10 MiB", fhir.MaxBody)
	}
	for _, size := range []int{fhir.MaxBody + 1, fhir.MaxBody + 5<<20} {
		for _, body := range []string{padded(size), strings.Repeat("x", size)} {
			w.refuses(t, w.deliver(k.Grant, k.account, body), tooLarge)
			chunked := w.deliver(k.Grant, k.account, "")
			chunked.body = io.MultiReader(strings.NewReader(body))
			w.refuses(t, chunked, tooLarge)
		}
	}
	for _, size := range []int{256<<10 - 1, 256 << 10, 256<<10 + 1, fhir.MaxBody} {
		if a := w.send(t, w.deliver(k.Grant, k.account, padded(size))); a.StatusCode != 201 {
			t.Errorf("%d bytes: %d %.300s", size, a.StatusCode, a.body)
		}
	}
}

// headTo is the head of a push to a provider.
func (w *world) headTo(k *sender, headers ...string) string {
	return w.headOf("POST", importPath("stu3"), w.as(k.Grant, nil), append(headers, "accountId: "+string(k.account))...)
}

// cutBodies are bodies that end before they should, with the header that says how they come.
func cutBodies() []struct{ name, header, body string } {
	whole, large := weight(hidden), padded(1<<20)
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d", n) }
	const chunked = "Transfer-Encoding: chunked"
	return []struct{ name, header, body string }{
		{"none of it", length(len(whole)), ""},
		{"half of it", length(len(whole)), whole[:len(whole)/2]},
		{"a whole resource, and more to come", length(len(whole) + 1), whole},
		{"a part of a large one", length(len(large)), large[:len(large)/2]},
		{"all but a byte of a large one", length(len(large)), large[:len(large)-1]},
		{"before the first chunk", chunked, ""},
		{"amid a chunk", chunked, fmt.Sprintf("%x\r\n%s", len(whole), whole[:len(whole)/2])},
		{"before the last chunk", chunked, fmt.Sprintf("%x\r\n%s\r\n", len(whole), whole)},
		{"before the last chunk of a large one", chunked, fmt.Sprintf("%x\r\n%s\r\n", len(large), large)},
	}
}

// TestProviderBodyCut checks that nothing is kept or sent of a body that breaks off.
func TestProviderBodyCut(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	w.Unchanged("a body that was cut off", func() {
		for _, tt := range cutBodies() {
			t.Run(tt.name, func(t *testing.T) {
				l := w.dial(t)
				if err := l.say("%s%s", w.headTo(k, tt.header), tt.body); err != nil {
					t.Fatal(err)
				}
				if err := l.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				w.refused(t, l.hear("POST"), bad("the body was cut off"))
				if !l.ended() {
					t.Error("the connection stays")
				}
			})
		}
	})
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("the provider heard of %d", n)
	}
}

// TestProviderBodyStops checks that nothing is kept or sent of a body that stops coming.
func TestProviderBodyStops(t *testing.T) {
	w := newProviderWorld(t, func(c *server.Config) { c.IdleTimeout = 500 * time.Millisecond })
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	tooSlow := refusal{408, wire.CodeValidationErrors, "Parameter validation errors: the body came too slowly"}
	w.Unchanged("a body that stopped", func() {
		t.Run("at once", func(t *testing.T) {
			for _, tt := range cutBodies() {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					l := w.dial(t)
					if err := l.say("%s%s", w.headTo(k, tt.header), tt.body); err != nil {
						t.Fatal(err)
					}
					a := l.hear("POST")
					w.refused(t, a, tooSlow)
					if !a.Close || !l.ended() {
						t.Error("the connection stays")
					}
				})
			}
		})
	})
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("the provider heard of %d", n)
	}
}

// Of large resources only a few are held at once, and of one contract only half of them; small ones pass them, and
// those of another contract.
func TestProviderLargeAtOnce(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k, other := w.sender(t), w.senderOf(t, w.Visitor(), w.foreignWrite)
	w.Secrets.Plant(hidden)
	holding := w.countLarge(t)
	large := padded(300 << 10)
	var held []*rawConn
	for range 4 {
		l := w.dial(t)
		err := l.say("%s%s", w.headTo(k, fmt.Sprintf("Content-Length: %d", len(large))), large[:len(large)-1])
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
	}
	carreltest.Eventually(t, "its places are taken", func() bool { return holding.Load() == 4 })
	busy := refusal{503, wire.CodeServerBusy, "The server is busy, try again later"}
	if a := w.refuses(t, w.deliver(k.Grant, k.account, large), busy); a.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	if a := w.send(t, w.deliver(k.Grant, k.account, padded(200<<10))); a.StatusCode != 201 {
		t.Errorf("a small one: %d %s", a.StatusCode, a.body)
	}
	if a := w.send(t, w.deliver(other.Grant, other.account, large)); a.StatusCode != 201 {
		t.Errorf("one of another contract: %d %s", a.StatusCode, a.body)
	}
	for _, l := range held {
		if err := l.say("}"); err != nil {
			t.Fatal(err)
		}
		if a := l.hear("POST"); a.StatusCode != 201 {
			t.Errorf("one that was held: %d %.300s", a.StatusCode, a.body)
		}
	}
	if a := w.send(t, w.deliver(k.Grant, k.account, large)); a.StatusCode != 201 {
		t.Errorf("afterwards: %d %.300s", a.StatusCode, a.body)
	}
}

// countLarge puts a server of the test in front of the handler, and counts the bodies of which
// it reads more than the part that needs no place.
func (w *world) countLarge(t testing.TB) *atomic.Int32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var large atomic.Int32
	front := &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			r.Body = &countedBody{ReadCloser: r.Body, large: &large}
			w.Server.Handler.ServeHTTP(rw, r)
		})}
	go func() { _ = front.Serve(l) }()
	t.Cleanup(func() { _ = front.Close() })
	w.address = l.Addr().String()
	return &large
}

// countedBody counts itself when the server reads on after the first 256 KiB.
type countedBody struct {
	io.ReadCloser
	n       int
	counted bool
	large   *atomic.Int32
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.n == 256<<10 && !b.counted {
		b.counted = true
		b.large.Add(1)
	}
	n, err := b.ReadCloser.Read(p)
	b.n += n
	return n, err
}
