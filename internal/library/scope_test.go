package library_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// scopeFixture is a library with files of two applications and several days in it.
type scopeFixture struct {
	w      *carreltest.World
	anna   *carreltest.Person
	own    *carreltest.Application // whose contracts read
	other  *carreltest.Contract    // a contract of another application that wrote
	writer *carreltest.Grant
}

// newScopeFixture pushes the files a to f.
//
//	       by     days ago  type        tags       reference    account
//	a      own    40        text/plain  lab        a, report    1
//	b      own    20        text/csv    lab, urgent b           2
//	c      other  9         text/plain  lab        c, report    1
//	d      other  3         image/png              d            1
//	e      own    1         text/plain  urgent     e            1, 2
//	f      own    0         text/plain             f            3
func newScopeFixture(t *testing.T) *scopeFixture {
	w := carreltest.New(t)
	s := &scopeFixture{w: w, anna: w.Person("anna@example.org"), own: w.Application()}
	writer := s.own.Contract(library.Write)
	s.other = w.Application().Contract(library.Write)
	grants := map[bool]*carreltest.Grant{true: s.anna.Allows(writer), false: s.anna.Allows(s.other)}
	s.writer = grants[true]
	for _, f := range []struct {
		own      bool
		wait     int // days until the next
		mime     string
		tags     []string
		refs     []string
		accounts []string
	}{
		{true, 20, "text/plain", []string{"lab"}, []string{"a", "report"}, []string{"1"}},
		{true, 11, "text/csv", []string{"lab", "urgent"}, []string{"b"}, []string{"2"}},
		{false, 6, "text/plain", []string{"lab"}, []string{"c", "report"}, []string{"1"}},
		{false, 2, "image/png", nil, []string{"d"}, []string{"1"}},
		{true, 1, "text/plain", []string{"urgent"}, []string{"e"}, []string{"1", "2"}},
		{true, 0, "text/plain", nil, []string{"f"}, []string{"3"}},
	} {
		accounts := []map[string]string{}
		for _, a := range f.accounts {
			accounts = append(accounts, map[string]string{"accountId": a})
		}
		d := carreltest.Descriptor(t,
			map[string]any{"mimeType": f.mime, "tags": f.tags, "reference": f.refs, "accounts": accounts})
		g := grants[f.own]
		g.Tokens = must(w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh()))))(t)
		must(w.Files.Push(t.Context(), must(g.Bearer())(t), d, strings.NewReader("content")))(t)
		w.Clock.Moves(time.Duration(f.wait) * 24 * time.Hour)
	}
	s.anna.SignsIn()
	return s
}

