package medmij

import "io"

// whl is the whitelist: the hosts of the backchannel.
type whl struct {
	head
	hosts set
}

func (r rules) readWHL(from io.Reader) (*whl, error) {
	l := &whl{hosts: set{}}
	host := func(s string) error {
		if err := r.host(s); err != nil {
			return err
		}
		return l.hosts.add("host", s)
	}
	// A node is a host name, or in newer files holds one.
	node := element{
		name: "MedMijNode", optional: true, many: true, text: host,
		of: []element{{name: "Hostname", text: host}},
	}
	root := element{name: string(nameWHL), of: append(l.elements(), element{name: "MedMijNodes", of: []element{node}})}
	return l, parse(from, root.name, func(ns string) (element, bool) {
		return root, ns == namespace("whitelist", 2)
	})
}
