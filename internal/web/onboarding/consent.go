package onboarding

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// consent asks whether the person allows what the contract says.
type consent struct {
	ui          *ui.UI
	consents    *library.Consents
	connections *delivery.Connections
	catalogue   *catalogue.Catalogue
	app         *appReturn
	fetches     *fetches
	// deleteWait is how long the deletion of a library can be undone.
	deleteWait time.Duration
}

// consentPage is the data of the page.
type consentPage struct {
	*ui.Page
	App, About string
	// Purpose is in the application's own words.
	Purpose string
	// May and MayNot list what the contract allows and what not; Notes is what else to know.
	May, MayNot, Notes []string
	// Also is what the person allows the application already by other contracts.
	Also  []string
	Until time.Time
	// Earlier is when an earlier consent expired; nil if the person has not consented before.
	Earlier *time.Time
	// IsRenewal reports that the question is whether to go on.
	IsRenewal bool
	// After says what a no does.
	After                string
	TermsURL, PrivacyURL string // empty if there are none
	Email                string
	// Account is the one that was connected for the request; empty if there is none.
	Account wire.AccountID
	// Sample is the set of sample data that a yes connects; empty for none.
	Sample string
	// Source is the name of the source for that, and OtherURL where to choose another one; empty if there is no choice.
	Source, OtherURL string
	// Terms is what the form tells back: see [library.Shown].
	Terms string
}

// Show asks for consent, whether or not the person has just signed in.
func (c *consent) Show(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow, connected *delivery.Connection,
) error {
	t, request := ui.BrowserOf(r).Texts, flow.request
	app, contract := flow.appName(), request.Client.Contract
	page := &consentPage{
		App:        app,
		About:      ui.CleanText(request.Client.Application.About),
		Purpose:    ui.CleanText(contract.Purpose),
		Until:      request.GrantUntil,
		IsRenewal:  request.Kind == library.UserReauthRequest,
		TermsURL:   termsURL(contract.Terms, flow.stepURL(stepTerms)),
		PrivacyURL: termsURL(contract.Privacy, flow.stepURL(stepPrivacy)),
		Email:      in.Library.Email,
		Terms:      request.Shown("").Terms,
	}
	if sample, err := c.connections.FindSample(flow.request, flow.query.connectionQuery()); err == nil {
		page.Sample, page.OtherURL = sample.SampleSet, otherSourceURL(c.connections, flow)
		page.Source = c.ui.SourceName(t, sample.ID, sample.Name)
	}
	provider := ""
	if connected != nil && !connected.Source.IsPull() {
		provider, page.Account = c.ui.SourceName(t, connected.Source.ID, connected.Source.Name), connected.ID
	}
	var err error
	if page.May, page.MayNot, err = c.permissions(r, in, flow, connected, page.Source); err != nil {
		return err
	}
	storage, err := c.storage(r, in, flow)
	if err != nil {
		return err
	}
	page.Notes = c.notes(r, flow, provider, storage)
	if page.Also, err = c.allowedAlready(r, in, flow); err != nil {
		return err
	}
	page.After = t.Text("consent.after", "app", app)
	if page.IsRenewal {
		if page.Earlier, err = c.expiredAt(r, in, request); err != nil {
			return err
		}
		others, err := c.otherGrants(r, in, request)
		if err != nil {
			return err
		}
		page.After = t.Text("reauth.after", "app", app)
		if len(others) > 0 {
			page.After = t.Text("reauth.after_one", "app", app)
		}
	}
	page.Page = c.ui.NewPage(r, c.title(t, flow, provider))
	if provider != "" {
		page.Flash, page.Connected = t.Text("provider.ok", "provider", provider), true
	}
	flow.decorateQuestion(w, page.Page)
	return c.ui.Render(w, http.StatusOK, "consent", page)
}

