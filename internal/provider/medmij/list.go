package medmij

import (
	"bytes"
	"fmt"
	"time"
)

// listName is the name of a list, in its address and its root element.
type listName string

// The four central lists (Interfaces lijsten).
const (
	nameZAL listName = "Zorgaanbiederslijst"
	nameOCL listName = "OAuthclientlist"
	nameWHL listName = "Whitelist"
	nameGNL listName = "Gegevensdienstnamenlijst"
)

var listNames = []listName{nameZAL, nameOCL, nameWHL, nameGNL}

// listHeader has the first elements of every list.
type listHeader struct {
	At     time.Time
	Number uint64
}

// elements returns the declarations of the header.
func (h *listHeader) elements() []element {
	return []element{
		{name: "Tijdstempel", text: func(s string) (err error) { h.At, err = parseTimestamp(s); return err }},
		{name: "Volgnummer", text: func(s string) (err error) { h.Number, err = parsePositive(s); return err }},
	}
}

// root returns the declaration of a list's root, which has the header and one child.
func (h *listHeader) root(name listName, child element) element {
	return element{name: string(name), children: append(h.elements(), child)}
}

// namespace returns the XML namespace of a release of a list.
func namespace(list string, release int) string {
	return fmt.Sprintf("xmlns://afsprakenstelsel.medmij.nl/%s/release%d/", list, release)
}

// parsedList is one of *zalList, *oclList, *whlList and *gnlList.
type parsedList interface{ number() uint64 }

func (h *listHeader) number() uint64 { return h.Number }

// read reads the list of that name.
func (r listReader) read(name listName, text []byte) (parsedList, error) {
	var list parsedList
	var err error
	switch name {
	case nameZAL:
		list, err = r.readZAL(bytes.NewReader(text))
	case nameOCL:
		list, err = r.readOCL(bytes.NewReader(text))
	case nameWHL:
		list, err = r.readWHL(bytes.NewReader(text))
	case nameGNL:
		list, err = r.readGNL(bytes.NewReader(text))
	default:
		return nil, fmt.Errorf("read %s: no such list", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return list, nil
}

// uniqueValues is a set of values that must not occur twice.
type uniqueValues map[string]bool

func (s uniqueValues) add(what, v string) error {
	if s[v] {
		return fmt.Errorf("%s %s occurs twice", what, quote(v))
	}
	s[v] = true
	return nil
}
