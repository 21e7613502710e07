package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/library"
)

// scopeFlags bound what a contract reads from the services that people connect.
type scopeFlags struct {
	Services      []string `help:"Read only these data of services: GROUP, GROUP/SERVICE or GROUP/SERVICE/OBJECT, by their ids; repeat for more. \"all\" takes the bound away." placeholder:"IDS" sep:"none"`
	Period        []string `help:"Read only files of services that reach into this time: FROM..TO, FROM.. or ..TO, as in 2024-01-31, or the last 12h, 3d, 2w, 6m or 1y; repeat for more. \"all\" takes the bound away." placeholder:"TIME" sep:"none"`
	CollectedOnly *bool    `help:"Read only data of services, and nothing that applications have pushed." negatable:""`
	Catalogue     string   `help:"JSON file of the server's catalogue, to warn of ids in --services that it does not have. Default: the built-in one." env:"CARREL_CATALOGUE" type:"path"`
}

// noBound is the value of a flag that takes a bound away.
const noBound = "all"

// given reports whether any flag is.
func (f scopeFlags) given() bool {
	return f.Services != nil || f.Period != nil || f.CollectedOnly != nil
}

// apply changes the scope of a contract that reads.
func (f scopeFlags) apply(k *library.Contract) error {
	if !f.given() {
		return nil
	}
	if k.Access != library.Read {
		return errors.New("--services, --period and --collected-only are for a contract that reads")
	}
	if f.CollectedOnly != nil {
		k.Scope.Raw = !*f.CollectedOnly
		if *f.CollectedOnly && k.Scope.Own {
			return errors.New("--own and --collected-only exclude each other")
		}
	}
	if !k.Scope.Mapped {
		return errors.New("the contract reads nothing from services: --own excludes --services, --period and " +
			"--collected-only")
	}
	var err error
	if f.Services != nil {
		if k.Scope.ServiceGroups, err = parseServices(f.Services); err != nil {
			return err
		}
	}
	if f.Period != nil {
		k.Scope.TimeRanges, err = parsePeriods(f.Period)
	}
	return err
}

// checkServices returns warnings of what --services names and the catalogue does not have: nothing of it can be read.
// That may be meant, if the server has another catalogue, or gets one later.
func (f scopeFlags) checkServices(scope library.Scope) (warnings []string, err error) {
	if f.Services == nil {
		return nil, nil
	}
	known, err := catalogue.Load(f.Catalogue, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("--catalogue: %w", err)
	}
	where := cmp.Or(f.Catalogue, "the built-in catalogue")
	warn := func(format string, args ...any) {
		warnings = append(warnings, where+" has "+fmt.Sprintf(format, args...)+": the contract reads nothing of it, "+
			"unless the server has another catalogue. docs/catalogue.md has the ids")
	}
	for _, g := range scope.ServiceGroups {
		if known.ServiceGroupName(g.ID) == "" {
			warn("no service group %d", g.ID)
			continue
		}
		for _, t := range g.ServiceTypes {
			switch group := known.GroupOfService(t.ID); group {
			case g.ID:
			case 0:
				warn("no service %d", t.ID)
			default:
				warn("service %d in group %d and not in group %d", t.ID, group, g.ID)
			}
		}
	}
	return warnings, nil
}

// printWarnings prints warnings to the standard error.
func printWarnings(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "carrel: warning: "+w)
	}
}

// parseServices parses groups, services and types of objects. Who names a whole group or service gets all of it.
func parseServices(list []string) (groups []wire.ServiceGroup, err error) {
	if slices.Equal(list, []string{noBound}) {
		return nil, nil
	}
	for _, text := range list {
		var ids []int
		for _, part := range strings.Split(text, "/") {
			id, err := strconv.Atoi(part)
			if err != nil || id <= 0 || len(ids) == 3 {
				return nil, fmt.Errorf("--services %s: want GROUP, GROUP/SERVICE or GROUP/SERVICE/OBJECT, each the "+
					"number of one, such as 5/19/406", text)
			}
			ids = append(ids, id)
		}
		groups = addServices(groups, ids)
	}
	return groups, nil
}

// addServices adds a group, a service or a type of objects.
func addServices(groups []wire.ServiceGroup, ids []int) []wire.ServiceGroup {
	i := slices.IndexFunc(groups, func(g wire.ServiceGroup) bool { return g.ID == ids[0] })
	isNew := i < 0
	if isNew {
		groups, i = append(groups, wire.ServiceGroup{ID: ids[0]}), len(groups)
	}
	g := &groups[i]
	switch {
	case len(ids) == 1:
		g.ServiceTypes = nil
		return groups
	case !isNew && len(g.ServiceTypes) == 0:
		return groups // it has all of the group
	}
	j := slices.IndexFunc(g.ServiceTypes, func(t wire.ServiceType) bool { return t.ID == ids[1] })
	isNew = j < 0
	if isNew {
		g.ServiceTypes, j = append(g.ServiceTypes, wire.ServiceType{ID: ids[1]}), len(g.ServiceTypes)
	}
	t := &g.ServiceTypes[j]
	switch {
	case len(ids) == 2:
		t.ServiceObjectTypes = nil
	case isNew || len(t.ServiceObjectTypes) > 0:
		if o := (wire.ServiceObjectType{ID: ids[2]}); !slices.Contains(t.ServiceObjectTypes, o) {
			t.ServiceObjectTypes = append(t.ServiceObjectTypes, o)
		}
	}
	return groups
}

// parsePeriods parses spans of time. Their days are those of UTC.
func parsePeriods(list []string) (ranges []wire.TimeRange, err error) {
	if slices.Equal(list, []string{noBound}) {
		return nil, nil
	}
	for _, text := range list {
		from, to, isSpan := strings.Cut(text, "..")
		if !isSpan {
			ranges = append(ranges, wire.TimeRange{Last: text}) // which the contract's own check parses
			continue
		}
		r := wire.TimeRange{}
		if from != "" {
			day, err := parseDay("--period", from, time.UTC)
			if err != nil {
				return nil, err
			}
			r.From = wire.Seconds(day.Unix())
		}
		if to != "" {
			day, err := parseDay("--period", to, time.UTC)
			if err != nil {
				return nil, err
			}
			r.To = wire.Seconds(day.AddDate(0, 0, 1).Unix() - 1) // the whole day
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// servicesText is what the flag --services would be for a scope; empty without a bound.
func servicesText(s library.Scope) string {
	var parts []string
	for _, g := range s.ServiceGroups {
		if len(g.ServiceTypes) == 0 {
			parts = append(parts, strconv.Itoa(g.ID))
		}
		for _, t := range g.ServiceTypes {
			if len(t.ServiceObjectTypes) == 0 {
				parts = append(parts, fmt.Sprintf("%d/%d", g.ID, t.ID))
			}
			for _, o := range t.ServiceObjectTypes {
				parts = append(parts, fmt.Sprintf("%d/%d/%d", g.ID, t.ID, o.ID))
			}
		}
	}
	return strings.Join(parts, " ")
}

// periodText is what the flag --period would be for a scope; empty without a bound.
func periodText(s library.Scope) string {
	var parts []string
	day := func(at wire.Seconds) string {
		if at == 0 {
			return ""
		}
		return at.Time().Format(time.DateOnly)
	}
	for _, r := range s.TimeRanges {
		if r.Last != "" {
			parts = append(parts, r.Last)
		} else {
			parts = append(parts, day(r.From)+".."+day(r.To))
		}
	}
	return strings.Join(parts, " ")
}
