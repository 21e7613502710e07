package onboarding

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// chooseProvider is the page where a person chooses the provider that an application may send to, or the source that it
// collects from.
type chooseProvider struct {
	ui          *ui.UI
	connections *delivery.Connections
	catalogue   *catalogue.Catalogue
}

// chooseProviderPage is the data of the page.
type chooseProviderPage struct {
	*ui.Page
	App string
	// Lead says what the application wants. Others is the heading of the list, Missing and MissingText what to do if
	// the person's is not in it.
	Lead, Others, Missing, MissingText string
	// Path is that of the request's address, and Query the rest of it, which the search form sends again.
	Path   string
	Query  []queryParameter
	Search *ui.Field
	// UsedBefore are the providers that the person has connected for this application, Found the others.
	UsedBefore, Found []providerRow
	// Count says how many were found; nobody is what it says if there is none to choose.
	Count, nobody string
	Range         string
	// PreviousURL and NextURL are empty if there is no such page.
	PreviousURL, NextURL string
	// Error says why nothing can be chosen, or why the provider in the address cannot.
	Error string
	// Unlisted reports that there is no list now; RetryURL is where to try again.
	Unlisted bool
	RetryURL string
}

type queryParameter struct{ Name, Value string }

// providerRow is a source as a person sees it.
type providerRow struct {
	ID          int
	Name, Place string
	// IsSample reports that its data is invented.
	IsSample bool
}

const (
	// providersPerPage is how many providers stand on a page.
	providersPerPage = 20
	// maxUnsearched is the longest list that is shown before a search.
	maxUnsearched = 200
	// minSearch is how many letters a search of a longer list takes.
	minSearch = 2
)

// choiceTexts are the texts of the page for a purpose.
type choiceTexts struct{ title, lead, search, others, missing, missingText, nobody string }

var (
	pushTexts = choiceTexts{"choose.h1.push", "choose.lead.push", "choose.search", "choose.others", "choose.missing",
		"choose.missing_text", "choose.nobody"}
	pullTexts = choiceTexts{"choose.h1.pull", "choose.lead.pull", "choose.search_pull", "choose.others_pull",
		"choose.missing_pull", "choose.missing_pull_text", "choose.nobody_pull"}
)

// Show shows the search and the sources that it finds.
func (c *chooseProvider) Show(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow, step delivery.ConnectionStep,
) error {
	t, query, app := ui.BrowserOf(r).Texts, r.URL.Query(), flow.appName()
	texts := pullTexts
	if flow.query.push {
		texts = pushTexts
	}
	page := &chooseProviderPage{
		Page: c.ui.NewPage(r, t.Text(texts.title)), App: app,
		Lead:   t.Text(texts.lead, "app", app, "what", ui.NewDataTypes(flow.query.scope.DataTypes).In(t)),
		Others: t.Text(texts.others), Missing: t.Text(texts.missing), MissingText: t.Text(texts.missingText),
		nobody: t.Text(texts.nobody, "app", app), Path: flow.address.Path, RetryURL: flow.chooseURL(),
		Search: &ui.Field{Name: "q", Label: t.Text(texts.search), Value: ui.CleanText(query.Get("q"))},
	}
	page.Form = &ui.Form{Fields: []*ui.Field{page.Search}}
	flow.decorate(w, page.Page)
	ui.AllowScriptRequests(w)
	parameters := flow.queryWithoutProvider()
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		page.Query = append(page.Query, queryParameter{name, parameters.Get(name)})
	}
	if step.Unavailable {
		page.Error, page.IsError = t.Text("choose.error.gone", "service", c.sourceName(t, flow.query)), true
	}
	err := c.search(r, in, flow, page, ui.ParsePageNumber(query.Get("page")))
	switch {
	case errors.Is(err, catalogue.ErrListUnavailable):
		c.ui.Log.WarnContext(r.Context(), "no list of providers", "error", err)
		page.Error, page.IsError, page.Unlisted = t.Text("choose.error.list"), true, true
		w.Header().Set("Retry-After", "60")
		return c.ui.Render(w, http.StatusServiceUnavailable, "choose-provider", page)
	case err != nil:
		return err
	case page.Form.HasErrors():
		return c.ui.RenderInvalid(w, "choose-provider", page)
	}
	return c.ui.Render(w, http.StatusOK, "choose-provider", page)
}

