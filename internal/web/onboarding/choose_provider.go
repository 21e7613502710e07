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

// chooseProvider is the page where a person chooses the provider that an application may send to.
type chooseProvider struct {
	ui          *ui.UI
	connections *delivery.Connections
	catalogue   *catalogue.Catalogue
}

// chooseProviderPage is the data of the page.
type chooseProviderPage struct {
	*ui.Page
	App, What string
	// Path is that of the request's address, and Query the rest of it, which the search form sends again.
	Path   string
	Query  []queryParameter
	Search *ui.Field
	// UsedBefore are the providers that the person has connected for this application, Found the others.
	UsedBefore, Found []providerRow
	// Count says how many were found.
	Count string
	Range string
	// PreviousURL and NextURL are empty if there is no such page.
	PreviousURL, NextURL string
	// Error says why nothing can be chosen, or why the provider in the address cannot.
	Error string
	// Unlisted reports that there is no list now; RetryURL is where to try again.
	Unlisted bool
	RetryURL string
}

type queryParameter struct{ Name, Value string }

// providerRow is a provider as a person sees it.
type providerRow struct {
	ID          int
	Name, Place string
}

const (
	// providersPerPage is how many providers stand on a page.
	providersPerPage = 20
	// maxUnsearched is the longest list that is shown before a search.
	maxUnsearched = 200
	// minSearch is how many letters a search of a longer list takes.
	minSearch = 2
)

// Show shows the search and the providers that it finds.
func (c *chooseProvider) Show(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow *requestFlow, step delivery.ConnectionStep,
) error {
	t, query := ui.BrowserOf(r).Texts, r.URL.Query()
	page := &chooseProviderPage{
		Page: c.ui.NewPage(r, t.Text("choose.h1.push")),
		App:  flow.appName(), What: ui.NewDataTypes(flow.query.scope.DataTypes).In(t),
		Path: flow.address.Path, RetryURL: flow.chooseURL(),
		Search: &ui.Field{Name: "q", Label: t.Text("choose.search"), Value: ui.CleanText(query.Get("q"))},
	}
	page.Form = &ui.Form{Fields: []*ui.Field{page.Search}}
	flow.decorate(w, page.Page)
	ui.AllowScriptRequests(w)
	parameters := flow.queryWithoutProvider()
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		page.Query = append(page.Query, queryParameter{name, parameters.Get(name)})
	}
	if step.Unavailable {
		page.Error, page.IsError = t.Text("choose.error.gone", "service", c.providerName(t, flow.query.service)), true
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

// search finds the providers that can be chosen, and puts those of one page into the page.
func (c *chooseProvider) search(
	r *http.Request, in *library.SignedIn, flow *requestFlow, page *chooseProviderPage, number int,
) error {
	scope := flow.query.scope
	choice := catalogue.ConnectQuery{
		Push: true, DataTypes: scope.DataTypes, OrganizationType: scope.OrganizationType,
		Text: page.Search.Value, Limit: providersPerPage,
	}
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
			page.Found = append(page.Found, newProviderRow(page.Texts, source))
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
		p.Count = p.Texts.Text("choose.nobody", "app", p.App)
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

// findUsedBefore finds the providers that the person has connected for the same application and can choose again.
func (c *chooseProvider) findUsedBefore(
	r *http.Request, in *library.SignedIn, flow *requestFlow, page *chooseProviderPage,
) error {
	accounts, err := connectionsOf(r, c.connections, in, flow.request)
	if err != nil {
		return err
	}
	scope := flow.query.scope
	for _, a := range accounts {
		source, err := c.catalogue.Get(a.Source.ID)
		if err != nil || !source.Connectable() || !source.Push ||
			!source.Matches(scope.DataTypes, scope.OrganizationType) {
			continue // it cannot be chosen now
		}
		page.UsedBefore = append(page.UsedBefore, newProviderRow(page.Texts, source))
	}
	return nil
}

// newProviderRow describes a provider: its name, what it is, and where.
func newProviderRow(t *ui.Texts, source catalogue.Source) providerRow {
	kind := ui.CleanText(source.Service.Name)
	if key, ok := organizationKeys[source.OrganizationType]; ok {
		kind = t.Text(key)
	}
	var place []string
	for _, part := range []string{kind, ui.CleanText(source.Address.City)} {
		if part != "" {
			place = append(place, part)
		}
	}
	return providerRow{ID: source.ID, Name: ui.CleanText(source.TitleIn(t.Code)), Place: strings.Join(place, ", ")}
}

// providerName is the name of a provider that cannot be chosen.
func (c *chooseProvider) providerName(t *ui.Texts, id int) string {
	if source, err := c.catalogue.Get(id); err == nil && source.Push {
		return ui.CleanText(source.TitleIn(t.Code))
	}
	return t.Text("choose.unnamed")
}

// Post puts the chosen provider into the address of the request.
func (c *chooseProvider) Post(w http.ResponseWriter, r *http.Request, flow *requestFlow) error {
	source, err := strconv.Atoi(r.PostForm.Get("service"))
	if err != nil || source <= 0 {
		return ui.BadForm("choice is not the id of a source")
	}
	return ui.SeeOther(w, r, flow.chosenURL(source))
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
