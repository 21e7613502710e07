package api_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/api"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/openapi"
	"github.com/carrelhq/carrel/internal/server"
)

// notIDs are the parts of requests that name nothing of anybody, or only what is the same for everybody.
var notIDs = strings.Fields(`
	header:FileDescriptor header:redirectUri path:path path:version
	query:format query:from query:includeSampleDataOnlySources query:recursive query:schemaVersion query:to
	claim:aud claim:code_challenge claim:code_challenge_method claim:code_verifier claim:exp claim:grant_type claim:iat
	claim:iv claim:metadata claim:nonce claim:redirect_uri claim:response_mode claim:response_type claim:state
	claim:symmetrical_key claim:timestamp
	body: body:agent.sdk.meta body:agent.sdk.name body:agent.sdk.version body:limit body:offset body:sort.name body:type
	body:query.filter.alias body:query.filter.category body:query.filter.category.id body:query.filter.country
	body:query.filter.country.id body:query.filter.id body:query.filter.id.id body:query.filter.platform
	body:query.filter.platform.id body:query.filter.publishedStatus body:query.filter.reference
	body:query.filter.service body:query.filter.service.id body:query.filter.sourceId body:query.filter.type
	body:query.filter.type.id body:query.include body:query.queryString body:query.search.abbreviation
	body:query.search.address.city body:query.search.address.zipCode body:query.search.alias
	body:query.search.medicalCenter body:query.search.name body:query.search.practitioner
`)

// notIDsOfSession are those in the options of a session, which stand in the bodies of two calls.
var notIDsOfSession = strings.Fields(`
	limits.duration.sourceFetch scope.criteria.from scope.criteria.last scope.criteria.metadata.accounts.username
	scope.criteria.metadata.mimeType scope.criteria.metadata.reference scope.criteria.metadata.tags
	scope.serviceGroups.id scope.serviceGroups.serviceTypes.id
	scope.serviceGroups.serviceTypes.serviceObjectTypes.id scope.timeRanges.from scope.timeRanges.last
	scope.timeRanges.to sourceFetch
`)

// filtersOfSession are the ids in the options of a session. They choose among what the session may read, and are
// compared with nothing else: TestForeignFilters.
var filtersOfSession = strings.Fields(`
	scope.criteria.metadata.accounts.accountId scope.criteria.metadata.appId scope.criteria.metadata.contractId
	sourceFetchFilter.account.id
`)

// foreignID is an id that a caller may not use.
type foreignID struct{ whose, id string }

// idUse is what there is to try with an id: in all calls, or in one call instead.
type idUse struct {
	own     string // that a call succeeds with
	unknown string
	foreign []foreignID
	want    refusal // for the unknown one; all others get the same
}

// foreigners is a world with two people, two applications and three contracts, each of which has something.
type foreigners struct {
	*world
	document *openapi.Document

	keeper *carreltest.Grant // of a person with a storage
	reader *carreltest.Grant // of a person with files
	sender *sender           // of a person with an account at a provider, and a delivery
	older  *olderCaller      // of clients of earlier generations
	// uses has the ids of each name, and usesOf those of the names of a call that differ there.
	uses   map[string]idUse
	usesOf map[string]idUse
	// overdue has an access token of each contract that has expired, which the protocol tells from an unknown one.
	overdue map[*carreltest.Contract]string
}

// expiredIDs are ids that have been valid.
type expiredIDs struct{ session, olderSession, storage, code string }

