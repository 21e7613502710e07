package medmij

import "io"

// whlList is the Whitelist: the hosts of the backchannel.
type whlList struct {
	listHeader
	hosts uniqueValues
}

func (r listReader) readWHL(from io.Reader) (*whlList, error) {
	list := &whlList{hosts: uniqueValues{}}
	host := func(s string) error {
		if err := r.checkHost(s); err != nil {
			return err
		}
		return list.hosts.add("host", s)
	}
	// A node is a host name or, in newer files, has a Hostname element.
	node := element{
		name: "MedMijNode", optional: true, repeated: true, text: host,
		children: []element{{name: "Hostname", text: host}},
	}
	root := list.root(nameWHL, element{name: "MedMijNodes", children: []element{node}})
	return list, parse(from, root.name, func(ns string) (element, bool) {
		return root, ns == namespace("whitelist", 2)
	})
}
