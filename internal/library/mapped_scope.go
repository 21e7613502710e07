package library

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A session reads the files from sources that both its contract's scope and its own include. Of each, a file must be of
// one of the types and within one of the periods; a scope that names none includes all.

// includesCollected reports whether the session may read a file that was fetched from a source.
func (s sessionScope) includesCollected(f File) bool {
	c := f.Collected
	return s.contract.Mapped && c != nil &&
		hasType(s.contract.ServiceGroups, *c) && hasType(s.mapped.ServiceGroups, *c) &&
		inPeriods(s.contract.TimeRanges, *c, s.now) && inPeriods(s.mapped.TimeRanges, *c, s.now)
}

// CoversService reports whether a scope of groups has anything of a service: one of the types of its objects or,
// without types, whatever the scope names of the service.
func CoversService(groups []wire.ServiceGroup, group, service int, objectTypes []int) bool {
	if len(objectTypes) > 0 {
		return slices.ContainsFunc(objectTypes, func(id int) bool {
			return hasType(groups, Collected{Group: group, Service: service, ObjectType: id})
		})
	}
	return len(groups) == 0 || slices.ContainsFunc(groups, func(g wire.ServiceGroup) bool {
		return g.ID == group && (len(g.ServiceTypes) == 0 ||
			slices.ContainsFunc(g.ServiceTypes, func(t wire.ServiceType) bool { return t.ID == service }))
	})
}

func hasType(groups []wire.ServiceGroup, c Collected) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, func(g wire.ServiceGroup) bool {
		return g.ID == c.Group && (len(g.ServiceTypes) == 0 ||
			slices.ContainsFunc(g.ServiceTypes, func(t wire.ServiceType) bool {
				return t.ID == c.Service && (len(t.ServiceObjectTypes) == 0 ||
					slices.Contains(t.ServiceObjectTypes, wire.ServiceObjectType{ID: c.ObjectType}))
			}))
	})
}

func inPeriods(ranges []wire.TimeRange, c Collected, now time.Time) bool {
	return len(ranges) == 0 || c.To == 0 || slices.ContainsFunc(ranges, func(r wire.TimeRange) bool {
		from, until := bounds(r, now)
		return !c.To.Time().Before(from) && (until.IsZero() || !c.From.Time().After(until))
	})
}

// bounds returns the bounds of a period; zero where it has none. A period that is malformed is empty: the contract's
// may have been written by somebody else.
func bounds(r wire.TimeRange, now time.Time) (from, until time.Time) {
	if r.From != 0 {
		from = r.From.Time()
	}
	if r.To != 0 {
		until = r.To.Time()
	}
	since, err := parseLast(r.Last)
	if err != nil {
		return now.AddDate(1000, 0, 0), now
	}
	if since != nil && since(now).After(from) {
		from = since(now)
	}
	return from, until
}

// maxSelections is how many types are listed one by one. A scope with more is compared with all files.
const maxSelections = 100

// selections are the types that the scope names, without duplicates; nil if all files have to be compared.
func (s sessionScope) selections() []CollectedFilter {
	groups := s.mapped.ServiceGroups
	if len(groups) == 0 {
		groups = s.contract.ServiceGroups
	}
	var list []CollectedFilter
	for _, g := range groups {
		for _, t := range g.ServiceTypes {
			for _, o := range t.ServiceObjectTypes {
				filter := CollectedFilter{Service: t.ID, ObjectType: o.ID}
				if filter != (CollectedFilter{}) && !slices.Contains(list, filter) {
					list = append(list, filter)
				}
			}
			if len(t.ServiceObjectTypes) == 0 || len(list) > maxSelections {
				return nil
			}
		}
		if len(g.ServiceTypes) == 0 {
			return nil
		}
	}
	return list
}

// period returns the bounds of all periods that the session asks for, or else its contract allows.
func (s sessionScope) period() (from, until time.Time) {
	ranges := s.mapped.TimeRanges
	if len(ranges) == 0 {
		ranges = s.contract.TimeRanges
	}
	for i, r := range ranges {
		f, u := bounds(r, s.now)
		if i == 0 || f.Before(from) {
			from = f
		}
		if i == 0 || u.IsZero() || !until.IsZero() && u.After(until) {
			until = u
		}
	}
	return from, until
}

// collectedPage is how many files from sources are read from the store at a time. Each is decoded to be compared with
// the scope, and a client that waits for a fetch lists them again and again.
const collectedPage = 200

// listCollected calls yield with each file from a source that the session may read: type by type if the scope names
// types, and each in the order of the end of its contents, those without a time last. The store finds them by type and
// time, so that the rest of the library costs nothing.
func (f *Files) listCollected(
	ctx context.Context, id ID, s sessionScope, yield func(wire.FileEntry) error,
) error {
	if !s.contract.Mapped {
		return nil
	}
	selections := s.selections()
	if selections == nil {
		selections = []CollectedFilter{{}}
	}
	from, until := s.period()
	for _, filter := range selections {
		filter.Until = until
		at := CollectedCursor{To: from}
		for {
			files, cursors, err := f.store.ListCollected(ctx, id, filter, at, collectedPage)
			if err != nil {
				return fmt.Errorf("list files from sources: %w", err)
			}
			for _, file := range files {
				if file = file.Decoded(); !file.IsCollected() || !s.includesCollected(file) {
					continue
				}
				if err := yield(collectedEntry(file)); err != nil {
					return err
				}
			}
			if len(files) < collectedPage {
				break
			}
			at = cursors[len(cursors)-1]
		}
	}
	return nil
}

func collectedEntry(f File) wire.FileEntry {
	entry := wire.FileEntry{Name: f.ID, UpdatedDate: wire.MillisOf(f.CreatedAt)}
	if m := f.Collected.Mapped; m != nil {
		entry.Schema, entry.ServiceGroup, entry.ServiceName = &m.Schema, m.ServiceGroup, m.ServiceName
		entry.ObjectType, entry.ObjectCount = m.ObjectType, m.ObjectCount
	}
	return entry
}
