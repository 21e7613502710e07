package medmij

import "io"

// gnlList is the Gegevensdienstnamenlijst: the names of the data services.
type gnlList struct {
	listHeader
	names map[string]string // by id
}

func (r listReader) readGNL(from io.Reader) (*gnlList, error) {
	list := &gnlList{names: map[string]string{}}
	var id, name string
	seen := uniqueValues{}
	service := element{
		name: "Gegevensdienst", optional: true, repeated: true,
		children: []element{
			{name: "GegevensdienstId", text: func(s string) error { id = s; return checkServiceID(s) }},
			{name: "Weergavenaam", text: func(s string) error { name = s; return checkLength(3, 50)(s) }},
		},
		end: func() error { list.names[id] = name; return seen.add("GegevensdienstId", id) },
	}
	root := list.root(nameGNL, element{name: "Gegevensdiensten", children: []element{service}})
	return list, parse(from, root.name, func(ns string) (element, bool) {
		return root, ns == namespace("gegevensdienstnamenlijst", 1)
	})
}
