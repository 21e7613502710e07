package fhir

import "slices"

// A Report describes a valid body.
type Report struct {
	// Version is the version that the body was validated against.
	Version Version
	// ResourceType is the type of the body's resource, such as "Bundle".
	ResourceType string
	// BundleType is the type of a Bundle, empty for other resources.
	BundleType string
	// Resources are the resources of the body in the order of the text, without
	// contained ones: a single resource, or a Bundle followed by the resources of its
	// entries.
	Resources []Resource
	// Profiles are the profiles that the resources claim, without duplicates.
	Profiles []string
	// StructureChecked is set if there are definitions of the version, so that the
	// structure was checked. Otherwise only the rules of every version were checked.
	StructureChecked bool
}

// A Resource is a resource of a body and the profiles that it claims (meta.profile).
// Profiles are not checked.
type Resource struct {
	Type     string
	Profiles []string
}

// report returns the report of a document that has no issues.
func (c *checker) report() *Report {
	r := &Report{
		Version:          c.version,
		StructureChecked: c.defs != nil,
		ResourceType:     string(c.doc.memberText(0, "resourceType")),
	}
	if r.ResourceType == "Bundle" {
		r.BundleType = string(c.doc.memberText(0, "type"))
	}
	seen := map[string]bool{}
	for _, x := range c.resources {
		claimed := c.doc.profiles(x.node)
		r.Resources = append(r.Resources, Resource{x.name, claimed})
		for _, p := range claimed {
			if !seen[p] {
				seen[p] = true
				r.Profiles = append(r.Profiles, p)
			}
		}
	}
	return r
}

// profiles returns the profiles that a resource claims.
func (d *document) profiles(resource uint32) (urls []string) {
	meta, ok := d.member(resource, "meta")
	if !ok {
		return nil
	}
	list, ok := d.member(meta, "profile")
	if !ok {
		return nil
	}
	for p := range d.children(list) {
		if text := d.text(p); len(text) > 0 {
			urls = append(urls, string(text))
		}
	}
	return urls
}

// OperationOutcome returns the report as an OperationOutcome in JSON: the notes, what was
// not checked, and the profiles that the resources claim.
func (r *Report) OperationOutcome(notes ...string) []byte {
	notes = slices.Clip(notes)
	if !r.StructureChecked {
		notes = append(notes, r.notCheckedText())
	}
	for _, p := range r.Profiles {
		notes = append(notes, "Claims the profile "+p+", which is not checked.")
	}
	var none ValidationError
	return none.OperationOutcome(notes...)
}

func (r *Report) notCheckedText() string {
	return "The structure is not checked: there are no definitions of FHIR " + r.Version.String() + " here."
}
