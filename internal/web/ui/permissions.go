package ui

import (
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Permissions says in plain words what a contract allows, and what it does not allow.
func (t *Texts) Permissions(contract library.Contract) (may, mayNot []string) {
	notChange := t.Text("consent.not.change")
	if contract.DeletesLibrary {
		notChange = t.Text("consent.not.change_one")
	}
	if contract.Access == library.Write {
		return []string{t.Text("consent.may.write")},
			[]string{t.Text("consent.not.read"), notChange, t.Text("consent.not.identity")}
	}
	if readsAll(contract.Scope) {
		may = append(may, t.Text("consent.may.read_all"))
	} else {
		if contract.Scope.Raw && contract.Scope.Own {
			may = append(may, t.Text("consent.may.read_own"))
		}
		if some := t.someFiles(contract.Scope); some != "" {
			may = append(may, t.Text("consent.may.read_some", "scope", some))
		}
		mayNot = append(mayNot, t.Text("consent.not.others"))
	}
	return may, append(mayNot, notChange, t.Text("consent.not.identity"))
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

// PermissionSummary says in one line what a contract allows.
func (t *Texts) PermissionSummary(contract library.Contract) string {
	if contract.Access == library.Write {
		return t.Text("grants.write")
	}
	if readsAll(contract.Scope) {
		return t.Text("grants.read", "scope", t.Text("scope.all"))
	}
	var parts []string
	if contract.Scope.Raw && contract.Scope.Own {
		parts = append(parts, t.Text("scope.own"))
	}
	if some := t.someFiles(contract.Scope); some != "" {
		parts = append(parts, some)
	}
	return t.Text("grants.read", "scope", strings.Join(parts, ", "))
}

// GrantSummary says in a line each what a contract allows, and the providers that the application sends to by it, or
// from which it reads what is collected.
func (t *Texts) GrantSummary(contract library.Contract, providers []string) []string {
	may := []string{t.PermissionSummary(contract)}
	if contract.DeletesLibrary {
		may = append(may, t.Text("grants.delete"))
	}
	key := "grants.push"
	if contract.Access == library.Read {
		key = "grants.collect"
	}
	for _, provider := range providers {
		may = append(may, t.Text(key, "provider", CleanText(provider)))
	}
	return may
}

// readsAll reports whether a scope covers every file that was pushed.
func readsAll(s library.Scope) bool {
	return s.Raw && !s.Own && (s.Filter == nil || isEmptyFilter(*s.Filter))
}

func isEmptyFilter(f wire.MetadataFilter) bool {
	return len(f.AppID)+len(f.ContractID)+len(f.MIMEType)+len(f.Reference)+len(f.Tags)+len(f.Accounts) == 0
}

// someFiles describes the files that a scope is narrowed to, and those of services; empty if it is not narrowed.
func (t *Texts) someFiles(s library.Scope) string {
	var parts []string
	if s.Raw && !s.Own && s.Filter != nil { // an application knows the files that it pushed itself
		parts = append(parts, t.filteredFiles(*s.Filter))
	}
	if s.Mapped {
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