// choice selects the sources that can be chosen. The kinds are the words of the page for kinds of organisation.
func (f *requestFlow) choice(text string, kinds map[string]string) catalogue.ConnectQuery {
	q := f.query
	choice := catalogue.ConnectQuery{Push: q.push, Kinds: kinds, DataTypes: q.scope.DataTypes,
		OrganizationType: q.scope.OrganizationType, Text: text, Limit: providersPerPage}
	if !q.push {
		samples := q.connectionQuery().SampleQuery(f.request)
		choice.Sample = &samples
	}
	return choice
}

// search finds the sources that can be chosen, and puts those of one page into the page.
func (c *chooseProvider) search(
	r *http.Request, in *library.SignedIn, flow *requestFlow, page *chooseProviderPage, number int,
) error {
	choice := flow.choice(page.Search.Value, organizationKinds(page.Texts))
	if letters := utf8.RuneCountInString(choice.Text); letters < minSearch {
		all := choice
		all.Text, all.Limit = "", 1
		_, total, err := c.catalogue.ListConnectable(all)
		if err != nil {
			return err
		}
		if total > maxUnsearched {
			if letters > 0 {
				page.Search.Error = page.Texts.Spans("choose.error.short")
				return nil
			}
			return c.findUsedBefore(r, in, flow, page)
		}
	}
	found, total, err := c.catalogue.ListConnectable(choice)
	if err != nil {
		return err
	}
	last := max(1, (total+providersPerPage-1)/providersPerPage)
	number = min(number, last)
	if choice.Offset = (number - 1) * providersPerPage; choice.Offset > 0 {
		if found, total, err = c.catalogue.ListConnectable(choice); err != nil {
			return err
		}
	}
	if choice.Text == "" && number == 1 {
		if err := c.findUsedBefore(r, in, flow, page); err != nil {
			return err
		}
	}
	for _, source := range found {
		if !slices.ContainsFunc(page.UsedBefore, func(row providerRow) bool { return row.ID == source.ID }) {
			page.Found = append(page.Found, newProviderRow(page.Texts, source, flow.query.push))
		}
	}
	page.count(choice.Text, total)
	page.paginate(flow, number, last, choice.Offset, len(found), total)
	return nil
}

// count says how many providers a search has found. Without a search it says nothing, unless there is no provider.
func (p *chooseProviderPage) count(search string, total int) {
	switch {
	case search == "" && total == 0:
		p.Count = p.nobody
	case search == "":
	case total == 0:
		p.Count = p.Texts.Text("choose.none", "q", search)
	default:
		p.Count = p.Texts.Count("choose.count", total, "q", search)
	}
}

func (p *chooseProviderPage) paginate(flow *requestFlow, number, last, offset, shown, total int) {
	if last == 1 {
		return
	}
	pageURL := func(number int) string {
		query := flow.queryWithoutProvider()
		if p.Search.Value != "" {
			query.Set("q", p.Search.Value)
		}
		query.Set("page", strconv.Itoa(number))
		return p.Path + "?" + query.Encode()
	}
	p.Range = p.Texts.Text("common.range", "from", offset+1, "to", offset+shown, "total", total)
	if number > 1 {
		p.PreviousURL = pageURL(number - 1)
	}
	if number < last {
		p.NextURL = pageURL(number + 1)
	}
}

