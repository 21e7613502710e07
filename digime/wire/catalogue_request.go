package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what one query may ask.
const (
	// DefaultLimit is how many sources a page has when the caller does not say.
	DefaultLimit = 20
	// MaxLimit is how many it may have.
	MaxLimit = 1000
	// MaxOffset keeps the sum of offset and limit an honest number.
	MaxOffset = 1 << 30
	// MaxText bounds a text that is searched for, in characters.
	MaxText = 200
	// maxTexts bounds how many texts a field is searched for, maxListed a filter's list.
	maxTexts, maxListed = 20, 1000
)

// SourcesRequest is the body of discovery/sources.
type SourcesRequest struct {
	// Limit and Offset choose the page; a limit of 0 means [DefaultLimit].
	Limit  int         `json:"limit,omitempty"`
	Offset int         `json:"offset,omitempty"`
	Sort   SourceSort  `json:"sort,omitzero"`
	Query  SourceQuery `json:"query"`
}

// SourceSort says in which order, "asc" or "desc".
type SourceSort struct {
	Name string `json:"name,omitempty"`
}

// SourceQuery says which sources, and what of them.
type SourceQuery struct {
	// Search holds the texts to look for, by field: see [SearchFields]. One of a field's
	// texts must fit.
	Search map[string][]string `json:"search,omitempty"`
	// QueryString is looked for in all fields.
	QueryString string `json:"queryString,omitempty"`
	// Include names the fields that are wanted; empty means all.
	Include []string     `json:"include,omitempty"`
	Filter  SourceFilter `json:"filter,omitzero"`
}

// SearchFields are the fields that can be searched.
var SearchFields = []string{"name", "alias", "abbreviation", "medicalCenter", "practitioner", "address.city", "address.zipCode"}

// SourceFilter selects sources; each list that is not empty must have what the source
// has. Without types it selects those of type pull, without statuses approved ones.
type SourceFilter struct {
	ID              []int             `json:"id,omitempty"`
	PublishedStatus []PublishedStatus `json:"publishedStatus,omitempty"`
	Service         IDFilter          `json:"service,omitzero"`
	Country         IDFilter          `json:"country,omitzero"`
	Category        IDFilter          `json:"category,omitzero"`
	Platform        IDFilter          `json:"platform,omitzero"`
	Type            IDFilter          `json:"type,omitzero"`
	SourceID        int               `json:"sourceId,omitempty"`
	Reference       []string          `json:"reference,omitempty"`
	Alias           []string          `json:"alias,omitempty"`
}

// IDFilter selects by id; an empty one selects everything.
type IDFilter struct {
	ID []int `json:"id,omitempty"`
}

// ListRequest is the body of discovery/categories, countries, platforms and
// sourceTypes.
type ListRequest struct {
	Query ListQuery `json:"query,omitzero"`
}

// ListQuery says which, and what of them.
type ListQuery struct {
	Include []string `json:"include,omitempty"`
	Filter  IDFilter `json:"filter,omitzero"`
}

// ParseSourcesRequest reads a body; an empty one asks for everything. The error says
// which member is wrong. An unknown search field or filter is refused, since an answer
// without it would be another than was asked for; other unknown members are not looked
// at.
func ParseSourcesRequest(body []byte) (SourcesRequest, error) {
	var r SourcesRequest
	if len(body) == 0 {
		return r, nil
	}
	err := readMembers("", body, false, members{
		{"limit", wholeNumber(&r.Limit, 1, MaxLimit)},
		{"offset", wholeNumber(&r.Offset, 0, MaxOffset)},
		{"sort", nested(false, members{{"name", oneText(&r.Sort.Name, "asc", "desc")}})},
		{"query", nested(false, members{
			{"search", r.Query.readSearch},
			{"queryString", text(&r.Query.QueryString)},
			{"include", textList(&r.Query.Include, maxListed)},
			{"filter", r.Query.Filter.read},
		})},
	})
	if err != nil {
		return SourcesRequest{}, err
	}
	return r, nil
}

func (q *SourceQuery) readSearch(path string, raw json.RawMessage) error {
	var known members
	for _, field := range SearchFields {
		known = append(known, member{field, func(path string, raw json.RawMessage) error {
			var list []string
			if err := textList(&list, maxTexts)(path, raw); err != nil || len(list) == 0 {
				return err
			}
			if q.Search == nil {
				q.Search = map[string][]string{}
			}
			q.Search[field] = list
			return nil
		}})
	}
	return readMembers(path, raw, true, known)
}

func (f *SourceFilter) read(path string, raw json.RawMessage) error {
	return readMembers(path, raw, true, members{
		{"id", ids(&f.ID)},
		{"sourceId", wholeNumber(&f.SourceID, 0, math.MaxInt)},
		{"publishedStatus", statuses(&f.PublishedStatus)},
		{"service", ids(&f.Service.ID)},
		{"country", ids(&f.Country.ID)},
		{"category", ids(&f.Category.ID)},
		{"platform", ids(&f.Platform.ID)},
		{"type", ids(&f.Type.ID)},
		{"reference", textList(&f.Reference, maxListed)},
		{"alias", textList(&f.Alias, maxListed)},
	})
}