// sees lists what a contract of the scope sees with a session of the options, in order.
func (s *scopeFixture) sees(t *testing.T, scope library.Scope, options wire.SessionOptions) string {
	t.Helper()
	g := s.anna.Allows(s.own.Contract(library.Read, func(k *library.Contract) { k.Scope = scope }))
	session := must(g.StartsSession(options))(t)
	var names []string
	listed := map[wire.FileName]bool{}
	err := s.w.Files.List(t.Context(), must(g.FindsSession(session))(t), func(e wire.FileEntry) error {
		listed[e.Name] = true
		file, _, err := g.ReadsFile(session, e.Name)
		names = append(names, file.Metadata.Reference[0])
		if e.UpdatedDate != wire.MillisOf(file.CreatedAt) {
			t.Errorf("file %s is listed as of %d", file.Name(), e.UpdatedDate)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := must(s.w.Files.ListForPerson(t.Context(), s.anna.SignedIn(), library.FileFilter{}))(t)
	for _, file := range all.Files { // what is not listed cannot be had by its name either
		if !listed[file.ID] {
			_, _, err := g.ReadsFile(session, file.ID)
			carreltest.Refused(t, "file "+file.Name()+", outside the view", err, library.Unknown("File"))
			_, err = s.w.Files.Find(t.Context(), must(g.FindsSession(session))(t), file.ID)
			carreltest.Refused(t, "metadata of "+file.Name()+", outside the view", err, library.Unknown("File"))
		}
	}
	return strings.Join(names, "")
}

// TestScope: what the contract covers, whatever the session asks.
func TestScope(t *testing.T) {
	t.Parallel()
	s := newScopeFixture(t)
	filter := func(f wire.MetadataFilter) library.Scope { return library.Scope{Raw: true, Filter: &f} }
	for name, test := range map[string]struct {
		scope library.Scope
		want  string
	}{
		"all of it":        {library.Scope{}, "abcdef"},
		"raw files":        {library.Scope{Raw: true}, "abcdef"},
		"mapped data only": {library.Scope{Mapped: true}, ""},
		"its own":          {library.Scope{Raw: true, Own: true}, "abef"},
		"a type":           {filter(wire.MetadataFilter{MIMEType: []string{"text/plain"}}), "acef"},
		"two types": {filter(wire.MetadataFilter{MIMEType: []string{"text/csv", "image/png"}}),
			"bd"},
		"a tag":                  {filter(wire.MetadataFilter{Tags: []string{"urgent"}}), "be"},
		"a tag that nobody used": {filter(wire.MetadataFilter{Tags: []string{"none"}}), ""},
		"part of a tag":          {filter(wire.MetadataFilter{Tags: []string{"urg"}}), ""},
		"a reference":            {filter(wire.MetadataFilter{Reference: []string{"report"}}), "ac"},
		"an account":             {filter(wire.MetadataFilter{Accounts: []wire.AccountFilter{{AccountID: "2"}}}), "be"},
		"an application": {filter(wire.MetadataFilter{AppID: []wire.ApplicationID{s.other.Application.ID}}),
			"cd"},
		"a contract": {filter(wire.MetadataFilter{ContractID: []wire.ContractID{s.writer.Client.Contract.ID}}),
			"abef"},
		"a type and a tag": {filter(wire.MetadataFilter{MIMEType: []string{"text/plain"},
			Tags: []string{"lab"}}), "ac"},
		"its own, of a type, with tag": {library.Scope{Raw: true, Own: true,
			Filter: &wire.MetadataFilter{MIMEType: []string{"text/plain"}, Tags: []string{"lab"}}}, "a"},
		"a filter of nothing": {filter(wire.MetadataFilter{}), "abcdef"},
	} {
		if got := s.sees(t, test.scope, wire.SessionOptions{}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestCriteria: what a session asks for, within the scope: any of its criteria, of
// each everything.
func TestCriteria(t *testing.T) {
	t.Parallel()
	s := newScopeFixture(t)
	ago := func(days int) wire.Seconds { return wire.SecondsOf(s.w.Clock.Now().AddDate(0, 0, -days)) }
	for name, test := range map[string]struct {
		criteria []wire.Criterion
		want     string
	}{
		"none":                   {nil, "abcdef"},
		"one that says nothing":  {[]wire.Criterion{{}}, "abcdef"},
		"since ten days":         {[]wire.Criterion{{From: ago(10)}}, "cdef"},
		"since three days":       {[]wire.Criterion{{From: ago(3)}}, "def"},
		"since tomorrow":         {[]wire.Criterion{{From: ago(-1)}}, ""},
		"the last 3 days":        {[]wire.Criterion{{Last: "3d"}}, "def"},
		"the last 2 weeks":       {[]wire.Criterion{{Last: "2w"}}, "cdef"},
		"the last month":         {[]wire.Criterion{{Last: "1m"}}, "bcdef"},
		"the last year":          {[]wire.Criterion{{Last: "1y"}}, "abcdef"},
		"the last day, in hours": {[]wire.Criterion{{Last: "24h"}}, "ef"},
		"the last hour":          {[]wire.Criterion{{Last: "1h"}}, "f"},
		"with a space":           {[]wire.Criterion{{Last: "3 d"}}, "def"},
		"a type": {
			[]wire.Criterion{{Metadata: &wire.MetadataFilter{MIMEType: []string{"image/png"}}}}, "d",
		},
		"a type, of late": {[]wire.Criterion{{Last: "10d",
			Metadata: &wire.MetadataFilter{MIMEType: []string{"text/plain"}}}}, "cef"},
		"either of two": {[]wire.Criterion{{Last: "1d"},
			{Metadata: &wire.MetadataFilter{Tags: []string{"lab"}}}}, "abcef"},
		"from and last, stricter": {[]wire.Criterion{{From: ago(30), Last: "3d"}}, "def"},
	} {
		options := wire.SessionOptions{Scope: &wire.Scope{Criteria: test.criteria}}
		if got := s.sees(t, library.Scope{Raw: true}, options); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	wide := wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{
		{Metadata: &wire.MetadataFilter{AppID: []wire.ApplicationID{s.other.Application.ID}}}, {Last: "1d"}}}}
	if got := s.sees(t, library.Scope{Raw: true, Own: true}, wide); got != "ef" {
		t.Errorf("criteria beyond the scope see %q, want ef", got)
	}
}

// TestLast: what is no span of time is refused when the session is opened.
func TestLast(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	g := w.Person("anna@example.org").Allows(w.Application().Contract(library.Read))
	for _, last := range []string{"", "1h", "3d", "6m", "1y", "2w", "12h", "10000d"} {
		_, err := g.StartsSession(wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{{Last: last}},
			TimeRanges: []wire.TimeRange{{Last: last}}}})
		if err != nil {
			t.Errorf("%q: %v", last, err)
		}
	}
	const want = ": want a number from 1 to 10000 and a unit: 12h, 3d, 2w, 6m or 1y"
	for _, last := range []string{"d", "3", "0d", "0h", "-3d", "3 days", "3D", "3s", "1.5d", "10001d",
		"9999999999999999999d", "d3", "é", "3é", "\xff", " "} {
		_, err := g.StartsSession(wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{{Last: "1d"},
			{Last: last}}}})
		carreltest.Refused(t, "criterion of "+last, err, library.InvalidParameter("scope.criteria.last"+want))
		_, err = g.StartsSession(wire.SessionOptions{Scope: &wire.Scope{TimeRanges: []wire.TimeRange{{Last: last}}}})
		carreltest.Refused(t, "time range of "+last, err, library.InvalidParameter("scope.timeRanges.last"+want))
	}
}

// TestOwnList is what the person sees: everything, newest first, by pages.
func TestOwnList(t *testing.T) {
	t.Parallel()
	s := newScopeFixture(t)
	list := func(f library.FileFilter) string {
		page := must(s.w.Files.ListForPerson(t.Context(), s.anna.SignedIn(), f))(t)
		var names []string
		for _, file := range page.Files {
			names = append(names, file.Name())
		}
		known := f.Text == "" && len(names) > 0
		if known && (page.To-page.From+1 != len(names) || page.Total < len(names)) || !known && page.Total != 0 {
			t.Errorf("%+v: from %d to %d of %d, %d shown", f, page.From, page.To, page.Total, len(names))
		}
		return strings.Join(names, "")
	}
	for want, f := range map[string]library.FileFilter{
		"fedcba": {}, "dc": {Application: s.other.Application.ID}, "feca": {Text: "PLAIN"}, "eb": {Text: " urgent "},
		"ca": {Text: "repo"}, "": {Text: "nothing"},
		"a": {Text: "report", Application: s.own.ID},
	} {
		if got := list(f); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
	for i := range 40 {
		must(s.refreshed(t).Pushes(string(rune('A'+i%26)), nil))(t)
	}
	var page library.FilePage
	for number, want := range []int{20, 20, 6} {
		f := library.FileFilter{}
		if number > 0 {
			f.From = *page.Older
		}
		if got := list(f); len(got) != want {
			t.Errorf("page %d shows %d", number+1, len(got))
		}
		page = must(s.w.Files.ListForPerson(t.Context(), s.anna.SignedIn(), f))(t)
	}
	if page.Older != nil {
		t.Error("the last page has another")
	}
	if page.From != 41 || page.To != 46 || page.Total != 46 || len(page.Applications) != 2 {
		t.Errorf("page 3: from %d to %d of %d, %d applications", page.From, page.To, page.Total, len(page.Applications))
	}
	if !slices.ContainsFunc(page.Applications, func(a library.Application) bool { return a.ID == s.own.ID }) {
		t.Error("the applications lack the one that wrote most")
	}
}

func (s *scopeFixture) refreshed(t *testing.T) *carreltest.Grant {
	t.Helper()
	g := s.writer
	g.Tokens = must(s.w.Consents.Refresh(t.Context(), g.Requests(carreltest.Refreshing(g.Refresh()))))(t)
	return g
}
