package api_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// boundScope is a contract's scope with bounds: two types of one service, all of another, and a whole group; of three
// years.
var boundScope = library.Scope{
	Raw: true, Mapped: true,
	ServiceGroups: []wire.ServiceGroup{
		{ID: 5, ServiceTypes: []wire.ServiceType{
			{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 406}, {ID: 403}}}, {ID: 20},
		}},
		{ID: 3},
	},
	TimeRanges: []wire.TimeRange{{Last: "3y"}},
}

// The scope of a session lies within that of its contract, in each call that says one.
func TestScopeOutOfBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.Application()
	bound := app.Contract(library.Read, func(k *library.Contract) {
		k.Scope, k.RedirectURIs = boundScope, []string{callback}
	})
	free := app.Contract(library.Read, func(k *library.Contract) { k.RedirectURIs = []string{callback} })
	anna := w.Person()
	grant, unbound := anna.Allows(bound), anna.Allows(free)
	calls := map[string]func(g *carreltest.Grant, scope string) request{
		"authorize": func(g *carreltest.Grant, scope string) request {
			return post("oauth/authorize", w.bearer(g.Contract, authorizing(nil)),
				`{"actions":{"pull":{"scope":`+scope+`}}}`)
		},
		"reference": func(g *carreltest.Grant, scope string) request {
			return post("oauth/token/reference", w.as(g, claims{"redirect_uri": callback}),
				`{"actions":{"pull":{"scope":`+scope+`}}}`)
		},
		"trigger": func(g *carreltest.Grant, scope string) request {
			return post("permission-access/trigger", w.as(g, nil), `{"scope":`+scope+`}`)
		},
	}
	days := func(n int) int64 { return w.Clock.Now().AddDate(0, 0, -n).Unix() }
	for _, tt := range []struct{ scope, beyond string }{
		{`{}`, ""},
		{`{"serviceGroups":[]}`, ""},
		{`{"serviceGroups":[{"id":5,"serviceTypes":[{"id":19,"serviceObjectTypes":[{"id":406}]}]}]}`, ""},
		{`{"serviceGroups":[{"id":5,"serviceTypes":[{"id":20,"serviceObjectTypes":[{"id":1}]}]}]}`, ""},
		{`{"serviceGroups":[{"id":3,"serviceTypes":[{"id":1,"serviceObjectTypes":[{"id":1}]}]}]}`, ""},
		// The inner levels may be left out, as by older clients.
		{`{"serviceGroups":[{"id":5}]}`, ""},
		{`{"serviceGroups":[{"id":5,"serviceTypes":[{"id":19}]}]}`, ""},
		{`{"serviceGroups":[{"id":1}]}`, "service group 1"},
		{`{"serviceGroups":[{"id":3},{"id":1}]}`, "service group 1"},
		{`{"serviceGroups":[{"id":99999}]}`, "service group 99999"},
		{`{"serviceGroups":[{"id":5,"serviceTypes":[{"id":3}]}]}`, "service type 3"},
		{`{"serviceGroups":[{"id":5,"serviceTypes":[{"id":19,"serviceObjectTypes":[{"id":406},{"id":407}]}]}]}`,
			"object type 407 of service type 19"},
		{`{"timeRanges":[{"last":"3y"}]}`, ""},
		{`{"timeRanges":[{"last":"2m"},{"last":"3d"}]}`, ""},
		{fmt.Sprintf(`{"timeRanges":[{"from":%d}]}`, days(100)), ""},
		{fmt.Sprintf(`{"timeRanges":[{"from":%d,"to":%d}]}`, days(100), days(50)), ""},
		{`{"timeRanges":[{"last":"4y"}]}`, "a time range"},
		{`{"timeRanges":[{"last":"3d"},{"last":"4y"}]}`, "a time range"},
		{`{"timeRanges":[{}]}`, "a time range"},
		{fmt.Sprintf(`{"timeRanges":[{"from":%d}]}`, days(1200)), "a time range"},
		{fmt.Sprintf(`{"timeRanges":[{"to":%d}]}`, days(10)), "a time range"},
		{fmt.Sprintf(`{"timeRanges":[{"from":%d,"to":%d}]}`, days(2000), days(1900)), "a time range"},
	} {
		for call, build := range calls {
			t.Run(call+"/"+tt.scope, func(t *testing.T) {
				w.mustSend(t, build(unbound, strings.ReplaceAll(tt.scope, `[{}]`, `[{"last":"9y"}]`)), nil)
				if tt.beyond == "" {
					w.mustSend(t, build(grant, tt.scope), nil)
					return
				}
				w.refuses(t, build(grant, tt.scope), refusal{400, wire.CodeScopeOutOfBounds,
					"The scope goes beyond the contract's: " + tt.beyond})
			})
		}
	}
}

