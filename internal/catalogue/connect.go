package catalogue

import (
	"errors"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// ConnectQuery selects sources for the page on which a person chooses what to connect.
type ConnectQuery struct {
	// Push selects sources that data can be sent to; otherwise those that data can be
	// collected from.
	Push bool
	// Text is what the person typed; empty selects everything.
	Text string
	// DataTypes and OrganizationType, if not empty, select the sources of that type
	// with at least one of the data types.
	DataTypes        []string
	OrganizationType string
	// Samples adds sources that can only be connected with sample data.
	Samples bool
	// Offset and Limit select the page; a limit of 0 means [wire.DefaultLimit].
	Offset, Limit int
}

// ListConnectable returns a page of the sources that a person can connect now, sorted
// by name, and their number on all pages. The error wraps ErrListUnavailable if nothing
// was found and a list is not available.
func (c *Catalogue) ListConnectable(q ConnectQuery) (found []Source, total int, err error) {
	if q.Limit <= 0 {
		q.Limit = wire.DefaultLimit
	}
	if runes := []rune(q.Text); len(runes) > wire.MaxText {
		q.Text = string(runes[:wire.MaxText])
	}
	p := newTextPattern(q.Text)
	if len(p) == 0 && strings.TrimSpace(q.Text) != "" {
		p = textPattern{{word: "\x00"}} // no name has a text without letters and digits
	}
	x := c.currentIndex()
	page, total := x.page(max(q.Offset, 0), q.Limit, false, p, func(e *entry) bool {
		return (q.Push && e.Push || !q.Push && e.Pull) &&
			(e.Connectable() || q.Samples && e.HasSampleData()) &&
			e.Matches(q.DataTypes, q.OrganizationType)
	})
	if total == 0 && x.listErr != nil {
		return nil, 0, x.listErr
	}
	for _, e := range page {
		found = append(found, e.Source)
	}
	return found, total, nil
}

// HasPushSources reports whether a person can connect a source to which data can be sent, or
// whether a list that is not available now may have such a source. It implements [delivery.Catalogue].
func (c *Catalogue) HasPushSources() (bool, error) {
	_, total, err := c.ListConnectable(ConnectQuery{Push: true, Limit: 1})
	if errors.Is(err, ErrListUnavailable) {
		return true, nil
	}
	return total > 0, err
}