func newForeigners(t *testing.T) *foreigners {
	t.Helper()
	f := &foreigners{world: newProviderWorld(t, legacy, unswept), document: must(openapi.Parse(docs.OpenAPI))}
	f.Clock.Moves(-25 * time.Hour) // the SDK, by which visitors come, has the clock of the machine
	anna := f.Person()
	reader := anna.Allows(f.read)
	over := expiredIDs{session: f.session(t, reader), olderSession: f.olderSession(t, reader),
		storage: string(f.write.CreatesStorage()), code: anna.Consents(f.write).Code}
	f.overdue = map[*carreltest.Contract]string{f.read: reader.Token(), f.write: anna.Allows(f.write).Token()}
	f.Clock.Moves(25 * time.Hour)

	bram := f.Person()
	readSecond := f.clinic.ContractWithKey(4, library.Read,
		func(k *library.Contract) { k.RedirectURIs = []string{callback} })
	f.reader = anna.Allows(f.read)
	second, foreign, theirs := anna.Allows(readSecond), anna.Allows(f.foreign), bram.Allows(f.read)
	writer, brams := anna.Allows(f.write), bram.Allows(f.write)
	push := func(g *carreltest.Grant) { f.mustSend(t, f.push(g, f.as(g, nil), strings.NewReader("x")), nil) }
	push(writer)
	push(brams)
	session, theirSession := f.session(t, f.reader), f.session(t, theirs)

	f.sender = f.senderOf(t, f.Visitor(), f.write)
	others := map[string]*sender{
		"another person's":      f.senderOf(t, f.Visitor(), f.write),
		"another application's": f.senderOf(t, f.sender.person, f.foreignWrite),
		"another contract's":    f.senderOf(t, f.sender.person, f.second),
	}
	deliveryBy := func(s *sender) string {
		return f.send(t, f.deliver(s.Grant, s.account, weight("x"))).Header.Get(wire.HeaderDelivery)
	}
	var deliveries, accounts []foreignID
	for whose, s := range others {
		deliveries = append(deliveries, foreignID{whose, deliveryBy(s)})
		accounts = append(accounts, foreignID{whose, string(s.account)},
			foreignID{whose + ", that stands for the person", string(f.userAccount(t, s.Grant))})
	}
	// The contracts of an application share its accounts, but only the one that has connected an account sends.
	shared := slices.DeleteFunc(slices.Clone(accounts), func(a foreignID) bool {
		return strings.HasPrefix(a.whose, "another contract's")
	})

	carla := f.Person()
	var own library.StorageID
	f.keeper, own = carla.AllowsStorage(f.write)
	_, foreignStorage := carla.AllowsStorage(f.foreignWrite)
	f.mustSend(t, uploads(f.write, own, "/kept", "x"), nil)
	f.mustSend(t, uploads(f.foreignWrite, foreignStorage, "/kept", "x"), nil)
	storages := []foreignID{{"another application's", string(foreignStorage)}, {"expired", over.storage}}

	stopped := f.Person()
	ended := stopped.Allows(f.write)
	stopped.Stops(ended)
	shut := f.Person()
	closed := shut.Allows(f.write)
	shut.Shuts()
	carlasRead, carlasForeign := carla.Allows(f.read), carla.Allows(f.foreignWrite)
	tokens := []foreignID{{"another contract's", carlasRead.Token()},
		{"another application's", carlasForeign.Token()}, {"stopped", ended.Token()},
		{"of a library that is shut", closed.Token()}, {"a refresh token", f.keeper.Refresh()}}

	fresh, foreignCode := carla.Consents(f.second), carla.Consents(f.foreignWrite)
	f.uses = map[string]idUse{
		"path:session": {session, "nosuchsession", []foreignID{{"another person's", theirSession},
			{"another contract's", f.session(t, second)}, {"another application's", f.session(t, foreign)},
			{"another person's, of an older client", f.olderSession(t, theirs)},
			{"expired", over.session}}, notFound("Session")},
		"path:file": {f.names(t, f.reader, session)[0], "nosuchfile", []foreignID{
			{"another person's", f.names(t, theirs, theirSession)[0]}}, notFound("File")},
		"path:delivery": {deliveryBy(f.sender), "nosuchdelivery", deliveries, notFound("Delivery")},
		// Sources, services and base paths are the same for everybody.
		"path:source":   {"16", "999999", nil, notFound("Source")},
		"path:service":  {"medmij", "nosuchservice", nil, notFound("Service")},
		"path:base":     {"v1.5", "v1.3", nil, notFound("Call")},
		"path:contract": {"readC", "nosuchcontract", f.foreignContracts(t), notFound("Contract")},
		"path:storage":  {string(own), "nosuchstorage", storages, notFound("Storage")},
		"path:application": {"clinic", "nosuchapplication", []foreignID{{"another one", "monitor"}},
			notFound("Storage")},
		"header:accountId":   {string(f.sender.account), "1_nosuchaccount", shared, notFound("Account")},
		"claim:access_token": {"", "nosuchtoken", tokens, invalid(wire.KindAccessToken)},
		"claim:client_id":    {"", "clinic_nosuchcontract", nil, noClient("clinic_nosuchcontract")},
		"claim:sub":          {"clinic", "nosuchapplication", []foreignID{{"another one", "monitor"}}, refusal{}},
		"claim:iss":          {"writeC", "nosuchcontract", []foreignID{{"another one", "secondC"}}, refusal{}},
		"body:value":         {string(own), "nosuchstorage", storages, notFound("Storage")},
	}
	f.uses["claim:code"] = idUse{carla.Consents(f.write).Code, "nosuchcode", []foreignID{
		{"another contract's", fresh.Code}, {"another application's", foreignCode.Code}, {"expired", over.code}},
		invalid(wire.KindAuthorizationCode)}
	f.uses["claim:refresh_token"] = idUse{f.keeper.Refresh(), "nosuchtoken", []foreignID{
		{"another contract's", carlasRead.Refresh()}, {"another application's", carlasForeign.Refresh()},
		{"stopped", ended.Refresh()}, {"of a library that is shut", closed.Refresh()},
		{"an access token", f.keeper.Token()}}, invalid(wire.KindRefreshToken)}
	authorize := f.uses["claim:access_token"]
	authorize.foreign = authorize.foreign[1:] // a token of another contract of the application says who the person is
	readers := f.uses["claim:access_token"]
	readers.foreign = append([]foreignID{{"another contract's", writer.Token()}}, readers.foreign[1:]...)
	f.older = f.newOlderCaller(t)
	f.usesOf = f.olderUses(t, theirs, over)
	maps.Copy(f.usesOf, map[string]idUse{
		"GET /v1.7/permission-access/contract/{contract}/{application} path:application": {"clinic",
			"nosuchapplication", []foreignID{{"another one", "monitor"}}, notFound("Contract")},
		"POST /v1.7/permission-access/import/h:accountId/fhir/{version} header:accountId": {string(f.sender.account),
			"1_nosuchaccount", accounts, notFound("Account")},
		"POST /v1.7/oauth/authorize claim:access_token": authorize,
		"POST /v1.6/oauth/authorize claim:access_token": authorize,
		// A deletion can be repeated, so what is not there is as good as deleted.
		"DELETE /v1.7/permission-access/service/h:accountId header:accountId": {string(f.sender.account),
			"1_nosuchaccount", shared, refusal{status: http.StatusOK, message: `{"deleted":true}`}},
	})
	refresh := f.uses["claim:refresh_token"]
	refresh.own = f.older.Refresh()
	f.usesOf["POST /v1.6/oauth/token claim:refresh_token"] = refresh
	for _, o := range f.document.Operations() {
		if o.Claims != nil && f.caller(o) == f.reader {
			f.usesOf[o.Method+" "+o.Path+" claim:access_token"] = readers
		}
	}
	return f
}