// A contract's period bounds exactly what a session asks for. Only a time that the client has computed may lie beyond
// it, by as much as the clocks of client and server may differ.
func TestPeriodOutOfBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contract := w.Application().Contract(library.Read, func(k *library.Contract) {
		k.Scope = library.Scope{Mapped: true, TimeRanges: []wire.TimeRange{{Last: "2w"}}}
	})
	w.Clock.StopsAt(w.Clock.Now().Truncate(time.Second))
	now := w.Clock.Now()
	since := now.AddDate(0, 0, -14)
	grant := w.Person().Allows(contract)
	for scope, allowed := range map[string]bool{
		`{"last":"2w"}`: true, `{"last":"14d"}`: true, `{"last":"336h"}`: true,
		`{"last":"337h"}`: false, `{"last":"15d"}`: false, `{"last":"3w"}`: false, `{"last":"361h"}`: false,
		fmt.Sprintf(`{"from":%d}`, since.Add(-5*time.Minute).Unix()):             true,
		fmt.Sprintf(`{"from":%d}`, since.Add(-5*time.Minute-time.Second).Unix()): false,
		fmt.Sprintf(`{"from":%d,"last":"15d"}`, since.Unix()):                    true,
		`{"from":1,"last":"337h"}`:                                               false,
	} {
		t.Run(scope, func(t *testing.T) {
			r := post("permission-access/trigger", w.as(grant, nil), `{"scope":{"timeRanges":[`+scope+`]}}`)
			if allowed {
				w.mustSend(t, r, nil)
				return
			}
			w.refuses(t, r, refusal{400, wire.CodeScopeOutOfBounds,
				"The scope goes beyond the contract's: a time range"})
		})
	}
}

// What a session reads is what both scopes allow, whether or not it says one.
func TestContractScopeBoundsFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Spotify's sample data: play history, playlists and artists.
	for name, tt := range map[string]struct {
		contract library.Scope
		session  digime.Scope
		want     []string
		history  int // how many files of play history; zero for any number
	}{
		"no bounds": {
			library.Scope{Mapped: true}, digime.Scope{}, []string{"followedartist", "playhistory", "playlist"}, 3,
		},
		"a type": {
			library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 5, ServiceTypes: []wire.ServiceType{
				{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 406}}},
			}}}},
			digime.Scope{}, []string{"playhistory"}, 0,
		},
		"a type of two": {
			library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 5, ServiceTypes: []wire.ServiceType{
				{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 406}, {ID: 403}}},
			}}}},
			digime.Scope{ServiceGroups: []digime.ServiceGroupScope{{ID: 5, Services: []digime.ServiceScope{
				{ID: 19, ObjectTypes: []digime.ObjectTypeID{403}},
			}}}}, []string{"playlist"}, 0,
		},
		"a group that the session leaves open": {
			library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 5, ServiceTypes: []wire.ServiceType{
				{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 407}}},
			}}}},
			digime.Scope{ServiceGroups: []digime.ServiceGroupScope{{ID: 5}}}, []string{"followedartist"}, 0,
		},
		"another group beside it": {
			library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 1}, {ID: 5,
				ServiceTypes: []wire.ServiceType{{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 403}}}}}}},
			digime.Scope{}, []string{"playlist"}, 0,
		},
		"a period": {
			library.Scope{Mapped: true, TimeRanges: []wire.TimeRange{{Last: "2w"}}}, digime.Scope{},
			[]string{"followedartist", "playhistory", "playlist"}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			contract := w.Application().Contract(library.Read, func(k *library.Contract) { k.Scope = tt.contract })
			sdk, v := contract.SDK(), w.Visitor()
			auth := carreltest.Must(sdk.Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: carreltest.Callback,
				SourceID: 16, SampleDataSet: "default", Session: digime.SessionOptions{Scope: tt.session}}))(t)
			user := sdk.User(carreltest.Must(sdk.Exchange(t.Context(), v.Visits(auth)))(t))
			session := user.ResumeSession(auth.Session)
			var list digime.FileList
			for range 200 {
				list = carreltest.Must(session.ListFiles(t.Context()))(t)
				if list.State == digime.SessionCompleted {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			kinds, history := map[string]bool{}, 0
			for _, f := range list.Files {
				kinds[f.ObjectType] = true
				if f.ObjectType == "playhistory" {
					history++
				}
			}
			var got []string
			for _, kind := range []string{"followedartist", "playhistory", "playlist"} {
				if kinds[kind] {
					got = append(got, kind)
				}
			}
			if list.State != digime.SessionCompleted || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("state %s, files of %v, want %v", list.State, got, tt.want)
			}
			if want := tt.history; want > 0 && history != want { // there is one for each thirty days
				t.Errorf("%d files of play history, want %d", history, want)
			}
		})
	}
}

// A contract that reads tells its application what it may see.
func TestContractTellsItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bound := w.Application().Contract(library.Read, func(k *library.Contract) { k.Scope = boundScope })
	for name, tt := range map[string]struct {
		contract *carreltest.Contract
		want     string
	}{
		"with bounds": {bound, `{"raw":true,"mapped":true,"serviceGroups":[{"id":5,"serviceTypes":[` +
			`{"id":19,"serviceObjectTypes":[{"id":406},{"id":403}]},{"id":20}]},{"id":3}],` +
			`"timeRanges":[{"last":"3y"}]}`},
		"without": {w.read, `{"raw":true,"mapped":true}`},
		"own": {w.Application().Contract(library.Read, func(k *library.Contract) {
			k.Scope = library.Scope{Raw: true, Own: true}
		}), `{"raw":true,"own":true,"mapped":false}`},
		"a contract that writes": {w.write, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct {
				Scope json.RawMessage `json:"scope"`
			}
			w.mustSend(t, get("permission-access/contract", w.bearer(tt.contract, nil)), &got)
			if string(got.Scope) != tt.want {
				t.Errorf("scope %s, want %s", got.Scope, tt.want)
			}
		})
	}
}
