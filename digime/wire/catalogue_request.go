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

// The bounds of a query.
const (
	// DefaultLimit is the number of sources on a page without a limit in the query.
	DefaultLimit = 20
	// MaxLimit is the largest number of sources on a page.
	MaxLimit = 1000
	// MaxOffset keeps the sum of offset and limit from overflowing.
	MaxOffset = 1 << 30
	// MaxText is the longest text that can be searched, in characters.
	MaxText = 200
	// maxTexts is the largest number of texts of a field in a search, maxListed of the elements of a filter.
	maxTexts, maxListed = 20, 1000
)

// SourcesRequest is the body of discovery/sources.
type SourcesRequest struct {
	// Limit and Offset select the page. A limit of 0 means [DefaultLimit].
	Limit  int         `json:"limit,omitempty"`
	Offset int         `json:"offset,omitempty"`
	Sort   SourceSort  `json:"sort,omitzero"`
	Query  SourceQuery `json:"query"`
}

// SourceSort is the order of the sources by name, "asc" or "desc".
type SourceSort struct {
	Name string `json:"name,omitempty"`
}

// SourceQuery selects sources and the fields to return.
type SourceQuery struct {
	// Search has texts by field: see [SearchFields]. A field matches if it matches one of its texts.
	Search map[string][]string `json:"search,omitempty"`
	// QueryString is searched in all fields.
	QueryString string `json:"queryString,omitempty"`
	// Include names the fields to return; empty means all.
	Include []string     `json:"include,omitempty"`
	Filter  SourceFilter `json:"filter,omitzero"`
}

// SearchFields are the fields that can be searched.
var SearchFields = []string{
	"name", "alias", "abbreviation", "medicalCenter", "practitioner", "address.city", "address.zipCode",
}

// SourceFilter selects sources. A source matches if each list that is not empty contains its value. Without types the
// filter selects sources of type pull, and without statuses approved ones.
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

// IDFilter selects by id. An empty filter selects everything.
type IDFilter struct {
	ID []int `json:"id,omitempty"`
}

// ListRequest is the body of discovery/categories, discovery/countries, discovery/platforms and discovery/sourceTypes.
type ListRequest struct {
	Query ListQuery `json:"query,omitzero"`
}

// ListQuery selects elements of a list and the fields to return.
type ListQuery struct {
	Include []string `json:"include,omitempty"`
	Filter  IDFilter `json:"filter,omitzero"`
}

// ParseSourcesRequest reads a body. An empty body asks for everything. The error says which member is wrong. An unknown
// search field or filter is an error, because to ignore it would return more than was asked for. Other unknown members
// are ignored.
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

// ParseListRequest reads a body. An empty body asks for everything.
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

// The readers below read one member each, and their errors say which member is wrong. Clients send null for members
// that they omit, so null means absent.

type reader func(path string, raw json.RawMessage) error

type member struct {
	name string
	read reader
}

type members []member

var null = []byte("null")

// readMembers reads the members of an object in the order of known. If strict is set, other members are an error.
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

func wholeNumber(into *int, lowest, highest int) reader {
	return func(path string, raw json.RawMessage) error {
		var n int
		if err := json.Unmarshal(raw, &n); err != nil || n < lowest || n > highest {
			return wrong(path, fmt.Sprintf("a whole number from %d to %d", lowest, highest))
		}
		*into = n
		return nil
	}
}

// ids accepts [1, 2], {"id": [1, 2]} and 1, because the clients differ.
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

func listOf(path string, raw json.RawMessage, into *[]json.RawMessage, limit int) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return wrong(path, "a list")
	}
	if len(*into) > limit {
		return Validation(fmt.Sprintf("%s has more than %d entries", path, limit))
	}
	return nil
}

// slots returns a list of n elements, and nil if n is 0.
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

// textList also accepts a single text.
func textList(into *[]string, limit int) reader {
	return func(path string, raw json.RawMessage) error {
		list := []json.RawMessage{raw}
		if raw[0] == '[' {
			if err := listOf(path, raw, &list, limit); err != nil {
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

// statuses accepts the words and the numbers.
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
				return wrong(path, fmt.Sprintf("a list of %s, %s, %s, %s, %s",
					Statuses[0], Statuses[1], Statuses[2], Statuses[3], Statuses[4]))
			}
		}
		return nil
	}
}
