package medmij

import "io"

// oclList is the OAuthclientlist: the clients, by host name.
type oclList struct {
	listHeader
	names map[string]string // organisation by host name
}

func (r listReader) readOCL(from io.Reader) (*oclList, error) {
	list := &oclList{names: map[string]string{}}
	var host, name string
	seen := uniqueValues{}
	client := element{
		name: "OAuthclient", optional: true, repeated: true,
		children: []element{
			{name: "Hostname", text: func(s string) error { host = s; return r.checkHost(s) }},
			{name: "OAuthclientOrganisatienaam", text: func(s string) error { name = s; return checkLength(3, 50)(s) }},
			// Later releases list the services of a client; the schema is unconfirmed.
			{name: "Gegevensdiensten", optional: true, children: []element{
				{name: "Gegevensdienst", optional: true, repeated: true, children: []element{
					{name: "GegevensdienstId", text: checkServiceID},
				}},
			}},
		},
		end: func() error { list.names[host] = name; return seen.add("Hostname", host) },
	}
	root := list.root(nameOCL, element{name: "OAuthclients", children: []element{client}})
	return list, parse(from, root.name, func(ns string) (element, bool) {
		return root, ns == namespace("oauthclientlist", 2) || ns == namespace("oauthclientlist", 3)
	})
}
