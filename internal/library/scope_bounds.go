package library

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A contract bounds what its sessions ask for of services. A session that names no types or no period gets those of
// the contract; one that names more is refused, so that its application learns of it.

// A contract's period moves on with the server's clock, and a client computes From and To by its own, before it sends
// the request. So they may lie beyond the contract's period by the same window as the timestamp of the request does.
// Last is computed by the server's clock alone, and compared exactly. What is read is never more than the contract's
// period.

// checkBounds refuses a scope that goes beyond the contract's. One that leaves out the inner levels of its groups, as
// older clients do, means what the contract allows of them.
func (s Scope) checkBounds(asked *wire.Scope, now time.Time) error {
	if asked == nil || !s.Mapped {
		return nil
	}
	for _, group := range asked.ServiceGroups {
		if err := s.checkGroup(group); err != nil {
			return err
		}
	}
	allowed := periodsOf(s.TimeRanges, now)
	for _, r := range asked.TimeRanges {
		if len(allowed) > 0 && !slices.ContainsFunc(allowed, func(p period) bool { return p.covers(r, now) }) {
			return ScopeOutOfBounds("a time range")
		}
	}
	return nil
}

// checkGroup refuses a group of which the contract does not allow everything that is named.
func (s Scope) checkGroup(asked wire.ServiceGroup) error {
	if len(s.ServiceGroups) == 0 {
		return nil
	}
	var types []wire.ServiceType // that the contract names; nil if it allows the whole group
	found := false
	for _, g := range s.ServiceGroups {
		if g.ID != asked.ID {
			continue
		}
		if len(g.ServiceTypes) == 0 {
			return nil
		}
		found, types = true, append(types, g.ServiceTypes...)
	}
	if !found {
		return ScopeOutOfBounds(fmt.Sprintf("service group %d", asked.ID))
	}
	for _, t := range asked.ServiceTypes {
		if err := checkType(types, t); err != nil {
			return err
		}
	}
	return nil
}

// checkType refuses a service whose objects the allowed ones do not have all.
func checkType(allowed []wire.ServiceType, asked wire.ServiceType) error {
	var objects []wire.ServiceObjectType
	found := false
	for _, t := range allowed {
		if t.ID != asked.ID {
			continue
		}
		if len(t.ServiceObjectTypes) == 0 {
			return nil
		}
		found, objects = true, append(objects, t.ServiceObjectTypes...)
	}
	if !found {
		return ScopeOutOfBounds(fmt.Sprintf("service type %d", asked.ID))
	}
	for _, o := range asked.ServiceObjectTypes {
		if !slices.Contains(objects, o) {
			return ScopeOutOfBounds(fmt.Sprintf("object type %d of service type %d", o.ID, asked.ID))
		}
	}
	return nil
}

// period is a span of time; a zero bound is none.
type period struct{ from, until time.Time }

// periodsOf returns the time ranges as periods that do not touch each other, in their order.
func periodsOf(ranges []wire.TimeRange, now time.Time) []period {
	all := make([]period, 0, len(ranges))
	for _, r := range ranges {
		from, until := bounds(r, now)
		if until.IsZero() || !until.Before(from) {
			all = append(all, period{from, until})
		}
	}
	slices.SortFunc(all, func(a, b period) int { return a.from.Compare(b.from) })
	var merged []period
	for _, p := range all {
		last := len(merged) - 1
		if last < 0 || !merged[last].until.IsZero() && p.from.After(merged[last].until.Add(time.Second)) {
			merged = append(merged, p)
		} else if end := &merged[last].until; p.until.IsZero() || !end.IsZero() && p.until.After(*end) {
			*end = p.until
		}
	}
	return merged
}

// covers reports whether a session's time range lies in the period. One without an end ends now.
func (p period) covers(r wire.TimeRange, now time.Time) bool {
	from, until := bounds(r, now)
	earliest, latest := p.from, p.until
	if r.From != 0 && from.Equal(r.From.Time()) {
		earliest = earliest.Add(-window)
	}
	if until.IsZero() {
		until = now
	} else {
		latest = latest.Add(window)
	}
	return (p.from.IsZero() || !from.Before(earliest)) && (p.until.IsZero() || !until.After(latest))
}

// The limits of a contract's scope.
const (
	maxScopeTypes  = 1000
	maxScopeRanges = 100
)

// check returns an error for the first member of a contract's scope that is not valid.
func (s Scope) check() error {
	if !s.Mapped && len(s.ServiceGroups)+len(s.TimeRanges) > 0 {
		return errors.New("scope: service groups and time ranges are for a contract that reads from services")
	}
	count := 0
	valid := func(what string, id int) error {
		if count++; id <= 0 {
			return fmt.Errorf("scope: %s %d: want a positive number", what, id)
		}
		return nil
	}
	for _, g := range s.ServiceGroups {
		err := valid("service group", g.ID)
		for _, t := range g.ServiceTypes {
			err = cmp.Or(err, valid("service type", t.ID))
			for _, o := range t.ServiceObjectTypes {
				err = cmp.Or(err, valid("object type", o.ID))
			}
		}
		if err != nil {
			return err
		}
	}
	if count > maxScopeTypes || len(s.TimeRanges) > maxScopeRanges {
		return fmt.Errorf("scope: want at most %d groups and types, and %d time ranges", maxScopeTypes, maxScopeRanges)
	}
	for _, r := range s.TimeRanges {
		if r == (wire.TimeRange{}) {
			return errors.New("scope: a time range says no time")
		}
		if _, err := parseLast(r.Last); err != nil {
			return fmt.Errorf("scope: time range %q: %w", r.Last, err)
		}
		if r.To != 0 && r.From > r.To {
			return errors.New("scope: a time range ends before it begins")
		}
	}
	return nil
}