// ParseListRequest reads a body; an empty one asks for everything.
func ParseListRequest(body []byte) (ListRequest, error) {
	var r ListRequest
	if len(body) == 0 {
		return r, nil
	}
	err := readMembers("", body, false, members{
		{"query", nested(false, members{
			{"include", textList(&r.Query.Include, maxListed)},
			{"filter", nested(true, members{{"id", ids(&r.Query.Filter.ID)}})},
		})},
	})
	if err != nil {
		return ListRequest{}, err
	}
	return r, nil
}

// The readers below read one member each and say where it was wrong. A null is as
// good as nothing: clients send it for what they leave out.

type reader func(path string, raw json.RawMessage) error

type member struct {
	name string
	read reader
}

type members []member

var null = []byte("null")

// readMembers reads an object's members in the order of known; strict refuses others.
func readMembers(path string, raw json.RawMessage, strict bool, known members) error {
	var have map[string]json.RawMessage
	if err := json.Unmarshal(raw, &have); err != nil {
		if path == "" {
			return Validation("the body is not a JSON object").Because(err)
		}
		return wrong(path, "an object")
	}
	if path != "" {
		path += "."
	}
	for _, m := range known {
		value, ok := have[m.name]
		delete(have, m.name)
		if !ok || bytes.Equal(value, null) {
			continue
		}
		if err := m.read(path+m.name, value); err != nil {
			return err
		}
	}
	if !strict || len(have) == 0 {
		return nil
	}
	var unknown []string
	for name := range have {
		unknown = append(unknown, clip(name))
	}
	return Validation(path + slices.Min(unknown) + " is not known")
}

func nested(strict bool, known members) reader {
	return func(path string, raw json.RawMessage) error { return readMembers(path, raw, strict, known) }
}

func wrong(path, want string) error { return Validation(path + " is not " + want) }

func clip(s string) string {
	if utf8.RuneCountInString(s) > 40 {
		return string([]rune(s)[:40]) + "…"
	}
	return s
}

func wholeNumber(into *int, least, most int) reader {
	return func(path string, raw json.RawMessage) error {
		var n int
		if err := json.Unmarshal(raw, &n); err != nil || n < least || n > most {
			return wrong(path, fmt.Sprintf("a whole number from %d to %d", least, most))
		}
		*into = n
		return nil
	}
}

// ids takes [1, 2], {"id": [1, 2]} and 1: the clients differ.
func ids(into *[]int) reader {
	return func(path string, raw json.RawMessage) error {
		switch raw[0] {
		case '{':
			return readMembers(path, raw, true, members{{"id", ids(into)}})
		case '[':
			var list []json.RawMessage
			if err := listOf(path, raw, &list, maxListed); err != nil {
				return err
			}
			*into = slots[int](len(list))
			for i, v := range list {
				if err := json.Unmarshal(v, &(*into)[i]); err != nil || bytes.Equal(v, null) {
					return wrong(fmt.Sprintf("%s[%d]", path, i), "a whole number")
				}
			}
			return nil
		}
		var n int
		if err := json.Unmarshal(raw, &n); err != nil {
			return wrong(path, "a list of whole numbers")
		}
		*into = []int{n}
		return nil
	}
}

func listOf(path string, raw json.RawMessage, into *[]json.RawMessage, most int) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return wrong(path, "a list")
	}
	if len(*into) > most {
		return Validation(fmt.Sprintf("%s has more than %d entries", path, most))
	}
	return nil
}

// slots is a list of n; an empty one is as good as none.
func slots[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, n)
}

func text(into *string) reader {
	return func(path string, raw json.RawMessage) error {
		if err := json.Unmarshal(raw, into); err != nil {
			return wrong(path, "text")
		}
		if utf8.RuneCountInString(*into) > MaxText {
			return Validation(fmt.Sprintf("%s has more than %d characters", path, MaxText))
		}
		return nil
	}
}

func oneText(into *string, of ...string) reader {
	return func(path string, raw json.RawMessage) error {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil || !slices.Contains(of, s) {
			return wrong(path, strings.Join(of, " or "))
		}
		*into = s
		return nil
	}
}

// textList takes a single text for a list of one.
func textList(into *[]string, most int) reader {
	return func(path string, raw json.RawMessage) error {
		list := []json.RawMessage{raw}
		if raw[0] == '[' {
			if err := listOf(path, raw, &list, most); err != nil {
				return err
			}
		} else if raw[0] != '"' {
			return wrong(path, "a list of texts")
		}
		*into = slots[string](len(list))
		for i, v := range list {
			if bytes.Equal(v, null) {
				return wrong(fmt.Sprintf("%s[%d]", path, i), "text")
			}
			if err := text(&(*into)[i])(fmt.Sprintf("%s[%d]", path, i), v); err != nil {
				return err
			}
		}
		return nil
	}
}

// statuses takes the words and the numbers.
func statuses(into *[]PublishedStatus) reader {
	return func(path string, raw json.RawMessage) error {
		list := []json.RawMessage{raw}
		if raw[0] == '[' {
			if err := listOf(path, raw, &list, maxListed); err != nil {
				return err
			}
		}
		*into = slots[PublishedStatus](len(list))
		for i, v := range list {
			var n int
			status := &(*into)[i]
			if json.Unmarshal(v, &n) == nil && n >= 1 && n <= len(Statuses) {
				*status = Statuses[n-1]
			} else if json.Unmarshal(v, status) != nil || !slices.Contains(Statuses, *status) {
				return wrong(path, fmt.Sprintf("a list of %s, %s, %s, %s, %s", Statuses[0], Statuses[1], Statuses[2], Statuses[3], Statuses[4]))
			}
		}
		return nil
	}
}