// title is the question.
func (c *consent) title(t *ui.Texts, flow *requestFlow, provider string) string {
	app := flow.appName()
	switch {
	case flow.request.Kind == library.UserReauthRequest:
		return t.Text("reauth.h1", "app", app)
	case flow.request.Client.Contract.Access == library.Read:
		return t.Text("consent.h1.read", "app", app)
	case provider != "":
		return t.Text("consent.h1.push", "app", app, "provider", provider)
	}
	return t.Text("consent.h1.write", "app", app)
}

// permissions are what a yes would allow, and what not. The name of a source is that of one that a yes connects with
// sample data; empty if it connects none.
func (c *consent) permissions(
	r *http.Request, in *library.SignedIn, flow *requestFlow, connected *delivery.Connection, source string,
) (may, mayNot []string, err error) {
	t := ui.BrowserOf(r).Texts
	may, mayNot = c.ui.Permissions(t).Of(flow.request.Client.Contract)
	if source != "" {
		may = append([]string{t.Text("consent.may.sample", "provider", source)}, may...)
	} else if connected != nil && !connected.Source.IsPull() {
		provider := c.ui.SourceName(t, connected.Source.ID, connected.Source.Name)
		what := c.sentData(flow, connected).In(t)
		// The contract still allows to write, so both are said.
		may = []string{
			t.Text("consent.may.push", "what", what, "provider", provider),
			t.Text("consent.may.write"),
		}
		mayNot = []string{
			t.Text("consent.not.library"),
			t.Text("consent.not.back", "provider", provider),
			t.Text("consent.not.identity"),
		}
	}
	if flow.request.Client.Contract.DeletesLibrary {
		may = append(may, t.DeletesLibrary(c.deleteWait))
	}
	mayAlso, err := c.otherProviders(r, in, flow.request, connected)
	return append(may, mayAlso...), mayNot, err
}

// storage is the storage that the application gets with a yes; empty if it gets none.
func (c *consent) storage(r *http.Request, in *library.SignedIn, flow *requestFlow) (library.StorageID, error) {
	if flow.query.storageRef == "" || flow.request.Kind != library.AuthorizeRequest {
		return "", nil
	}
	storage, err := c.consents.ResolveStorageHandle(r.Context(), in, flow.request, flow.query.storageRef)
	if errors.Is(err, library.ErrStorageGone) {
		return "", ui.PageUnknownStorage.Wrap(err).For(flow.request)
	}
	return storage, err
}

// notes are what else the person should know.
func (c *consent) notes(
	r *http.Request, flow *requestFlow, provider string, storage library.StorageID,
) (notes []string) {
	t, app, client := ui.BrowserOf(r).Texts, flow.appName(), flow.request.Client
	if client.Contract.Access == library.Read {
		notes = append(notes, t.Text("consent.note.copy", "app", app))
	}
	if provider != "" {
		notes = append(notes, t.Text("consent.note.provider", "provider", provider))
	}
	if storage != "" {
		notes = append(notes, t.Text("consent.note.storage", "app", app))
	}
	if !client.Application.Checked {
		notes = append(notes, t.Text("consent.note.unchecked", "operator", c.ui.Operator))
	}
	return notes
}

// allowedAlready is what the person allows the application already by other contracts.
func (c *consent) allowedAlready(r *http.Request, in *library.SignedIn, flow *requestFlow) ([]string, error) {
	granted, err := c.otherGrants(r, in, flow.request)
	if err != nil || len(granted) == 0 {
		return nil, err
	}
	connections, err := c.connections.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	return grantLines(c.ui.Permissions(ui.BrowserOf(r).Texts), granted, connections), nil
}

// expiredAt is when the earlier consent expired; nil if it has not, or if there is none.
func (c *consent) expiredAt(
	r *http.Request, in *library.SignedIn, request *library.PendingRequest,
) (*time.Time, error) {
	grant, err := c.consents.LatestGrant(r.Context(), in, request)
	if err != nil || grant == nil || !grant.RevokedAt.IsZero() || c.ui.Now().Before(grant.ExpiresAt) {
		return nil, err
	}
	return &grant.ExpiresAt, nil
}

