package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// ServiceNames has the names of services, of their groups, and of their sources; empty for one that it does not know.
type ServiceNames interface {
	ServiceGroupName(id int) string
	ServiceName(id int) string
	// SourceName is the name of a source in a language. Without an id it is that of a source which has the name in the
	// catalogue's own language: events keep no more than a name.
	SourceName(id int, name, language string) string
}

// groupKeys are the texts for the groups of services that every catalogue has.
var groupKeys = map[int]string{
	1: "group.social", 2: "group.medical", 3: "group.finance", 4: "group.fitness", 5: "group.entertainment",
}

// objectKeys are the texts for the types of objects that have a word of their own.
var objectKeys = map[int]string{
	1: "object.media", 2: "object.post", 7: "object.comment", 10: "object.likes",
	103: "object.prescription", 104: "object.medication", 105: "object.diagnosis", 107: "object.allergy",
	111: "object.measurement", 201: "object.transaction", 300: "object.activity", 301: "object.dailyactivity",
	403: "object.playlist", 406: "object.playhistory", 407: "object.followedartist",
	900401: "object.patient", 900402: "object.laboratoryresult",
}

// isNarrowed reports whether a scope has bounds for what comes from services.
func isNarrowed(s library.Scope) bool { return s.Mapped && len(s.ServiceGroups)+len(s.TimeRanges) > 0 }

// noNames knows no name.
type noNames struct{}

func (noNames) ServiceGroupName(int) string { return "" }
func (noNames) ServiceName(int) string      { return "" }

func (noNames) SourceName(int, string, string) string { return "" }

// SourceName is the name of a source in the language of t, if the catalogue still has the source, and otherwise the
// name that was stored. The id is zero if it was not.
func (u *UI) SourceName(t *Texts, id int, stored string) string {
	return u.Permissions(t).SourceName(id, stored)
}

// SourceName is as [UI.SourceName].
func (p PermissionTexts) SourceName(id int, stored string) string {
	if name := p.names.SourceName(id, stored, p.Code); name != "" {
		return CleanText(name)
	}
	return CleanText(stored)
}

// services describes what a contract's scope has of services, and of which time; the second is empty without a bound.
func (p PermissionTexts) services(s library.Scope) (services, periods string) {
	var parts []string
	for _, g := range s.ServiceGroups {
		parts = append(parts, p.serviceGroup(g)...)
	}
	if len(parts) == 0 {
		parts = []string{p.Text("scope.services")}
	}
	var times []string
	for _, r := range s.TimeRanges {
		times = appendNew(times, p.timeRange(r))
	}
	return strings.Join(parts, "; "), p.list("what.or", times)
}

// serviceGroup describes each service of a group, or the whole group.
func (p PermissionTexts) serviceGroup(g wire.ServiceGroup) (parts []string) {
	for _, s := range g.ServiceTypes {
		service := CleanText(p.names.ServiceName(s.ID))
		if service == "" {
			service = p.Text("scope.service", "id", strconv.Itoa(s.ID))
		}
		var objects []string
		for _, o := range s.ServiceObjectTypes {
			if key, ok := objectKeys[o.ID]; ok {
				objects = appendNew(objects, p.Text(key))
			} else {
				objects = appendNew(objects, p.Text("scope.object", "id", strconv.Itoa(o.ID)))
			}
		}
		if len(objects) == 0 {
			parts = append(parts, p.Text("scope.all_of", "service", service))
			continue
		}
		parts = append(parts, p.Text("scope.of", "objects", p.list("what.and", objects), "service", service))
	}
	if len(parts) > 0 {
		return parts
	}
	group := CleanText(p.names.ServiceGroupName(g.ID))
	if key, ok := groupKeys[g.ID]; ok {
		group = p.Text(key)
	}
	if group == "" {
		group = p.Text("scope.group", "id", strconv.Itoa(g.ID))
	}
	return []string{p.Text("scope.all_of_group", "group", group)}
}

// lastKeys are the texts for spans of time that end now, by their unit.
var lastKeys = map[string]string{
	"h": "scope.last_hours", "d": "scope.last_days", "w": "scope.last_weeks", "m": "scope.last_months",
	"y": "scope.last_years",
}

// timeRange describes a span of time. Its days are those of UTC, as an operator gives them.
func (p PermissionTexts) timeRange(r wire.TimeRange) string {
	if r.Last != "" {
		number, unit := r.Last[:len(r.Last)-1], r.Last[len(r.Last)-1:]
		n, err := strconv.Atoi(strings.TrimSpace(number))
		key, ok := lastKeys[unit]
		if err != nil || !ok {
			return p.Text("scope.no_time") // a contract that somebody else has written
		}
		return p.Count(key, n)
	}
	date := func(at wire.Seconds) string { return Formatter{p.Texts, time.UTC}.Date(at.Time()) }
	switch {
	case r.To == 0:
		return p.Text("scope.since", "from", date(r.From))
	case r.From == 0:
		return p.Text("scope.until", "to", date(r.To))
	}
	return p.Text("scope.from_to", "from", date(r.From), "to", date(r.To))
}

// list joins words to a part of a sentence, by the text that joins two: "posts, photos and comments".
func (t *Texts) list(key string, words []string) string {
	last := len(words) - 1
	switch {
	case last < 0:
		return ""
	case last == 0:
		return words[0]
	}
	return t.Text(key, "first", strings.Join(words[:last], ", "), "last", words[last])
}
