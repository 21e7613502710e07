package catalogue_test

import (
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

func TestLists(t *testing.T) {
	t.Parallel()
	c := parse(t, `{"categories":[{"id":1,"name":"Health","reference":"health","title":"Care",`+
		`"logo":"https://x.example/a.png","json":{"a":1}}],"services":[],"sources":[]}`)
	for _, tt := range []struct{ body, categories, countries, platforms string }{
		{``, `{"data":[{"id":1,"categoryTypeId":1,"name":"Health","reference":"health",` +
			`"resource":{"url":"https://x.example/a.png","mimetype":"image/png"},"title":"Care","json":{"a":1}}]}`, "",
			""},
		{`{"query":{"include":["id","name"],"filter":{"id":[1,528,900002]}}}`, `{"data":[{"id":1,"name":"Health"}]}`,
			`{"data":[{"id":528,"name":"Netherlands","code":"nl"}]}`, `{"data":[{"id":900002,"name":"iOS"}]}`},
		{`{"query":{"include":["resource.url","reference"],"filter":{"id":{"id":[1,900002]}}}}`,
			`{"data":[{"id":1,"reference":"health","resource":{"url":"https://x.example/a.png",` +
				`"mimetype":"image/png"}}]}`,
			`{"data":[]}`, `{"data":[{"id":900002,"reference":"ios"}]}`},
		{`{"query":{"filter":{"id":[77]}}}`, `{"data":[]}`, `{"data":[]}`, `{"data":[]}`},
	} {
		q, err := wire.ParseListRequest([]byte(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			want string
			got  any
		}{{tt.categories, c.Categories(q)}, {tt.countries, c.Countries(q)}, {tt.platforms, c.Platforms(q)}} {
			if got := string(marshal(t, one.got)); one.want != "" && got != one.want {
				t.Errorf("%s: %s, want %s", tt.body, got, one.want)
			}
		}
	}
	if got := string(marshal(t,
		c.SourceTypes(wire.ListRequest{}))); got != `{"data":[{"id":1,"name":"pull","reference":"pull"},`+
		`{"id":2,"name":"push","reference":"push"}]}` {
		t.Error(got)
	}
}
