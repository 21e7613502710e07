package library

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// view is what a session sees: what the contract allows and the session asked for.
type view struct {
	scope    Scope
	reader   wire.ApplicationID
	criteria []wire.Criterion
	// narrowed says that the session named criteria: a file must fit one of them.
	narrowed bool
	now      time.Time
}

func (r *ReadSession) view(now time.Time) view {
	v := view{scope: r.Bearer.Client.Contract.Scope, reader: r.Bearer.Client.Application.ID, now: now}
	if s := r.Session.Options.Scope; s != nil {
		v.criteria, v.narrowed = s.Criteria, len(s.Criteria) > 0
	}
	return v
}

// sees reports whether a pushed file lies within the view.
func (v view) sees(f File) bool {
	if !v.scope.Raw || v.scope.Own && f.Application != v.reader {
		return false
	}
	if v.scope.Filter != nil && !fits(v.scope.Filter, f) {
		return false
	}
	return !v.narrowed || slices.ContainsFunc(v.criteria, func(c wire.Criterion) bool { return v.meets(c, f) })
}

func (v view) meets(c wire.Criterion, f File) bool {
	if c.From != 0 && f.CreatedAt.Before(c.From.Time()) {
		return false
	}
	if since, err := parseLast(c.Last); err != nil || since != nil && f.CreatedAt.Before(since(v.now)) {
		return false
	}
	return c.Metadata == nil || fits(c.Metadata, f)
}

// fits reports whether a file has, for each list of the filter that is not empty,
// at least one of its values.
func fits(q *wire.MetadataFilter, f File) bool {
	m := f.Metadata
	return oneOf(q.AppID, m.ApplicationID) &&
		oneOf(q.ContractID, m.ContractID) &&
		oneOf(q.MIMEType, m.MIMEType) &&
		overlap(q.Reference, m.Reference) &&
		overlap(q.Tags, m.Tags) &&
		(len(q.Accounts) == 0 || slices.ContainsFunc(q.Accounts, func(a wire.AccountFilter) bool {
			return slices.ContainsFunc(m.Accounts, func(b wire.DescriptorAccount) bool { return a.AccountID == b.AccountID })
		}))
}

func oneOf[T comparable](want []T, have T) bool { return len(want) == 0 || slices.Contains(want, have) }

func overlap[T comparable](want, have []T) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w T) bool { return slices.Contains(have, w) })
}

// parseLast reads a span like 3d, 6m or 1y (also 2w and 12h) as the time it began.
// Empty text is no span.
func parseLast(s string) (func(now time.Time) time.Time, error) {
	if s == "" {
		return nil, nil
	}
	number, unit := s[:len(s)-1], s[len(s)-1]
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 0 || n > 10_000 {
		return nil, errBadLast
	}
	switch unit {
	case 'h':
		return func(now time.Time) time.Time { return now.Add(-time.Duration(n) * time.Hour) }, nil
	case 'd':
		return func(now time.Time) time.Time { return now.AddDate(0, 0, -n) }, nil
	case 'w':
		return func(now time.Time) time.Time { return now.AddDate(0, 0, -7*n) }, nil
	case 'm':
		return func(now time.Time) time.Time { return now.AddDate(0, -n, 0) }, nil
	case 'y':
		return func(now time.Time) time.Time { return now.AddDate(-n, 0, 0) }, nil
	}
	return nil, errBadLast
}
