package catalogue

import (
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
)

// Categories returns the categories of services that a query selects.
func (c *Catalogue) Categories(q wire.ListRequest) wire.CategoriesAnswer {
	id := func(k wire.Category) int { return k.ID }
	return wire.CategoriesAnswer{Data: selectByID(c.file.categories, q, id, pruneCategory)}
}

// ServiceGroupName returns the name of a group of services, which is a category; empty for an
// unknown one.
func (c *Catalogue) ServiceGroupName(id int) string {
	for _, k := range c.file.categories {
		if k.ID == id {
			return k.Name
		}
	}
	return ""
}

// ServiceName returns the name of a service; empty for an unknown one.
func (c *Catalogue) ServiceName(id int) string { return c.file.services[id].Name }

// GroupOfService returns the id of the group that a service belongs to; 0 for an unknown one.
func (c *Catalogue) GroupOfService(id int) int { return c.file.services[id].Category.ID }

// Countries returns the countries that a query selects.
func (c *Catalogue) Countries(q wire.ListRequest) wire.CountriesAnswer {
	id := func(k wire.Country) int { return k.ID }
	return wire.CountriesAnswer{Data: selectByID(c.file.countries, q, id, pruneCountry)}
}

// Platforms returns the platforms that a query selects.
func (c *Catalogue) Platforms(q wire.ListRequest) wire.PlatformsAnswer {
	id := func(k wire.Platform) int { return k.ID }
	return wire.PlatformsAnswer{Data: selectByID(c.file.platforms, q, id, prunePlatform)}
}

// SourceTypes returns the types of sources that a query selects.
func (c *Catalogue) SourceTypes(q wire.ListRequest) wire.SourceTypesAnswer {
	id := func(t wire.SourceType) int { return t.ID }
	prune := func(t wire.SourceType, _ includeFields, _ string) wire.SourceType { return t }
	return wire.SourceTypesAnswer{Data: selectByID(wire.SourceTypes, q, id, prune)}
}

// selectByID returns the entries that a query selects, pruned by prune. The result is
// never nil, since clients do not accept null as a list.
func selectByID[T any](all []T, q wire.ListRequest, id func(T) int, prune func(T, includeFields, string) T) []T {
	in, ids := newIncludeFields(q.Query.Include), q.Query.Filter.ID
	out := make([]T, 0, len(all))
	for _, one := range all {
		if len(ids) == 0 || slices.Contains(ids, id(one)) {
			out = append(out, prune(one, in, ""))
		}
	}
	return out
}

// The functions below remove the fields that a query does not ask for. at is the path of
// the value in a source with a point at its end, or empty in a list. A country always
// keeps its name and code, which the iOS client requires.

func pruneCategory(k wire.Category, in includeFields, at string) wire.Category {
	switch {
	case in == nil, at != "" && in.has(at[:len(at)-1]):
		return k
	case at == "":
		k.Resource = pruneResource(k.Resource, in)
	default:
		k.Resource = nil
	}
	k.Title, k.SubTitle, k.ExpandedTitle, k.ExpandedSubTitle = "", "", "", ""
	if !in.has(at + "categoryTypeId") {
		k.CategoryTypeID = 0
	}
	if !in.has(at + "name") {
		k.Name = ""
	}
	if !in.has(at + "reference") {
		k.Reference = ""
	}
	if !in.has(at + "json") {
		k.JSON = nil
	}
	return k
}

func pruneCountry(k wire.Country, in includeFields, at string) wire.Country {
	switch {
	case in == nil:
	case at == "":
		k.Resource = pruneResource(k.Resource, in)
	default:
		k.Resource = nil
	}
	return k
}

func prunePlatform(k wire.Platform, in includeFields, at string) wire.Platform {
	if in == nil || at != "" && in.has(at[:len(at)-1]) {
		return k
	}
	if !in.has(at + "name") {
		k.Name = ""
	}
	if !in.has(at + "reference") {
		k.Reference = ""
	}
	if !in.has(at + "json") {
		k.JSON = nil
	}
	return k
}

func pruneResource(r *wire.Resource, in includeFields) *wire.Resource {
	if r == nil || !in.hasAnyPart("resource") {
		return nil
	}
	return r
}
