package carreltest

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Password is the password of every [Person].
const Password = "een goed wachtwoord met woorden"

// Person is a person who has a library and is signed in.
type Person struct {
	Email    string
	Password string
	// Cookie is the secret of the login.
	Cookie seal.Secret
	// Library is the id of the library.
	Library library.ID
	w       *World
}

// Person creates a library, at the e-mail address if one is given, and saves its recovery code.
func (w *World) Person(email ...string) *Person {
	w.t.Helper()
	p := w.Newcomer(append(email, "person-"+seal.RandomID(12)+"@example.org")[0])
	p.SavesCode()
	return p
}

// Newcomer creates a library whose recovery code is still pending.
func (w *World) Newcomer(email string) *Person {
	w.t.Helper()
	p := &Person{Email: email, Password: Password, w: w}
	p.Cookie = Must(w.People.Create(w.t.Context(), library.NewPerson{Email: p.Email, Password: p.Password}))(w.t)
	p.Library = p.SignedIn().Library.ID
	w.Secrets.Plant(p.Cookie.Reveal())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people = append(w.people, p)
	return p
}

// SignedIn returns the person as the library knows them. A person whose login has expired signs in again.
func (p *Person) SignedIn() *library.SignedIn {
	p.w.t.Helper()
	s, err := p.w.People.Login(p.w.t.Context(), p.Cookie)
	if errors.Is(err, library.ErrNotFound) {
		return p.SignsIn()
	}
	return Must(s, err)(p.w.t)
}

// SignsIn signs the person in again, in another browser.
func (p *Person) SignsIn() *library.SignedIn {
	p.w.t.Helper()
	p.Cookie = Must(p.w.People.SignIn(p.w.t.Context(), p.Email, p.Password, library.Device{}))(p.w.t)
	return Must(p.w.People.Login(p.w.t.Context(), p.Cookie))(p.w.t)
}

// PendingCode returns the recovery code that the person's browser shows, or "".
func (p *Person) PendingCode() string {
	p.w.t.Helper()
	code, ok, err := p.w.People.PendingCode(p.w.t.Context(), p.SignedIn())
	if err != nil || ok != (code.Text != "") {
		p.w.t.Fatalf("pending code %q, %t, %v", code.Text, ok, err)
	}
	return code.Text
}

// SavesCode confirms that the person keeps the recovery code that their browser shows, if it shows one.
func (p *Person) SavesCode() {
	p.w.t.Helper()
	in := p.SignedIn()
	code, ok, err := p.w.People.PendingCode(p.w.t.Context(), in)
	if err == nil && ok {
		err = p.w.People.SaveRecoveryCode(p.w.t.Context(), in, code.ID)
	}
	if err != nil {
		p.w.t.Fatal(err)
	}
}

// World returns the person's world.
func (p *Person) World() *World { return p.w }

// OtherBrowser returns the same person in another browser, which is signed in as this one is.
func (p *Person) OtherBrowser() *Person {
	other := *p
	return &other
}

// Opens opens an authorization request by the code in its address, as the person's browser does.
func (p *Person) Opens(kind library.RequestKind, code seal.Secret) *library.PendingRequest {
	p.w.t.Helper()
	return Must(p.w.Consents.FindRequest(p.w.t.Context(), kind, code.Reveal()))(p.w.t)
}

// Asked has a contract ask for consent, and opens its request.
func (p *Person) Asked(c *Contract, claims ...Claim) *library.PendingRequest {
	p.w.t.Helper()
	return p.Opens(library.AuthorizeRequest, c.Authorizes(claims...).Code)
}

// Answers allows a request and returns the query of the callback.
func (p *Person) Answers(kind library.RequestKind, code seal.Secret) url.Values {
	p.w.t.Helper()
	request := p.Opens(kind, code)
	return QueryOf(p.w.t, Must(p.w.Consents.Allow(p.w.t.Context(), p.SignedIn(), request, request.Shown("")))(p.w.t))
}

// Consents allows what a contract asks for. The contract has not exchanged its code then.
func (p *Person) Consents(c *Contract, claims ...Claim) *Grant {
	p.w.t.Helper()
	asked := c.Authorizes(claims...)
	request := p.Opens(library.AuthorizeRequest, asked.Code)
	code := p.Answers(library.AuthorizeRequest, asked.Code).Get("code")
	p.w.Secrets.Plant(code, Verifier)
	given := Must(p.w.Consents.LatestGrant(p.w.t.Context(), p.SignedIn(), request))(p.w.t)
	return &Grant{Contract: c, Code: code, Session: asked.Session, id: given.ID}
}

// Allows allows what a contract asks for, which then exchanges its code for tokens.
func (p *Person) Allows(c *Contract, claims ...Claim) *Grant {
	p.w.t.Helper()
	g := p.Consents(c, claims...)
	g.Exchanges()
	return g
}

// Stops revokes a grant.
func (p *Person) Stops(g *Grant) {
	p.w.t.Helper()
	if err := p.w.Consents.Revoke(p.w.t.Context(), p.SignedIn(), g.ID()); err != nil {
		p.w.t.Fatal(err)
	}
}

// Shuts shuts the library.
func (p *Person) Shuts() {
	p.w.t.Helper()
	Must(p.w.People.Shut(p.w.t.Context(), p.SignedIn(), p.Password))(p.w.t)
}

// Imports adds a file of the person's own.
func (p *Person) Imports(name string, content []byte) (library.File, error) {
	p.w.t.Helper()
	return p.w.Files.Import(p.w.t.Context(), p.SignedIn(), library.ImportedFile{Name: name, MIMEType: "text/plain"},
		bytes.NewReader(content))
}

// FileCount counts the files in the library.
func (p *Person) FileCount() int {
	p.w.t.Helper()
	return Must(p.w.Files.Count(p.w.t.Context(), p.SignedIn()))(p.w.t)
}

// Events returns the person's activity, oldest first, after it has verified the chain.
func (p *Person) Events() (events []library.Event) {
	t := p.w.t
	t.Helper()
	for before := int64(0); ; {
		page, err := p.w.Activity.List(t.Context(), p.SignedIn(), before)
		if err != nil {
			t.Fatal(err)
		}
		if page.Fault != nil {
			t.Errorf("activity of %s: %v", p.Email, page.Fault)
		}
		events = append(events, page.Events...)
		if !page.More {
			break
		}
		before = page.Events[len(page.Events)-1].Seq
	}
	slices.Reverse(events)
	if err := library.VerifyChain(events); err != nil {
		t.Errorf("activity of %s: %v", p.Email, err)
	}
	for i, e := range events {
		if e.Seq != int64(i)+1 {
			t.Errorf("activity of %s: event %d stands at place %d", p.Email, e.Seq, i+1)
		}
	}
	return events
}

// Activity returns the kinds of the person's events, oldest first, with a space between.
func (p *Person) Activity() string {
	p.w.t.Helper()
	var kinds []string
	for _, e := range p.Events() {
		kinds = append(kinds, string(e.Kind))
	}
	return strings.Join(kinds, " ")
}