// findUsedBefore finds the sources that the person has connected for the same application and can choose again.
func (c *chooseProvider) findUsedBefore(
	r *http.Request, in *library.SignedIn, flow *requestFlow, page *chooseProviderPage,
) error {
	accounts, err := connectionsOf(r, c.connections, in, flow.request)
	if err != nil {
		return err
	}
	choice := flow.choice("", nil)
	for _, a := range accounts {
		source, err := c.catalogue.Get(a.Source.ID)
		if err != nil || a.Source.IsPull() == flow.query.push || !choice.Selects(&source) {
			continue // it cannot be chosen now
		}
		page.UsedBefore = append(page.UsedBefore, newProviderRow(page.Texts, source, flow.query.push))
	}
	return nil
}

// newProviderRow describes a source: its name, what it is, and where. What is collected is sample data, as long as
// there is no other.
func newProviderRow(t *ui.Texts, source catalogue.Source, push bool) providerRow {
	kind := ui.CleanText(source.Service.Name)
	if strings.Contains(source.Name, source.Service.Name) {
		kind = "" // a service with one source
	}
	if key, ok := organizationKeys[source.OrganizationType]; ok {
		kind = t.Text(key)
	}
	var place []string
	for _, part := range []string{kind, ui.CleanText(source.Address.City)} {
		if part != "" {
			place = append(place, part)
		}
	}
	return providerRow{ID: source.ID, Name: ui.CleanText(source.TitleIn(t.Code)), Place: strings.Join(place, ", "),
		IsSample: !push}
}

// sourceName is the name of a source that cannot be chosen.
func (c *chooseProvider) sourceName(t *ui.Texts, q authorizeQuery) string {
	if source, err := c.catalogue.Get(q.service); err == nil && (q.push && source.Push || !q.push && source.Pull) {
		return ui.CleanText(source.TitleIn(t.Code))
	}
	return t.Text("choose.unnamed")
}

// Post puts the chosen source into the address of the request.
func (c *chooseProvider) Post(w http.ResponseWriter, r *http.Request, flow *requestFlow) error {
	source, err := strconv.Atoi(r.PostForm.Get("service"))
	if err != nil || source <= 0 {
		return ui.BadForm("choice is not the id of a source")
	}
	return ui.SeeOther(w, r, flow.chosenURL(source))
}

// organizationKinds are the words of a language for the kinds of organisation.
func organizationKinds(t *ui.Texts) map[string]string {
	kinds := make(map[string]string, len(organizationKeys))
	for kind, key := range organizationKeys {
		kinds[kind] = t.Text(key)
	}
	return kinds
}

// organizationKeys are the texts for the kinds of organisation that sources are of.
var organizationKeys = map[string]string{
	"general-practitioner":                 "org.general_practitioner",
	"health-center":                        "org.health_center",
	"hospital":                             "org.hospital",
	"private-treatment-center":             "org.private_treatment_center",
	"specialist-centre":                    "org.specialist_centre",
	"radiotherapy-center":                  "org.radiotherapy_center",
	"dialysis-center":                      "org.dialysis_center",
	"obstetrics-and-maternity-care":        "org.obstetrics",
	"mental-health-care":                   "org.mental_health_care",
	"youth-health-care":                    "org.youth_health_care",
	"psychology-and-psychotherapy":         "org.psychology",
	"nursing-and-care-homes-and-home-care": "org.nursing",
	"disability-care":                      "org.disability_care",
	"mentally-disabled-care":               "org.mentally_disabled_care",
	"daycare-centers":                      "org.daycare_centers",
	"rehabilitation-center":                "org.rehabilitation_center",
	"pharmacy":                             "org.pharmacy",
	"audiological-center":                  "org.audiological_center",
	"medical-aids":                         "org.medical_aids",
	"physiotherapy":                        "org.physiotherapy",
	"protected-and-supported-living":       "org.supported_living",
	"dentist":                              "org.dentist",
	"ambulance":                            "org.ambulance",
	"health-insurers":                      "org.health_insurers",
}
