package ui

import "strings"

// FileKind names a kind of file.
func (t *Texts) FileKind(mimeType string) string { return t.Text(fileKindKey(mimeType)) }

func fileKindKey(mimeType string) string {
	mimeType, _, _ = strings.Cut(strings.ToLower(mimeType), ";")
	mimeType = strings.TrimSpace(mimeType)
	hasSuffix := func(suffix string) bool { return strings.HasSuffix(mimeType, suffix) }
	switch {
	case mimeType == "application/pdf":
		return "files.kind.pdf"
	case strings.HasPrefix(mimeType, "image/"):
		return "files.kind.image"
	case strings.HasPrefix(mimeType, "application/fhir"):
		return "files.kind.health"
	case hasSuffix("json"), hasSuffix("xml"), hasSuffix("csv"):
		return "files.kind.data"
	case strings.HasPrefix(mimeType, "text/"):
		return "files.kind.text"
	}
	return "files.kind.other"
}
