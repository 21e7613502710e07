package pages

import (
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// mayAndMayNot says in plain words what a contract allows and what it does not:
// nothing that was not asked for, and all that was.
func (t *texts) mayAndMayNot(c library.Contract) (may, mayNot []string) {
	if c.Access == library.Write {
		return []string{t.text("consent.may.write")},
			[]string{t.text("consent.not.read"), t.text("consent.not.change"), t.text("consent.not.identity")}
	}
	if readsAll(c.Scope) {
		may = append(may, t.text("consent.may.read_all"))
	} else {
		if c.Scope.Raw && c.Scope.Own {
			may = append(may, t.text("consent.may.read_own"))
		}
		if some := t.someFiles(c.Scope); some != "" {
			may = append(may, t.text("consent.may.read_some", "scope", some))
		}
		mayNot = append(mayNot, t.text("consent.not.others"))
	}
	return may, append(mayNot, t.text("consent.not.change"), t.text("consent.not.identity"))
}

// mayPush says what a contract that writes allows once a provider is connected. It may
// write all the same, so both are said.
func (t *texts) mayPush(what, provider string) (may, mayNot []string) {
	return []string{t.text("consent.may.push", "what", what, "provider", provider), t.text("consent.may.write")},
		[]string{t.text("consent.not.library"), t.text("consent.not.back", "provider", provider), t.text("consent.not.identity")}
}

// mayInWords is what contracts allow, in short.
func (t *texts) mayInWords(contracts []library.Contract) []string {
	var words []string
	for _, c := range contracts {
		words = append(words, t.inShort(c))
	}
	return words
}

// inShort is what a contract allows, in a line.
func (t *texts) inShort(c library.Contract) string {
	if c.Access == library.Write {
		return t.text("grants.write")
	}
	if readsAll(c.Scope) {
		return t.text("grants.read", "scope", t.text("scope.all"))
	}
	var parts []string
	if c.Scope.Raw && c.Scope.Own {
		parts = append(parts, t.text("scope.own"))
	}
	if some := t.someFiles(c.Scope); some != "" {
		parts = append(parts, some)
	}
	return t.text("grants.read", "scope", strings.Join(parts, ", "))
}

// readsAll reports whether a scope covers every file that was pushed.
func readsAll(s library.Scope) bool { return s.Raw && !s.Own && (s.Filter == nil || emptyFilter(s)) }

func emptyFilter(s library.Scope) bool {
	f := s.Filter
	return len(f.AppID)+len(f.ContractID)+len(f.MIMEType)+len(f.Reference)+len(f.Tags)+len(f.Accounts) == 0
}

// someFiles describes the files that a scope is narrowed to, and those of services;
// empty if it is not narrowed.
func (t *texts) someFiles(s library.Scope) string {
	var parts []string
	if s.Raw && !s.Own && s.Filter != nil { // what an application pushed itself, it knows
		parts = append(parts, t.filtered(*s.Filter))
	}
	if s.Mapped {
		parts = append(parts, t.text("scope.services"))
	}
	return strings.Join(parts, ", ")
}

// filtered describes files by their metadata: all that is said must fit.
func (t *texts) filtered(f wire.MetadataFilter) string {
	var kinds []string
	for _, mimeType := range f.MIMEType {
		kinds = appendNew(kinds, t.text(kindOf(mimeType)))
	}
	if len(kinds) == 0 {
		kinds = []string{t.text("scope.files")}
	}
	said := strings.Join(kinds, ", ")
	if len(f.Tags) > 0 {
		said += " " + t.text("scope.labelled", "labels", quotes(f.Tags))
	}
	if len(f.Reference) > 0 {
		said += " " + t.text("scope.named", "names", quotes(f.Reference))
	}
	if len(f.AppID)+len(f.ContractID)+len(f.Accounts) > 0 {
		said += " " + t.text("scope.some_apps")
	}
	return said
}

// quotes are an application's words in quotation marks.
func quotes(words []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, "“"+quote(word)+"”")
	}
	return strings.Join(quoted, ", ")
}

func appendNew(list []string, s string) []string {
	for _, old := range list {
		if old == s {
			return list
		}
	}
	return append(list, s)
}

// kindOf is the text for a kind of file.
func kindOf(mimeType string) string {
	mimeType, _, _ = strings.Cut(strings.ToLower(mimeType), ";")
	mimeType = strings.TrimSpace(mimeType)
	switch {
	case mimeType == "application/pdf":
		return "files.kind.pdf"
	case strings.HasPrefix(mimeType, "image/"):
		return "files.kind.image"
	case strings.HasPrefix(mimeType, "application/fhir"):
		return "files.kind.health"
	case strings.HasSuffix(mimeType, "json"), strings.HasSuffix(mimeType, "xml"), strings.HasSuffix(mimeType, "csv"):
		return "files.kind.data"
	case strings.HasPrefix(mimeType, "text/"):
		return "files.kind.text"
	}
	return "files.kind.other"
}
