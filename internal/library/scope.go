package library

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Scope is what a read contract may see. It is empty for a write contract.
type Scope struct {
	// Raw files have been pushed; mapped files come from sources.
	Raw    bool `json:"raw,omitempty"`
	Mapped bool `json:"mapped,omitempty"`
	// Own narrows raw files to those that the same application pushed.
	Own bool `json:"own,omitempty"`
	// Filter narrows raw files by their metadata.
	Filter *wire.MetadataFilter `json:"filter,omitempty"`
	// ServiceGroups and TimeRanges narrow mapped files; empty means all. A file that reaches into a time range counts
	// as a whole, and one without times always.
	ServiceGroups []wire.ServiceGroup `json:"serviceGroups,omitempty"`
	TimeRanges    []wire.TimeRange    `json:"timeRanges,omitempty"`
}

// onWire returns the scope as its application may know it; nil for one that is empty.
func (s Scope) onWire() *wire.ContractScope {
	if !s.Raw && !s.Mapped {
		return nil
	}
	return &wire.ContractScope{Raw: s.Raw, Own: s.Own, Mapped: s.Mapped, ServiceGroups: s.ServiceGroups,
		TimeRanges: s.TimeRanges}
}

// sessionScope is what a session may read: what its contract allows and the session asks for.
type sessionScope struct {
	contract Scope
	reader   wire.ApplicationID
	criteria []wire.Criterion
	// narrowed says that the session has criteria: a file must meet one of them.
	narrowed bool
	// mapped is what the session asks for of mapped files.
	mapped wire.Scope
	now    time.Time
}

func (r *ReadSession) scope(now time.Time) sessionScope {
	s := sessionScope{contract: r.Bearer.Client.Contract.Scope, reader: r.Bearer.Client.Application.ID, now: now}
	if asked := r.Session.Options.Scope; asked != nil {
		s.criteria, s.narrowed = asked.Criteria, len(asked.Criteria) > 0
		s.mapped = *asked
	}
	return s
}

// list returns the beginning of the list that has all files of the scope.
func (s sessionScope) list() (c FileCursor) {
	if s.contract.Own {
		c.Application = s.reader
	}
	return c
}

// needsMetadata reports whether includes looks at the metadata of files.
func (s sessionScope) needsMetadata() bool {
	return s.contract.Filter != nil ||
		slices.ContainsFunc(s.criteria, func(c wire.Criterion) bool { return c.Metadata != nil })
}

// includes reports whether the session may read a file.
func (s sessionScope) includes(f File) bool {
	if f.IsCollected() {
		return s.includesCollected(f)
	}
	if !s.contract.Raw || s.contract.Own && f.Application != s.reader {
		return false
	}
	if s.contract.Filter != nil && !fits(s.contract.Filter, f) {
		return false
	}
	return !s.narrowed || slices.ContainsFunc(s.criteria, func(c wire.Criterion) bool { return s.meets(c, f) })
}

func (s sessionScope) meets(c wire.Criterion, f File) bool {
	if c.From != 0 && f.CreatedAt.Before(c.From.Time()) {
		return false
	}
	if since, err := parseLast(c.Last); err != nil || since != nil && f.CreatedAt.Before(since(s.now)) {
		return false
	}
	return c.Metadata == nil || fits(c.Metadata, f)
}

// fits reports whether a file has, for each list of the filter that is not empty, at least one
// of its values.
func fits(q *wire.MetadataFilter, f File) bool {
	m := f.Metadata
	return oneOf(q.AppID, m.ApplicationID) &&
		oneOf(q.ContractID, m.ContractID) &&
		oneOf(q.MIMEType, m.MIMEType) &&
		overlap(q.Reference, m.Reference) &&
		overlap(q.Tags, m.Tags) &&
		(len(q.Accounts) == 0 || slices.ContainsFunc(q.Accounts, func(a wire.AccountFilter) bool {
			return slices.ContainsFunc(m.Accounts,
				func(b wire.DescriptorAccount) bool { return a.AccountID == b.AccountID })
		}))
}

func oneOf[T comparable](want []T, have T) bool { return len(want) == 0 || slices.Contains(want, have) }

func overlap[T comparable](want, have []T) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w T) bool { return slices.Contains(have, w) })
}

// parseLast parses a span of time that ends now: 12h, 3d, 2w, 6m or 1y. It returns a function
// that gives the span's beginning; nil for an empty text, which is no span. Days are those of UTC, so that 2w are as
// long as 14d and 336h on every server.
func parseLast(text string) (func(now time.Time) time.Time, error) {
	if text == "" {
		return nil, nil
	}
	number, unit := text[:len(text)-1], text[len(text)-1]
	count, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || count < 1 || count > 10_000 {
		return nil, errBadLast
	}
	switch unit {
	case 'h':
		return func(now time.Time) time.Time { return now.Add(-time.Duration(count) * time.Hour) }, nil
	case 'd':
		return func(now time.Time) time.Time { return now.UTC().AddDate(0, 0, -count) }, nil
	case 'w':
		return func(now time.Time) time.Time { return now.UTC().AddDate(0, 0, -7*count) }, nil
	case 'm':
		return func(now time.Time) time.Time { return now.UTC().AddDate(0, -count, 0) }, nil
	case 'y':
		return func(now time.Time) time.Time { return now.UTC().AddDate(-count, 0, 0) }, nil
	}
	return nil, errBadLast
}

var errBadLast = errors.New("want a number from 1 to 10000 and a unit: 12h, 3d, 2w, 6m or 1y")
