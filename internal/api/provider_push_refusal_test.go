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

// hidden stands in the bodies of the tests, where nothing but the provider may repeat it.
const hidden = "Geheim-4711"

// The version in the path is how clients spell it, and the one that the provider takes.
func TestProviderVersions(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	push := func(version string) request {
		r := w.deliver(k.Grant, k.account, weight(hidden))
		r.path = importPath(version)
		return r
	}
	for _, version := range []string{"stu3", "3.0.2", "STU3", "3.0", "3.0.1"} {
		a := w.send(t, push(version))
		if a.StatusCode != 201 {
			t.Errorf("%s: %d %s", version, a.StatusCode, a.body)
		}
	}
	for version, want := range map[string]refusal{
		"r4": bad("this provider takes FHIR 3.0"), "4.0.1": bad("this provider takes FHIR 3.0"),
		"stu4": bad("FHIR version"), "dstu2": bad("FHIR version"), "3.0.20": bad("FHIR version"),
		"3": bad("FHIR version"), "stu3%20": bad("FHIR version"),
		"%2E%2E%2E": bad("FHIR version"), "%00": bad("FHIR version"), "%E2%98%82": bad("FHIR version"),
		strings.Repeat("3", 4000): bad("FHIR version"),
		"":                        notFound("Call"), "stu3/": notFound("Call"), "stu3/Observation": notFound("Call"),
		"a%2Fb": bad("FHIR version"), "%2F": notFound("Call"),
	} {
		t.Run(fmt.Sprintf("%.20s", version), func(t *testing.T) { w.refuses(t, push(version), want) })
	}
	if n := len(w.Simulator.Filed()); n != 5 {
		t.Errorf("%d were filed, want those of the right version", n)
	}
}

// An account that is named badly, is not there, or is not this person's at this
// application, is not found, alike.
func TestProviderAccountRefused(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	theirs := w.sender(t)
	elsewhere := w.senderOf(t, k.person, w.foreignWrite)
	pushes := func(k *carreltest.Grant, accounts ...string) request {
		r := w.deliver(k, "", weight(hidden))
		if r.header = (http.Header{"Accountid": accounts}); len(accounts) == 0 {
			r.header = nil
		}
		return r
	}
	for name, accounts := range map[string][]string{
		"none": {}, "an empty one": {""}, "two": {string(k.account), string(k.account)},
		"two of them others": {string(k.account), "1_x"},
		"unknown":            {"900001_nosuchaccount"}, "a letter more": {string(k.account) + "x"},
		"another case":     {strings.ToUpper(string(k.account))},
		"another person's": {string(theirs.account)}, "another application's": {string(elsewhere.account)},
		"who stands for the person": {string(w.userAccount(t, k.Grant))},
		"who stands for another":    {string(w.userAccount(t, theirs.Grant))},
		"both with a comma":         {string(k.account) + ",1_x"}, "a path": {"../" + string(k.account)},
		"a quote":   {`"` + string(k.account) + `"`},
		"not ASCII": {"1_\xe2\x98\x82"}, "no text": {"1_\xff"}, "a wildcard": {"%"},
		"a very long one": {strings.Repeat("x", 5000)},
	} {
		t.Run(name, func(t *testing.T) { w.refuses(t, pushes(k.Grant, accounts...), notFound("Account")) })
	}
	t.Run("for the other application",
		func(t *testing.T) { w.refuses(t, pushes(elsewhere.Grant, string(k.account)), notFound("Account")) })
	t.Run("for a contract that reads", func(t *testing.T) {
		reader := w.Person().Allows(w.read)
		for _, account := range []string{string(k.account), "1_x", string(w.userAccount(t, reader))} {
			w.refuses(t, pushes(reader, account), noScope)
		}
	})
	t.Run("for nobody", func(t *testing.T) {
		r := pushes(k.Grant, string(k.account))
		r.bearer = w.bearer(w.write, nil)
		w.refuses(t, r, invalid(wire.KindAccessToken))
		r.bearer = w.bearer(w.second, claims{"access_token": k.Token()})
		w.refuses(t, r, invalid(wire.KindAccessToken))
		r.bearer = ""
		w.refuses(t, r, badBearer("bearer token"))
	})
	w.refuses(t, request{method: "DELETE", path: "permission-access/service/h:accountId", bearer: w.as(k.Grant, nil)},
		notFound("Account"))
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("the provider heard of %d", n)
	}
	w.mustSend(t, pushes(k.Grant, string(k.account)), nil)
}

