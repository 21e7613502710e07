package medmij

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// zalList is the Zorgaanbiederslijst: the providers, their data services and the endpoints.
type zalList struct {
	listHeader
	providers []zalProvider
}

type zalProvider struct {
	name     string // without @medmij
	services []zalService
}

type zalService struct {
	id string
	// version is the version of the interface; empty in release 2.
	version       string
	authorization string
	token         string
	roles         []zalRole
}

// zalRole is a system role and its resource endpoint.
type zalRole struct{ code, resource string }

func (r listReader) readZAL(from io.Reader) (*zalList, error) {
	builder := &zalBuilder{listReader: r, zal: &zalList{}, names: uniqueValues{}}
	err := parse(from, string(nameZAL), func(ns string) (element, bool) {
		switch ns {
		case namespace("zorgaanbiederslijst", 2):
			return builder.root(builder.services(false)), true
		case namespace("zorgaanbiederslijst", 3):
			return builder.root(
				element{name: "Aanbiedertype", text: checkProviderType},
				element{name: "Interfaceversies", children: []element{{
					name: "Interfaceversie", repeated: true,
					children: []element{
						{name: "InterfaceversieId", text: func(s string) error {
							builder.version = s
							return errors.Join(checkInterfaceVersion(s), builder.versions.add("InterfaceversieId", s))
						}},
						builder.services(true),
					},
				}}},
			), true
		}
		return element{}, false
	})
	return builder.zal, err
}

// checkProviderType checks an Aanbiedertype: a care provider, a provider without a care
// relation, or a provider in the person's domain.
func checkProviderType(s string) error {
	switch s {
	case "ZA", "BAZB", "APD":
		return nil
	}
	return errors.New("not ZA, BAZB or APD")
}

// zalBuilder builds the list while it is read.
type zalBuilder struct {
	listReader
	zal     *zalList
	names   uniqueValues
	version string

	provider             zalProvider
	service              zalService
	role                 zalRole
	versions, ids, codes uniqueValues
}

// root returns the declaration of the root. of are the children of a provider that follow
// its name.
func (b *zalBuilder) root(of ...element) element {
	name := element{name: "Zorgaanbiedernaam", text: func(s string) error {
		b.provider.name = strings.TrimSuffix(s, nameSuffix)
		return checkProviderName(s)
	}}
	provider := element{
		name: "Zorgaanbieder", optional: true, repeated: true, children: append([]element{name}, of...),
		start: func() { b.provider, b.versions, b.version = zalProvider{}, uniqueValues{}, "" },
		end: func() error {
			b.zal.providers = append(b.zal.providers, b.provider)
			return b.names.add("Zorgaanbiedernaam", b.provider.name)
		},
	}
	return b.zal.root(nameZAL, element{name: "Zorgaanbieders", children: []element{provider}})
}

// services returns the declaration of the services of a provider or an interface version.
func (b *zalBuilder) services(release3 bool) element {
	service := element{
		name: "Gegevensdienst", repeated: true,
		children: []element{
			{name: "GegevensdienstId", text: func(s string) error { b.service.id = s; return checkServiceID(s) }},
			endpoint("AuthorizationEndpoint", func(s string) error {
				b.service.authorization = s
				return b.checkFrontchannelURL(s)
			}),
			endpoint("TokenEndpoint", func(s string) error {
				b.service.token = s
				return b.checkBackchannelURL(s)
			}),
			b.roles(),
		},
		start: func() { b.service, b.codes = zalService{version: b.version}, uniqueValues{} },
		end: func() error {
			b.provider.services = append(b.provider.services, b.service)
			return b.ids.add("GegevensdienstId", b.service.id)
		},
	}
	if release3 {
		// Its position is unconfirmed, so any is allowed.
		service.anyOrder = true
		service.children = append(service.children, element{name: "Abonneren", optional: true, children: []element{
			{name: "MaximaleDuur", text: func(s string) error { _, err := parsePositive(s); return err }},
			{name: "SubscriptionEndpointuri", text: b.checkBackchannelURL},
		}})
	}
	return element{name: "Gegevensdiensten", children: []element{service}, start: func() { b.ids = uniqueValues{} }}
}

// roles returns the declaration of the system roles of a service.
func (b *zalBuilder) roles() element {
	return element{name: "Systeemrollen", children: []element{{
		name: "Systeemrol", repeated: true,
		children: []element{
			{name: "Systeemrolcode", text: func(s string) error { b.role.code = s; return checkLength(1, 30)(s) }},
			endpoint("ResourceEndpoint", func(s string) error {
				b.role.resource = s
				return b.checkBackchannelURL(s)
			}),
		},
		start: func() { b.role = zalRole{} },
		end: func() error {
			b.service.roles = append(b.service.roles, b.role)
			return b.codes.add("Systeemrolcode", b.role.code)
		},
	}}}
}

// endpoint returns the declaration of an endpoint, whose child has its address.
func endpoint(name string, text func(string) error) element {
	return element{name: name, children: []element{{name: name + "uri", text: text}}}
}

// newerVersion reports whether interface version a is newer than b. It compares the
// numbers, then the letter at the end.
func newerVersion(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		x, xs := versionPart(as, i)
		y, ys := versionPart(bs, i)
		if x != y {
			return x > y
		}
		if xs != ys {
			return xs > ys
		}
	}
	return false
}

// versionPart returns the number and the letters of a part of a version.
func versionPart(parts []string, i int) (int, string) {
	if i >= len(parts) {
		return 0, ""
	}
	digits := strings.TrimRight(parts[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
	n, _ := strconv.Atoi(digits) // cannot fail: checkInterfaceVersion has checked it; 0 if empty
	return n, parts[i][len(digits):]
}
