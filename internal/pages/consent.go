package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// consentPage asks the one question that all this is for.
type consentPage struct {
	*view
	App, About string
	// Purpose is what the application says, as its own words.
	Purpose string
	// May and MayNot are the two lists; Notes what else to know.
	May, MayNot, Notes []string
	Until              time.Time
	// Earlier is when an earlier consent ended, for who is asked again.
	Earlier *time.Time
	// Again says that the question is about going on.
	Again          bool
	Terms, Privacy string // where they are; empty if there are none
	Email          string
	// Account is the one that was connected on the way; empty if there is none.
	Account wire.AccountID
}

// showConsent shows the question. A browser that is signed in is asked like any
// other.
func (s *site) showConsent(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way, connected *delivery.Connection) error {
	t, request := visitOf(r).texts, way.request
	app := appName(request)
	contract := request.Client.Contract
	p := &consentPage{
		App: app, About: quote(request.Client.Application.About), Purpose: quote(contract.Purpose),
		Until: request.GrantUntil, Email: in.Library.Email,
		Terms: termsHref(contract.Terms, way.step(stepTerms)), Privacy: termsHref(contract.Privacy, way.step(stepPrivacy)),
		Again: request.Kind == library.UserReauthRequest,
	}
	if connected != nil {
		p.Account = connected.ID
	}
	p.May, p.MayNot = t.mayAndMayNot(contract)
	if contract.Access == library.Read {
		p.Notes = append(p.Notes, t.text("consent.note.copy", "app", app))
	}
	provider := ""
	if connected != nil {
		provider = quote(connected.Source.Name)
		p.May, p.MayNot = t.mayPush(s.connectedWhat(t, way, connected), provider)
		p.Notes = append(p.Notes, t.text("consent.note.provider", "provider", provider))
	}
	mayAlso, err := s.standingProviders(r, in, request, connected)
	if err != nil {
		return err
	}
	p.May = append(p.May, mayAlso...)
	others, err := s.otherGrants(r, in, request)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		p.Notes = append(p.Notes, t.text("consent.note.also", "app", app, "list", strings.Join(t.mayInWords(others), ", ")))
	}
	if !request.Client.Application.Checked {
		p.Notes = append(p.Notes, t.text("consent.note.unchecked", "operator", s.config.Operator))
	}
	title := t.text("consent.h1.write", "app", app)
	switch {
	case p.Again:
		title = t.text("reauth.h1", "app", app)
		if p.Earlier, err = s.endedAt(r, in, request); err != nil {
			return err
		}
	case contract.Access == library.Read:
		title = t.text("consent.h1.read", "app", app)
	case provider != "":
		title = t.text("consent.h1.push", "app", app, "provider", provider)
	}
	p.view = s.newView(r, title)
	if provider != "" {
		p.Notice, p.Arrived = t.text("provider.ok", "provider", provider), true
	}
	p.From = senderOf(request)
	p.From.Asks = true
	s.letSignOut(p.view, way)
	allowEndAt(w, request)
	return s.render(w, http.StatusOK, "consent", p)
}

// endedAt is when the earlier consent's time was over, nil if it is not, or if there
// is none.
func (s *site) endedAt(r *http.Request, in *library.SignedIn, request *library.PendingRequest) (*time.Time, error) {
	grant, err := s.consents.LatestGrant(r.Context(), in, request)
	if err != nil || grant == nil || !grant.RevokedAt.IsZero() || s.config.Now().Before(grant.ExpiresAt) {
		return nil, err
	}
	return &grant.ExpiresAt, nil
}

// otherGrants are the active grants of the same application's other contracts.
func (s *site) otherGrants(r *http.Request, in *library.SignedIn, request *library.PendingRequest) ([]library.Contract, error) {
	grants, err := s.consents.ListGrants(r.Context(), in)
	if err != nil {
		return nil, err
	}
	var others []library.Contract
	for _, g := range grants {
		if g.Grant.Application == request.Client.Application.ID && g.Grant.Contract != request.Client.Contract.ID && g.Grant.Active(s.config.Now()) {
			others = append(others, g.Client.Contract)
		}
	}
	return others, nil
}