// deep is JSON of a depth: arrays in an extension's value that nobody knows.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// What may not leave is refused with what is wrong and where, and nothing of it is kept,
// or repeated, or written into the log.
func TestProviderBodyRefused(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	const bsn = "999911120"
	w.Secrets.Plant(hidden, bsn, "9999.11.120")
	const xml = `<Observation xmlns="http://hl7.org/fhir"><comment value="` + hidden + `"/></Observation>`
	with := func(members string) string { return strings.Replace(weight(hidden), `{`, `{`+members+`,`, 1) }
	patient := func(members string) string {
		return `{"resourceType":"Patient","name":[{"text":"` + hidden + `"}],"identifier":[{` + members + `}]}`
	}
	for name, tt := range map[string]struct{ body, says string }{
		"nothing":               {"", "is empty"},
		"blanks":                {" \n", ""},
		"half":                  {weight(hidden)[:80], ""},
		"two":                   {weight(hidden) + weight(hidden), ""},
		"a list":                {"[" + weight(hidden) + "]", ""},
		"a text":                {quoted(hidden), ""},
		"null":                  {"null", ""},
		"a number":              {"4711", ""},
		"no JSON":               {hidden, ""},
		"bytes":                 {"\x00\xff" + hidden, ""},
		"not UTF-8":             {strings.Replace(weight(hidden), hidden, hidden+"\xff", 1), ""},
		"UTF-16":                {"{\x00\"\x00", ""},
		"a control character":   {strings.Replace(weight(hidden), hidden, hidden+"\x01", 1), ""},
		"half a surrogate pair": {strings.Replace(weight(hidden), hidden, hidden+`\ud83d`, 1), ""},
		"XML":                   {`<?xml version="1.0"?>` + xml, "is XML"},
		"XML without a head":    {xml, "is XML"},
		"a page":                {`<!doctype html>` + hidden, ""},
		"a key twice":           {with(`"comment":"` + hidden + `"`), "Observation.comment"},
		"a key twice, escaped":  {with(`"\u0063omment":"` + hidden + `"`), "Observation.comment"},
		"a key twice, within": {strings.Replace(weight(hidden), `"unit"`, `"value":71,"unit"`, 1),
			"Observation.valueQuantity.value"},
		"64 levels of nonsense": {with(`"extension":` + deep(63)), "must be a JSON object"},
		"65 levels":             {with(`"extension":` + deep(64)), "is nested more than 64 levels deep"},
		"1000 levels":           {with(`"extension":` + deep(1000)), "is nested more than 64 levels deep"},
		"100,000 levels":        {strings.Repeat(`{"a":[`, 50_000), "is nested more than 64 levels deep"},
		"a member of no sense":  {with(`"nosuchmember":"` + hidden + `"`), ""},
		"a wrong type":          {strings.Replace(weight(hidden), `"final"`, `7`, 1), "Observation.status"},
		"a wrong code":          {strings.Replace(weight(hidden), `"final"`, `"done"`, 1), "Observation.status"},
		"a number as a code":    {strings.Replace(weight(hidden), `"final"`, `"`+bsn+`"`, 1), "Observation.status"},
		"a BSN as a code":       {strings.Replace(weight(hidden), `"final"`, `"nr-`+bsn+`"`, 1), "Observation.status"},
		"a number as a member":  {with(`"b` + bsn + `":"` + hidden + `"`), "Observation"},
		"a number as a type":    {strings.Replace(weight(hidden), `"Observation"`, `"B`+bsn+`"`, 1), "resourceType"},
		"a member too few":      {strings.Replace(weight(hidden), `"status":"final",`, ``, 1), "Observation.status"},
		"no type": {strings.Replace(weight(hidden), `"resourceType":"Observation",`, ``, 1),
			"resourceType"},
		"an unknown type": {strings.Replace(weight(hidden), `"Observation"`, `"`+hidden+`"`, 1), "resourceType"},
		"what nobody stores": {`{"resourceType":"OperationOutcome",` +
			`"issue":[{"severity":"error","code":"invalid","diagnostics":"` + hidden + `"}]}`, ""},
		"a searchset": {
			`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":` + weight(hidden) + `}]}`, "Bundle.type",
		},
		"an empty batch": {`{"resourceType":"Bundle","type":"batch"}`, "Bundle.entry"},
		"a batch that deletes": {strings.Replace(batch(hidden), `"POST"`, `"DELETE"`, 1),
			"Bundle.entry[0].request.method"},
		"a batch's bad entry": {strings.Replace(batch("a", hidden), `"comment":"`+hidden+`"`,
			`"comment":{"x":"`+hidden+`"}`, 1), "Bundle.entry[1].resource.comment"},
		"a search for a person": {strings.Replace(batch(hidden), `"url":"Observation"`,
			`"url":"Observation?patient=`+hidden+`"`, 1), "Bundle.entry[0].request.url"},
		"a reference astray": {strings.Replace(batch(hidden), `"code"`,
			`"subject":{"reference":"urn:uuid:0b7d5b4e-6b3c-4d0a-9a3e-0123456789ab"},"code"`, 1), "subject.reference"},

		"a BSN by URI": {patient(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN, upper case": {patient(`"system":"HTTP://FHIR.NL/FHIR/NAMINGSYSTEM/BSN","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN, mixed case": {patient(`"system":"http://fhir.nl/fhir/namingsystem/Bsn","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN, slash": {patient(`"system":"http://fhir.nl/fhir/NamingSystem/bsn/","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN, https, slash": {patient(`"system":"https://fhir.nl/fhir/NamingSystem/BSN/","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN, escaped": {
			patient(`"system":"http:\/\/fhir.nl\/fhir\/NamingSystem\/\u0062sn","value":"` + bsn + `"`),
			"Patient.identifier[0].value",
		},
		"a BSN by OID": {patient(`"system":"urn:oid:2.16.840.1.113883.2.4.6.3","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN by bare OID": {patient(`"system":"2.16.840.1.113883.2.4.6.3","value":"` + bsn + `"`),
			"Patient.identifier[0].value"},
		"a BSN, value first": {patient(`"value":"` + bsn + `","system":"urn:oid:2.16.840.1.113883.2.4.6.3"`),
			"Patient.identifier[0].value"},
		"a BSN in a reference": {
			with(`"subject":{"identifier":{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"` + bsn + `"}}`),
			"Observation.subject.identifier.value",
		},
		"a BSN in a search": {
			with(`"subject":{"reference":"Patient?identifier=http://fhir.nl/fhir/NamingSystem/bsn|` + bsn + `"}`),
			"Observation.subject.reference",
		},
		"a BSN in a text": {strings.Replace(weight(hidden), hidden, "BSN 9999.11.120", 1), "Observation.comment"},
		"a BSN in a batch": {strings.Replace(batch("a", hidden), `"comment":"`+hidden+`"`,
			`"subject":{"identifier":{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"`+bsn+`"}}`, 1),
			"Bundle.entry[1].resource.subject.identifier.value"},
		"a BSN that is no text": {patient(`"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":` + bsn),
			"Patient.identifier[0].value"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, chunked := range []bool{false, true} {
				r := w.deliver(k.Grant, k.account, tt.body)
				if chunked {
					r.body = io.MultiReader(r.body)
				}
				a := w.refuses(t, r, bad("…"))
				if a.Header.Get(wire.HeaderDelivery) != "" {
					t.Error("it names a delivery")
				}
				e, err := errorOf(a)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(e.Message, tt.says) {
					t.Errorf("message %q, want it to name %q", e.Message, tt.says)
				}
				var outcome struct {
					ResourceType string
					Issue        []struct{ Severity, Code, Diagnostics string }
				}
				err = unmarshal(e.Outcome, &outcome)
				if err != nil || outcome.ResourceType != "OperationOutcome" || len(outcome.Issue) == 0 ||
					outcome.Issue[0].Severity == "" ||
					outcome.Issue[0].Code == "" ||
					outcome.Issue[0].Diagnostics == "" {
					t.Errorf("outcome %s: %v", e.Outcome, err)
				}
			}
		})
	}
	if n := len(w.Simulator.ResourceRequests()); n != 0 {
		t.Errorf("the provider heard of %d", n)
	}
	w.mustSend(t, w.deliver(k.Grant, k.account, weight(hidden)), nil)
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
	w := newProviderWorld(t)
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

// Where a body breaks off, or stops coming, nothing of it is kept or sent.
func TestProviderBodyCut(t *testing.T) {
	w := newProviderWorld(t, func(c *server.Config) { c.IdleTimeout = 500 * time.Millisecond })
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	whole, large := weight(hidden), padded(1<<20)
	cuts := []struct{ name, header, body string }{
		{"none of it", fmt.Sprintf("Content-Length: %d", len(whole)), ""},
		{"half of it", fmt.Sprintf("Content-Length: %d", len(whole)), whole[:len(whole)/2]},
		{"a whole resource, and more to come", fmt.Sprintf("Content-Length: %d", len(whole)+1), whole},
		{"a part of a large one", fmt.Sprintf("Content-Length: %d", len(large)), large[:len(large)/2]},
		{"all but a byte of a large one", fmt.Sprintf("Content-Length: %d", len(large)), large[:len(large)-1]},
		{"before the first chunk", "Transfer-Encoding: chunked", ""},
		{"amid a chunk", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s", len(whole), whole[:len(whole)/2])},
		{"before the last chunk", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", len(whole), whole)},
		{"before the last chunk of a large one", "Transfer-Encoding: chunked",
			fmt.Sprintf("%x\r\n%s\r\n", len(large), large)},
	}
	w.Unchanged("a body that was cut off", func() {
		for _, tt := range cuts {
			t.Run("cut "+tt.name, func(t *testing.T) {
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
		t.Run("slow", func(t *testing.T) {
			for _, tt := range cuts {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					l := w.dial(t)
					if err := l.say("%s%s", w.headTo(k, tt.header), tt.body); err != nil {
						t.Fatal(err)
					}
					a := l.hear("POST")
					w.refused(
						t,
						a,
						refusal{
							408,
							wire.CodeValidationErrors,
							"Parameter validation errors: the body came too slowly",
						},
					)
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

// Of large resources only a few are held at once; small ones pass them.
func TestProviderLargeAtOnce(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Secrets.Plant(hidden)
	holding := w.countLarge(t)
	large := padded(300 << 10)
	var held []*rawConn
	for range 8 {
		l := w.dial(t)
		err := l.say("%s%s", w.headTo(k, fmt.Sprintf("Content-Length: %d", len(large))), large[:len(large)-1])
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
	}
	carreltest.Eventually(t, "all places are taken", func() bool { return holding.Load() == 8 })
	busy := refusal{503, wire.CodeServerBusy, "The server is busy, try again later"}
	if a := w.refuses(t, w.deliver(k.Grant, k.account, large), busy); a.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	if a := w.send(t, w.deliver(k.Grant, k.account, padded(200<<10))); a.StatusCode != 201 {
		t.Errorf("a small one: %d %s", a.StatusCode, a.body)
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
