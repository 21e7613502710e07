package ui

import (
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// PermissionTexts say in plain words what contracts allow.
type PermissionTexts struct {
	*Texts
	names ServiceNames
}

// Permissions returns the texts for what contracts allow, in the language of t.
func (u *UI) Permissions(t *Texts) PermissionTexts { return PermissionTexts{t, u.Services} }

// Of says what a contract allows, and what it does not allow.
func (p PermissionTexts) Of(contract library.Contract) (may, mayNot []string) {
	notChange := p.Text("consent.not.change")
	if contract.DeletesLibrary {
		notChange = p.Text("consent.not.change_one")
	}
	if contract.Access == library.Write {
		return []string{p.Text("consent.may.write")},
			[]string{p.Text("consent.not.read"), notChange, p.Text("consent.not.identity")}
	}
	may = p.reads(contract.Scope)
	if !readsAll(contract.Scope) || isNarrowed(contract.Scope) {
		mayNot = append(mayNot, p.Text("consent.not.others"))
	}
	return may, append(mayNot, notChange, p.Text("consent.not.identity"))
}

// reads says what a contract with a scope may read.
func (p PermissionTexts) reads(s library.Scope) (may []string) {
	narrowed := isNarrowed(s)
	switch {
	case readsAll(s) && !narrowed:
		return []string{p.Text("consent.may.read_all")}
	case readsAll(s):
		may = append(may, p.Text("consent.may.read_pushed"))
	case s.Raw && s.Own:
		may = append(may, p.Text("consent.may.read_own"))
	}
	if some := p.someFiles(s); some != "" {
		may = append(may, p.Text("consent.may.read_some", "scope", some))
	}
	if narrowed {
		services, periods := p.services(s)
		if len(s.ServiceGroups) == 0 {
			may = append(may, p.Text("consent.may.read_all_services"))
		} else {
			may = append(may, p.Text("consent.may.read_services", "scope", services))
		}
		if periods != "" {
			may = append(may, p.Text("consent.may.read_dates", "periods", periods))
		}
	}
	return may
}

// DeletesLibrary says that an application may delete the whole library, which the person can undo for the given time.
func (t *Texts) DeletesLibrary(wait time.Duration) string {
	switch days := int(wait / (24 * time.Hour)); {
	case wait == 0:
		return t.Text("consent.may.delete_now")
	case days == 0:
		return t.Text("consent.may.delete_short")
	default:
		return t.Count("consent.may.delete", days)
	}
}

// Summary says in one line what a contract allows.
func (p PermissionTexts) Summary(contract library.Contract) string {
	if contract.Access == library.Write {
		return p.Text("grants.write")
	}
	var parts []string
	scope, narrowed := contract.Scope, isNarrowed(contract.Scope)
	switch {
	case readsAll(scope) && !narrowed:
		return p.Text("grants.read", "scope", p.Text("scope.all"))
	case readsAll(scope):
		parts = append(parts, p.Text("scope.pushed"))
	case scope.Raw && scope.Own:
		parts = append(parts, p.Text("scope.own"))
	}
	if some := p.someFiles(scope); some != "" {
		parts = append(parts, some)
	}
	if narrowed {
		services, periods := p.services(scope)
		if len(scope.ServiceGroups) > 0 {
			services = p.Text("scope.from_services", "scope", services)
		}
		if periods != "" {
			services = p.Text("scope.in_time", "scope", services, "periods", periods)
		}
		return p.Text("grants.read", "scope", strings.Join(append(parts, services), "; "))
	}
	return p.Text("grants.read", "scope", strings.Join(parts, ", "))
}

// OfGrant says in a line each what a person has allowed by a grant, and the providers that the application sends to by
// it, or the sources that it collects from. It never says what the contract allows now, if that is something else.
func (p PermissionTexts) OfGrant(g library.GrantWithClient, providers []string) []string {
	contract, isKnown := g.AllowedContract()
	may := []string{p.Text("grants.read_then")}
	if isKnown || contract.Access == library.Write {
		may = []string{p.Summary(contract)}
	}
	if contract.DeletesLibrary {
		may = append(may, p.Text("grants.delete"))
	}
	key := "grants.push"
	if contract.Access == library.Read {
		key = "grants.collect"
	}
	for _, provider := range providers {
		may = append(may, p.Text(key, "provider", CleanText(provider)))
	}
	return may
}

// Collects reports whether files may have been collected from sources under a grant.
func Collects(g library.GrantWithClient) bool {
	contract, isKnown := g.AllowedContract()
	return contract.Access == library.Read && (!isKnown || contract.Scope.Mapped)
}

// readsAll reports whether a scope covers every file that was pushed.
func readsAll(s library.Scope) bool {
	return s.Raw && !s.Own && (s.Filter == nil || isEmptyFilter(*s.Filter))
}

func isEmptyFilter(f wire.MetadataFilter) bool {
	return len(f.AppID)+len(f.ContractID)+len(f.MIMEType)+len(f.Reference)+len(f.Tags)+len(f.Accounts) == 0
}

// someFiles describes the pushed files that a scope is narrowed to, and those of services if it has no bounds for them;
// empty if it has neither.
func (t *Texts) someFiles(s library.Scope) string {
	var parts []string
	// An application knows the files that it pushed itself.
	if s.Raw && !s.Own && s.Filter != nil && !isEmptyFilter(*s.Filter) {
		parts = append(parts, t.filteredFiles(*s.Filter))
	}
	if s.Mapped && !isNarrowed(s) {
		parts = append(parts, t.Text("scope.services"))
	}
	return strings.Join(parts, ", ")
}

// filteredFiles describes files by their metadata. A file fits if every part of the description is true of it.
func (t *Texts) filteredFiles(filter wire.MetadataFilter) string {
	var kinds []string
	for _, mimeType := range filter.MIMEType {
		kinds = appendNew(kinds, t.FileKind(mimeType))
	}
	if len(kinds) == 0 {
		kinds = []string{t.Text("scope.files")}
	}
	description := strings.Join(kinds, ", ")
	if len(filter.Tags) > 0 {
		description += " " + t.Text("scope.labelled", "labels", quoteAll(filter.Tags))
	}
	if len(filter.Reference) > 0 {
		description += " " + t.Text("scope.named", "names", quoteAll(filter.Reference))
	}
	if len(filter.AppID)+len(filter.ContractID)+len(filter.Accounts) > 0 {
		description += " " + t.Text("scope.some_apps")
	}
	return description
}

// quoteAll puts an application's words in quotation marks.
func quoteAll(words []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, "“"+CleanText(word)+"”")
	}
	return strings.Join(quoted, ", ")
}