// connectedWhat says what the application wants to send to the provider that is
// connected: of what it has, that which the provider takes.
func (s *site) connectedWhat(t *texts, way way, connected *delivery.Connection) string {
	types := way.asked.scope.DataTypes
	source, err := s.catalogue.Get(connected.Source.ID)
	if err == nil && len(source.DataTypes) > 0 {
		taken := slices.DeleteFunc(slices.Clone(source.DataTypes), func(d string) bool { return len(types) > 0 && !slices.Contains(types, d) })
		if len(taken) > 0 {
			types = taken
		}
	}
	return t.what(dataWords(types))
}

// standingProviders are the providers that the application may send to as well: those
// that it was allowed before.
func (s *site) standingProviders(r *http.Request, in *library.SignedIn, request *library.PendingRequest, connected *delivery.Connection) ([]string, error) {
	if request.Client.Contract.Access != library.Write {
		return nil, nil
	}
	accounts, err := s.accountsOf(r, in, request.Client.Application.ID)
	if err != nil {
		return nil, err
	}
	t := visitOf(r).texts
	var may []string
	for _, a := range accounts {
		if connected == nil || a.ID != connected.ID {
			may = append(may, t.text("consent.may.push", "what", t.what(dataWords(nil)), "provider", quote(a.Source.Name)))
		}
	}
	return may, nil
}

// takeAnswer takes the answer. Anything but a plain yes is a no.
func (s *site) takeAnswer(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way) error {
	if !asksConsent(way.request) {
		return faultForm.with(http.StatusBadRequest).because(errors.New("answer to a link that asks nothing"))
	}
	errand, _, err := s.errandOf(r, in, way)
	if err != nil {
		return err
	}
	if errand != nil {
		return seeOther(w, r, way.next()) // it would not be what is asked
	}
	var callback string
	o := outcomeDenied
	switch r.PostForm.Get("answer") {
	case "allow":
		o = outcomeAllowed
		callback, err = s.consents.Allow(r.Context(), in, way.request, wire.AccountID(r.PostForm.Get("account")))
		if errors.Is(err, library.ErrConnectionChanged) {
			return seeOther(w, r, way.next()) // another tab has connected another: ask anew
		}
	case "deny":
		callback, err = s.consents.Deny(r.Context(), way.request, in, library.CallbackUserCancel)
	default:
		return faultForm.with(http.StatusBadRequest).because(errors.New("answer is neither yes nor no"))
	}
	if err != nil {
		return answerFault(err, in, way)
	}
	return s.leave(w, r, way.request, callback, o)
}

// termsPage shows terms that are a plain text.
type termsPage struct {
	*view
	Text string
	Back string
}

func (s *site) showTerms(w http.ResponseWriter, r *http.Request, way way, step string) error {
	contract := way.request.Client.Contract
	title, text := "consent.terms_only", contract.Terms
	if step == stepPrivacy {
		title, text = "consent.privacy_only", contract.Privacy
	}
	if text == "" || isHTTPS(text) {
		return faultNotFound.because(errors.New("terms are not a text")).of(way.request)
	}
	p := &termsPage{view: s.newView(r, visitOf(r).texts.text(title)), Text: text, Back: way.next()}
	p.From = senderOf(way.request)
	return s.render(w, http.StatusOK, "terms", p)
}

// termsHref is where terms are to be read: at the application, or here.
func termsHref(terms, here string) string {
	if terms == "" || isHTTPS(terms) {
		return terms
	}
	return here
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

// maxQuote bounds what an application says of itself, in characters.
const maxQuote = 200

// quote is what an application says, as plain text: without characters that could
// play tricks, and cut.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxQuote {
		s = string(runes[:maxQuote]) + "…"
	}
	return strings.TrimSpace(s)
}
