package catalogue_test

import (
	"errors"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
)

// Clients accept every response, and no response is longer than a page.
func FuzzSearch(f *testing.F) {
	b := &fakeLister{}
	c := parse(f, operatorFile, b)
	b.write(linde("53", "Meetwaarden", c.Directory()), linde("57", "Documenten", c.Directory()))
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"limit":1,"offset":1,"sort":{"name":"desc"},` +
			`"query":{"include":["id","service.id"],"filter":{"type":{"id":[1,2]},"publishedStatus":[1,"pending"]}}}`,
		`{"query":{"queryString":"élan 3511 AB","search":{"name":["linde"],"address.zipCode":["3511"]},` +
			`"filter":{"alias":["Linde"],"id":{"id":[2]},"sourceId":1}}}`,
		`{"query":{"search":{"name":[null]}}}`, `{"limit":1e3}`, `{"offset":-1}`, `{"query":{"filter":{"id":[[[]]]}}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := wire.ParseSourcesRequest(body)
		if err != nil {
			refusal := &wire.Error{}
			if !errors.As(err, &refusal) || refusal.Code != wire.CodeValidationErrors {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		a, err := c.Search(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := acceptable(marshal(t, a)); err != nil {
			t.Error(err)
		}
		if len(a.Data) > a.Limit || a.Limit > wire.MaxLimit || len(a.Data) > a.Total {
			t.Errorf("%d sources on a page of %d of %d", len(a.Data), a.Limit, a.Total)
		}
		if _, _, err := c.ListConnectable(catalogue.ConnectQuery{Push: true, Text: q.Query.QueryString}); err != nil {
			t.Error(err)
		}
	})
}

// A file is refused with an error, or clients accept all of its content.
func FuzzFile(f *testing.F) {
	f.Add([]byte(operatorFile))
	f.Add([]byte(`{"categories":[{"id":1,"name":"A","json":{"a":[1]}}],"countries":[{"id":1,"code":"aa",` +
		`"name":"A"}],"platforms":[{"id":1,"name":"A","reference":"a","json":{}}],` +
		`"services":[{"id":1,"name":"A","category":1,"json":{}}],"sources":[{"id":1,"name":"A","service":1,` +
		`"types":["pull"],"logo":"data:image/gif,x","publishedDate":"2026-11-24T01:02:03Z"}]}`))
	f.Add([]byte(`{"sources":[{}],"directory":{"a":{"name":"A"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := catalogue.Parse(text)
		if err != nil {
			return
		}
		a := search(t, c, `{"limit":1000,"query":{"filter":{"publishedStatus":[1,2,3,4,5],"type":{"id":[1,2]}}}}`)
		if err := acceptable(marshal(t, a)); err != nil {
			t.Errorf("%v: %s", err, marshal(t, a))
		}
		for _, s := range a.Data {
			if _, err := c.SampleDataSets(s.ID); err != nil {
				t.Error(err)
			}
		}
		for _, list := range []any{c.Categories(wire.ListRequest{}), c.Countries(wire.ListRequest{}),
			c.Platforms(wire.ListRequest{})} {
			_ = marshal(t, list)
		}
	})
}