// otherGrants are the grants of the same application's other contracts that count.
func (c *consent) otherGrants(
	r *http.Request, in *library.SignedIn, request *library.PendingRequest,
) ([]library.GrantWithClient, error) {
	grants, err := c.consents.ListGrants(r.Context(), in)
	return slices.DeleteFunc(grants, func(g library.GrantWithClient) bool {
		return g.Grant.Application != request.Client.Application.ID ||
			g.Grant.Contract == request.Client.Contract.ID || g.Standing(c.ui.Now()) != library.GrantCounts
	}), err
}

// sentData is what the application wants to send to the connected provider: those of its data types that the provider
// takes.
func (c *consent) sentData(flow *requestFlow, connected *delivery.Connection) ui.DataTypes {
	types := flow.query.scope.DataTypes
	source, err := c.catalogue.Get(connected.Source.ID)
	if err == nil && len(source.DataTypes) > 0 {
		taken := slices.DeleteFunc(slices.Clone(source.DataTypes), func(dataType string) bool {
			return len(types) > 0 && !slices.Contains(types, dataType)
		})
		if len(taken) > 0 {
			types = taken
		}
	}
	return ui.NewDataTypes(types)
}

// otherProviders are the providers that the application may send to as well: the consent that a yes renews has accounts
// there.
func (c *consent) otherProviders(
	r *http.Request, in *library.SignedIn, request *library.PendingRequest, connected *delivery.Connection,
) ([]string, error) {
	if request.Client.Contract.Access != library.Write {
		return nil, nil
	}
	grant, err := c.consents.LatestGrant(r.Context(), in, request)
	if err != nil || grant == nil || !grant.Active(c.ui.Now()) {
		return nil, err
	}
	connections, err := c.connections.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	t := ui.BrowserOf(r).Texts
	var may []string
	for _, other := range connections {
		if other.Grant == grant.ID && (connected == nil || other.ID != connected.ID) {
			may = append(may, t.Text("consent.may.push",
				"what", ui.NewDataTypes(nil).In(t),
				"provider", c.ui.SourceName(t, other.Source.ID, other.Source.Name)))
		}
	}
	return may, nil
}

// Post takes the answer. Only the values "allow" and "deny" are answers.
func (c *consent) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow) error {
	if !flow.asksConsent() {
		return ui.BadForm("answer to a request that asks for no consent")
	}
	step, err := connectionStep(r, c.connections, in, flow)
	if err != nil {
		return err
	}
	if step.Required {
		return ui.SeeOther(w, r, flow.url()) // the person has not been asked yet
	}
	var callback string
	result := outcomeDenied
	switch r.PostForm.Get("answer") {
	case "allow":
		result = outcomeAllowed
		var storage library.StorageID
		if storage, err = c.storage(r, in, flow); err != nil {
			return err
		}
		shown := library.Shown{Storage: storage,
			Connection: wire.AccountID(r.PostForm.Get("account")), Terms: r.PostForm.Get("terms")}
		sample, sampleErr := c.connections.FindSample(flow.request, flow.query.connectionQuery())
		if sampleErr == nil && r.PostForm.Get("sample") == sample.SampleSet {
			connected, err := c.connections.ConnectSample(r.Context(), in, flow.request, sample)
			if err != nil {
				return answerError(err, in, flow) // answered meanwhile: the button was pressed twice
			}
			shown.Connection = connected.ID
		}
		callback, err = c.consents.Allow(r.Context(), in, flow.request, shown)
		if err == nil && sampleErr == nil {
			c.fetches.start(r, in, flow, sample.ID)
		}
		if errors.Is(err, library.ErrConnectionChanged) || errors.Is(err, library.ErrTermsChanged) {
			// Another tab has connected another account, or the contract was edited: ask again.
			return ui.SeeOther(w, r, flow.url())
		}
	case "deny":
		callback, err = c.consents.Deny(r.Context(), flow.request, in, library.CallbackUserCancel)
	default:
		return ui.BadForm("answer is neither yes nor no")
	}
	if err != nil {
		return answerError(err, in, flow)
	}
	return c.app.redirect(w, r, flow.request, callback, result)
}
