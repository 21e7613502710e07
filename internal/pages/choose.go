package pages

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/library"
)

// choosePage is where a person chooses the provider that an application may send to.
type choosePage struct {
	*view
	App, What string
	// Path is the link's, and Kept the rest of its address, which the form of the search
	// has to say again.
	Path   string
	Kept   []keptField
	Search *field
	// Before are those that the person has used with this application, Found the others.
	Before, Found []choiceRow
	// Count says how much was found.
	Count string
	Range string
	// Previous and Next are addresses; empty if there is no such page.
	Previous, Next string
	// Fault says why nothing can be chosen, or not what the address names.
	Fault string
	// Unlisted says that there is no list now; Again is where to look once more.
	Unlisted bool
	Again    string
}

type keptField struct{ Name, Value string }

// choiceRow is a provider as a person sees it.
type choiceRow struct {
	ID          int
	Name, Place string
}

const (
	// choicesShown is how many providers stand on a page.
	choicesShown = 20
	// mostUnasked is up to how many are shown to who has typed nothing yet.
	mostUnasked = 200
	// leastTyped is how many letters it takes where there are more.
	leastTyped = 2
)

func (s *site) showChoose(w http.ResponseWriter, r *http.Request, in *library.SignedIn, way way, e *errand) error {
	t, query := visitOf(r).texts, r.URL.Query()
	p := &choosePage{App: way.app(), What: t.what(dataWords(way.asked.scope.DataTypes)), Path: way.link.Path, Again: way.choose(),
		Search: &field{Name: "q", Label: t.text("choose.search"), Value: quote(query.Get("q"))}}
	p.view = s.newView(r, t.text("choose.h1.push"))
	p.Form = &form{Fields: []*field{p.Search}}
	s.forLink(w, p.view, way.request)
	s.letSignOut(p.view, way)
	letFetch(w)
	kept := way.choosing()
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		p.Kept = append(p.Kept, keptField{name, kept.Get(name)})
	}
	if e.gone {
		p.Fault, p.Failed = t.text("choose.error.gone", "service", s.sourceName(t, way.asked.service)), true
	}
	err := s.search(r, in, way, p, pageNumber(query.Get("page")))
	switch {
	case errors.Is(err, catalogue.ErrListUnavailable):
		s.config.Log.WarnContext(r.Context(), "no list of providers", "error", err)
		p.Fault, p.Failed, p.Unlisted = t.text("choose.error.list"), true, true
		w.Header().Set("Retry-After", "60")
		return s.render(w, http.StatusServiceUnavailable, "choose", p)
	case err != nil:
		return err
	case p.Form.Failed():
		return s.showFaults(w, "choose", p)
	}
	return s.render(w, http.StatusOK, "choose", p)
}

// search finds what can be chosen.
func (s *site) search(r *http.Request, in *library.SignedIn, way way, p *choosePage, page int) error {
	choice := catalogue.ConnectQuery{Push: true, DataTypes: way.asked.scope.DataTypes, OrganizationType: way.asked.scope.OrganizationType,
		Text: p.Search.Value, Limit: choicesShown}
	t := p.texts
	if letters := utf8.RuneCountInString(choice.Text); letters < leastTyped {
		all := choice
		all.Text, all.Limit = "", 1
		_, total, err := s.catalogue.ListConnectable(all)
		if err != nil {
			return err
		}
		if total > mostUnasked {
			if letters > 0 {
				p.Search.Fault = t.say("choose.error.short")
				return nil
			}
			return s.usedBefore(r, in, way, p)
		}
	}
	found, total, err := s.catalogue.ListConnectable(choice)
	if err != nil {
		return err
	}
	last := max(1, (total+choicesShown-1)/choicesShown)
	page = min(page, last)
	if choice.Offset = (page - 1) * choicesShown; choice.Offset > 0 {
		if found, total, err = s.catalogue.ListConnectable(choice); err != nil {
			return err
		}
	}
	if choice.Text == "" && page == 1 {
		if err := s.usedBefore(r, in, way, p); err != nil {
			return err
		}
	}
	for _, source := range found {
		if !slices.ContainsFunc(p.Before, func(b choiceRow) bool { return b.ID == source.ID }) {
			p.Found = append(p.Found, t.choiceRow(source))
		}
	}
	switch {
	case choice.Text == "" && total == 0:
		p.Count = t.text("choose.nobody", "app", p.App)
	case choice.Text == "":
	case total == 0:
		p.Count = t.text("choose.none", "q", choice.Text)
	default:
		p.Count = t.count("choose.count", total, "q", choice.Text)
	}
	p.paginate(way, page, last, choice.Offset, len(found), total)
	return nil
}

func (p *choosePage) paginate(way way, page, last, offset, shown, total int) {
	if last == 1 {
		return
	}
	at := func(page int) string {
		query := way.choosing()
		if p.Search.Value != "" {
			query.Set("q", p.Search.Value)
		}
		query.Set("page", strconv.Itoa(page))
		return p.Path + "?" + query.Encode()
	}
	p.Range = p.texts.text("common.range", "from", offset+1, "to", offset+shown, "total", total)
	if page > 1 {
		p.Previous = at(page - 1)
	}
	if page < last {
		p.Next = at(page + 1)
	}
}

// usedBefore finds what the person has connected for the same application and could
// choose again.
func (s *site) usedBefore(r *http.Request, in *library.SignedIn, way way, p *choosePage) error {
	accounts, err := s.accountsOf(r, in, way.request.Client.Application.ID)
	if err != nil {
		return err
	}
	scope := way.asked.scope
	for _, a := range accounts {
		source, err := s.catalogue.Get(a.Source.ID)
		if err != nil || !source.Connectable() || !source.Push || !source.Matches(scope.DataTypes, scope.OrganizationType) {
			continue // it cannot be chosen now
		}
		p.Before = append(p.Before, p.texts.choiceRow(source))
	}
	return nil
}

// choiceRow says which a provider is: its name, and what it is and where.
func (t *texts) choiceRow(source catalogue.Source) choiceRow {
	kind := quote(source.Service.Name)
	if key, ok := organizationTexts[source.OrganizationType]; ok {
		kind = t.text(key)
	}
	var place []string
	for _, part := range []string{kind, quote(source.Address.City)} {
		if part != "" {
			place = append(place, part)
		}
	}
	return choiceRow{ID: source.ID, Name: quote(source.Title), Place: strings.Join(place, ", ")}
}

// sourceName is what to call a source that cannot be chosen.
func (s *site) sourceName(t *texts, id int) string {
	if source, err := s.catalogue.Get(id); err == nil && source.Push {
		return quote(source.Title)
	}
	return t.text("choose.unnamed")
}

// takeChoice puts the provider that a person chose into the link's address.
func (s *site) takeChoice(w http.ResponseWriter, r *http.Request, way way) error {
	source, err := strconv.Atoi(r.PostForm.Get("service"))
	if err != nil || source <= 0 {
		return faultForm.with(http.StatusBadRequest).because(errors.New("choice is no source"))
	}
	return seeOther(w, r, way.chosen(source))
}

// organizationTexts are the kinds of organisation that sources are of.
var organizationTexts = map[string]string{
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