// caller returns whose call it is.
func (f *foreigners) caller(o *openapi.Operation) *carreltest.Grant {
	switch {
	case strings.Contains(o.Path, "/query/"), strings.HasSuffix(o.Path, "/trigger"),
		strings.HasSuffix(o.Path, "/report"):
		return f.reader
	case isOlder(o):
		return f.older.Grant
	case strings.Contains(o.Path, "/deliveries"), strings.Contains(o.Path, "h:accountId"):
		return f.sender.Grant
	}
	return f.keeper
}

// names returns the names of all parts of the requests of a call, in the way of notIDs.
func (f *foreigners) partsOf(o *openapi.Operation) (names []string) {
	for _, p := range o.Parameters {
		names = append(names, p.In+":"+p.Name)
	}
	if o.Claims != nil {
		for _, p := range f.resolve(o.Claims).Properties {
			names = append(names, "claim:"+p.Name)
		}
	}
	if o.RequestBody != nil {
		if m, ok := o.RequestBody.Content.Get("application/json"); ok {
			for _, leaf := range f.leaves(m.Schema, "") {
				names = append(names, "body:"+leaf)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (f *foreigners) resolve(s *openapi.Schema) *openapi.Schema {
	for s.Ref != "" {
		s, _ = f.document.Components.Schemas.Get(s.Name())
	}
	return s
}

// leaves returns the names of all values within a value, with dots between them.
func (f *foreigners) leaves(s *openapi.Schema, name string) (names []string) {
	s = f.resolve(s)
	within := slices.Concat(s.OneOf, s.AnyOf)
	if s.Items != nil {
		within = append(within, s.Items)
	}
	for _, other := range within {
		names = append(names, f.leaves(other, name)...)
	}
	for _, p := range s.Properties {
		names = append(names, f.leaves(p.Value, strings.TrimPrefix(name+"."+p.Name, "."))...)
	}
	if len(within) == 0 && len(s.Properties) == 0 {
		names = append(names, name)
	}
	return names
}

// useOf returns what uses and usesOf have for a part of the requests of a call.
func (f *foreigners) useOf(o *openapi.Operation, part string) (idUse, bool) {
	if use, ok := f.usesOf[o.Method+" "+o.Path+" "+part]; ok {
		return use, true
	}
	use, ok := f.uses[part]
	return use, ok
}

// use returns what there is to try with a part of the requests of a call, and false if it names nothing.
func (f *foreigners) use(t *testing.T, o *openapi.Operation, part string) (idUse, bool) {
	t.Helper()
	if use, ok := f.useOf(o, part); ok {
		return use, true
	}
	option := strings.TrimPrefix(strings.TrimPrefix(part, "body:"), "actions.pull.")
	isOption := slices.Contains(notIDsOfSession, option) || slices.Contains(filtersOfSession, option)
	if !slices.Contains(notIDs, part) && !isOption {
		t.Errorf("%s %s has %s: say in this file whether it is an id, and what a foreign one gets", o.Method, o.Path,
			part)
	}
	return idUse{}, false
}

// request is an honest call, but for the given ids.
func (f *foreigners) request(o *openapi.Operation, ids map[string]string) request {
	caller := f.caller(o)
	id := func(name string) string {
		if given, ok := ids[name]; ok {
			return given
		}
		use, _ := f.useOf(o, name)
		return use.own
	}
	r := request{method: o.Method, path: o.Path, header: http.Header{}}
	for _, p := range o.Parameters {
		switch {
		case p.In == "path" && p.Name == "path":
			r.path = strings.ReplaceAll(r.path, "{path}", "kept")
		case p.In == "path" && p.Name == "version":
			r.path = strings.ReplaceAll(r.path, "{version}", "stu3")
		case p.In == "path":
			r.path = strings.ReplaceAll(r.path, "{"+p.Name+"}", id("path:"+p.Name))
		case p.Name == "accountId":
			r.header.Set(p.Name, id("header:accountId"))
		case p.Name == "redirectUri":
			r.header.Set(p.Name, callback)
		case p.Name == "FileDescriptor":
			r.header.Set(p.Name, f.descriptor(caller.Contract, letter))
		}
	}
	r.bearer = f.bearerOf(o, caller, ids, id)
	switch {
	case o.RequestBody == nil:
	case strings.HasSuffix(o.Path, "/reference") && o.Path != "/v1.7/oauth/token/reference":
		r.body = strings.NewReader(`{"type":"cloudId","value":"` + id("body:value") + `"}`)
	case strings.Contains(o.Path, "/fhir/"):
		r.body = strings.NewReader(weight("x"))
	case strings.HasSuffix(o.Path, "/discovery/sources"):
		r.body = strings.NewReader(`{"query":{},"limit":1,"offset":0}`)
	case strings.Contains(o.Path, "/postbox/"):
		f.older.form(&r)
	case strings.HasSuffix(o.Path, "/permission-access/session"):
		r.body = strings.NewReader(`{"appId":"` + id("body:appId") + `","contractId":"` + id("body:contractId") + `"}`)
	case strings.Contains(o.Path, "/import"), strings.HasPrefix(o.Path, api.CloudBase):
		r.body = io.MultiReader(strings.NewReader("content"))
	default:
		r.body = strings.NewReader("{}")
	}
	return r
}

// bearerOf returns the token of a call.
func (f *foreigners) bearerOf(
	o *openapi.Operation, caller *carreltest.Grant, ids map[string]string, id func(string) string,
) string {
	if o.Claims == nil {
		return ""
	}
	has := func(name string) bool { _, ok := f.resolve(o.Claims).Properties.Get(name); return ok }
	if has("aud") {
		return caller.Contract.SignsCloud(func(c *wire.CloudClaims) {
			c.Subject, c.Issuer = wire.ApplicationID(id("claim:sub")), wire.ContractID(id("claim:iss"))
		})
	}
	all := claims{}
	if client := ids["claim:client_id"]; client != "" {
		all["client_id"] = client
	}
	if has("access_token") {
		all["access_token"] = caller.Token()
		if token, ok := ids["claim:access_token"]; ok {
			all["access_token"] = token
		}
	}
	switch {
	case has("symmetrical_key"):
		maps.Copy(all, f.older.parcel.claims)
	case has("grant_type") && ids["claim:code"] != "":
		maps.Copy(all, claims{"grant_type": "authorization_code", "code": ids["claim:code"],
			"code_verifier": carreltest.Verifier})
	case has("grant_type"):
		maps.Copy(all, claims{"grant_type": "refresh_token", "refresh_token": id("claim:refresh_token")})
	case has("response_type"):
		all = authorizing(all)
	case has("redirect_uri"):
		all["redirect_uri"] = callback
	}
	return f.bearer(caller.Contract, all)
}

// seen is all of an answer that a caller can compare with another one.
func (f *foreigners) seen(a answer) string {
	h := a.Header.Clone()
	reference := h.Get("X-Error-Reference")
	for _, name := range []string{"Date", "X-Error-Reference"} {
		h.Del(name)
	}
	text := a.Status + "\n"
	for _, name := range slices.Sorted(maps.Keys(h)) {
		text += name + ": " + strings.Join(h[name], ", ") + "\n"
	}
	body := string(a.body)
	if reference != "" {
		body = strings.ReplaceAll(body, reference, "REFERENCE")
	}
	return text + body
}

// TestForeignIDs makes every call of the protocol with every id that it takes, once each of those that are another
// person's, another application's, another contract's where the thing is a contract's, expired or unknown. All get the
// same refusal, byte for byte, and change nothing. The calls and their ids are those of docs/openapi.json and of the
// routes, so that a new one without its ids here fails. In the end each call succeeds with the ids that are its own.
func TestForeignIDs(t *testing.T) {
	t.Parallel()
	f := newForeigners(t)
	described := map[string]bool{}
	tried := map[string]int{}
	triedOf := map[string]bool{}
	for _, o := range f.document.Operations() {
		described[o.Method+" "+o.Path] = true
		for _, part := range f.partsOf(o) {
			use, isID := f.use(t, o, part)
			if !isID {
				continue
			}
			triedOf[o.Method+" "+o.Path+" "+part] = true
			unknown := f.refusedWith(t, o, part, foreignID{"unknown", use.unknown}, use.want, "")
			tried[part]++
			for _, foreign := range use.foreign {
				f.refusedWith(t, o, part, foreign, use.want, unknown)
				tried[part]++
			}
			if part == "claim:access_token" && !strings.HasSuffix(o.Path, "/authorize") { // that takes one
				want := expired(wire.KindAccessToken)
				if strings.Contains(o.Path, "/postbox/") {
					want = pending
				}
				f.refusedWith(t, o, part, foreignID{"expired", f.overdue[f.caller(o).Contract]}, want, "")
			}
		}
	}
	for _, name := range api.RegisteredRoutes(t) {
		if !described[name] {
			t.Errorf("%s is not in docs/openapi.json, and was not tried", name)
		}
	}
	for part := range f.uses {
		if tried[part] == 0 {
			t.Errorf("no call takes %s any more", part)
		}
	}
	for name := range f.usesOf {
		if !triedOf[name] {
			t.Errorf("there is no %s any more", name)
		}
	}
	f.succeed(t)
	t.Logf("tried %v", tried)
}

// unswept leaves what has expired where it is.
func unswept(c *server.Config) { c.SweepInterval = time.Hour }

// refusedWith makes a call with a foreign id, and returns what its caller sees, which must be the same as for an
// unknown one.
func (f *foreigners) refusedWith(
	t *testing.T, o *openapi.Operation, part string, foreign foreignID, want refusal, unknown string,
) string {
	t.Helper()
	what := o.Method + " " + o.Path + ", " + part + " " + foreign.whose
	t.Log(what)
	var got answer
	f.Unchanged(what, func() {
		got = f.send(t, f.request(o, map[string]string{part: foreign.id}))
	}, "token_revocations")
	seen := f.seen(got)
	if unknown != "" && seen != unknown {
		t.Errorf("%s:\n%s\nunknown:\n%s", what, seen, unknown)
	}
	if unknown == "" {
		switch {
		case want.status == http.StatusOK:
			if got.StatusCode != want.status || !strings.HasPrefix(string(got.body), want.message) {
				t.Errorf("%s: %d %s", what, got.StatusCode, got.body)
			}
		case strings.HasPrefix(o.Path, api.CloudBase) && want.status == 0:
			f.refusedCloud(t, got, unauthorized(": kid"))
		case strings.HasPrefix(o.Path, api.CloudBase):
			f.refusedCloud(t, got, cloudRefusal(want))
		default:
			f.refused(t, got, want)
		}
	}
	return seen
}

// succeed makes each call with its own ids: first those that delete nothing.
func (f *foreigners) succeed(t *testing.T) {
	t.Helper()
	order := f.document.Operations()
	rank := func(o *openapi.Operation) int {
		switch {
		case o.Method == http.MethodDelete && strings.HasSuffix(o.Path, "/user"):
			return 3
		case o.Method == http.MethodDelete:
			return 2
		case o.Method == http.MethodPost:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b *openapi.Operation) int { return rank(a) - rank(b) })
	for _, o := range order {
		if a := f.send(t, f.request(o, nil)); a.StatusCode/100 != 2 {
			t.Errorf("%s %s with its own ids: %d %s", o.Method, o.Path, a.StatusCode, a.body)
		}
	}
}

// TestForeignFilters starts sessions whose options name accounts, applications and contracts of others. They show what
// they show with an id that is unknown, and fetch nothing for anybody.
func TestForeignFilters(t *testing.T) {
	t.Parallel()
	f := newForeigners(t)
	bram := f.Person()
	brams := bram.Allows(f.foreignWrite)
	f.mustSend(t, f.push(brams, f.as(brams, nil), strings.NewReader("bram's")), nil)
	account := string(f.userAccount(t, brams))
	list := func(base, options string) string {
		t.Helper()
		var opened wire.TriggerAnswer
		f.mustSend(t, post(base+"permission-access/trigger", f.as(f.reader, nil), options), &opened)
		r := get(base+"permission-access/query/"+opened.Session.Key, "")
		if base != api.OlderBase {
			r.bearer = f.as(f.reader, nil)
		}
		return string(f.mustSend(t, r, nil).body)
	}
	criterion := func(metadata string) string {
		return `{"scope":{"criteria":[{"metadata":{` + metadata + `}}]}}`
	}
	for name, build := range map[string]func(id string) string{
		"scope.criteria.metadata.accounts.accountId": func(id string) string {
			return criterion(`"accounts":[{"accountId":"` + id + `"}]`)
		},
		"scope.criteria.metadata.appId": func(id string) string { return criterion(`"appId":["` + id + `"]`) },
		"scope.criteria.metadata.contractId": func(id string) string {
			return criterion(`"contractId":["` + id + `"]`)
		},
		"sourceFetchFilter.account.id": func(id string) string {
			return `{"sourceFetchFilter":{"account":{"id":["` + id + `"]}}}`
		},
	} {
		if !slices.Contains(filtersOfSession, name) {
			t.Errorf("%s is no filter", name)
		}
		foreign := map[string]string{"scope.criteria.metadata.appId": "monitor",
			"scope.criteria.metadata.contractId": "writeM"}[name]
		if foreign == "" {
			foreign = account
		}
		for _, base := range []string{api.Base, api.OlderBase} {
			if got, want := list(base, build(foreign)), list(base, build("nosuchid")); got != want {
				t.Errorf("%s%s: %s, with an unknown one %s", base, name, got, want)
			}
		}
	}
	if n := f.Rows("fetches"); n != 0 {
		t.Errorf("%d fetches", n)
	}
}
