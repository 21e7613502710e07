package catalogue

import "strings"

// includeFields are the fields that a query asks for; nil means all.
type includeFields map[string]bool

func newIncludeFields(include []string) includeFields {
	if len(include) == 0 {
		return nil
	}
	in := includeFields{}
	for _, name := range include {
		in[name] = true
	}
	return in
}

// has reports whether a query asks for a field, or for the field that it is a part of.
func (in includeFields) has(name string) bool {
	whole, _, _ := strings.Cut(name, ".")
	return in == nil || in[name] || in[whole]
}

// hasAnyPart reports whether a query asks for a field or for a part of it.
func (in includeFields) hasAnyPart(whole string) bool {
	if in.has(whole) {
		return true
	}
	for name := range in {
		if strings.HasPrefix(name, whole+".") {
			return true
		}
	}
	return false
}
