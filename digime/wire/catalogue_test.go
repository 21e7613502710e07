package wire_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

// What a request says is what is read of it, and an empty one says nothing.
func TestSourcesRequest(t *testing.T) {
	full := wire.SourcesRequest{Limit: 5, Offset: 10, Sort: wire.SourceSort{Name: "desc"}, Query: wire.SourceQuery{
		Search:      map[string][]string{"name": {"linde"}, "address.city": {"Utrecht", "Zeist"}},
		QueryString: "huisarts", Include: []string{"id", "service.name"},
		Filter: wire.SourceFilter{
			ID: []int{1, 2}, PublishedStatus: []wire.PublishedStatus{wire.Approved, wire.SampleDataOnly},
			Service: wire.IDFilter{ID: []int{3}}, Country: wire.IDFilter{ID: []int{4}},
			Category: wire.IDFilter{ID: []int{5}}, Platform: wire.IDFilter{ID: []int{6}},
			Type: wire.IDFilter{ID: []int{1, 2}}, SourceID: 7, Reference: []string{"a"}, Alias: []string{"b"},
		},
	}}
	for _, tt := range []struct {
		want wire.SourcesRequest
		text string
	}{
		{full, `{"limit":5,"offset":10,"sort":{"name":"desc"},"query":{` +
			`"search":{"address.city":["Utrecht","Zeist"],"name":["linde"]},"queryString":"huisarts",` +
			`"include":["id","service.name"],"filter":{"id":[1,2],"publishedStatus":["approved","sampledataonly"],` +
			`"service":{"id":[3]},"country":{"id":[4]},"category":{"id":[5]},"platform":{"id":[6]},` +
			`"type":{"id":[1,2]},"sourceId":7,"reference":["a"],"alias":["b"]}}}`},
		{wire.SourcesRequest{}, `{"query":{}}`},
	} {
		text, err := json.Marshal(tt.want)
		if err != nil || string(text) != tt.text {
			t.Errorf("%s, %v, want %s", text, err, tt.text)
		}
		got, err := wire.ParseSourcesRequest(text)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
	}
	if got, err := wire.ParseSourcesRequest(nil); err != nil || !reflect.DeepEqual(got, wire.SourcesRequest{}) {
		t.Errorf("empty: %+v, %v", got, err)
	}
}

func TestListRequest(t *testing.T) {
	want := wire.ListRequest{Query: wire.ListQuery{Include: []string{"id"}, Filter: wire.IDFilter{ID: []int{528}}}}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"query":{"include":["id"],"filter":{"id":[528]}}}` {
		t.Errorf("%s, %v", text, err)
	}
	if got, err := wire.ParseListRequest(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if text, err := json.Marshal(wire.ListRequest{}); err != nil || string(text) != `{}` {
		t.Errorf("%s, %v", text, err)
	}
}

// Answers of digi.me differ over time: older ones have lists of pictures, dates as text.
func TestSourceOfOldAnswers(t *testing.T) {
	for _, tt := range []struct {
		text string
		want wire.Source
	}{
		{`{"id":1,"resource":[{"url":"https://x.example/a","mimetype":"image/png","resize":"crop","type":2},` +
			`{"url":"b"}]}`,
			wire.Source{ID: 1, Resource: wire.Resource{
				URL: "https://x.example/a", MIMEType: "image/png", Resize: "crop", Type: 2,
			}}},
		{`{"id":1,"resource":[]}`, wire.Source{ID: 1}},
		{`{"id":1,"publishedDate":"2023-11-14T22:13:20.000Z"}`, wire.Source{ID: 1, PublishedDate: 1700000000000}},
		{`{"id":1,"publishedDate":1700000000000}`, wire.Source{ID: 1, PublishedDate: 1700000000000}},
		{`{"id":1,"address":{"city":"Utrecht"}}`, wire.Source{ID: 1, Address: wire.Addresses{{City: "Utrecht"}}}},
		{`{"id":1,"address":[{"city":"Utrecht"}],"json":"text","who":"knows"}`,
			wire.Source{ID: 1, Address: wire.Addresses{{City: "Utrecht"}}, JSON: json.RawMessage(`"text"`)}},
	} {
		var got wire.Source
		if err := json.Unmarshal([]byte(tt.text), &got); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v", tt.text, got, err)
		}
	}
	for _, text := range []string{`{"publishedDate":"soon"}`, `{"resource":7}`, `{"address":"Utrecht"}`, `{"id":"1"}`} {
		if err := json.Unmarshal([]byte(text), new(wire.Source)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	if at := wire.PublishedDate(0).Time(); !at.IsZero() {
		t.Errorf("no date is %v", at)
	}
	if at := wire.PublishedDate(1700000000000).Time(); at.Year() != 2023 {
		t.Errorf("%v", at)
	}
}

// A body is refused with a reason, or read as something that reads the same again.
func FuzzParseSourcesRequest(f *testing.F) {
	for _, body := range []string{
		``, `null`, `{}`, `[1]`,
		`{"limit":1,"query":{"filter":{"id":{"id":1},"publishedStatus":[1,"pending"],"sourceId":2,"alias":"a"},` +
			`"search":{"name":"x"}}}`,
		`{"query":{"include":["id"],"filter":{"id":[1]}}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(q any, err error, parse func([]byte) (any, error)) {
			if err != nil {
				var e *wire.Error
				if !errors.As(err, &e) || e.Code != wire.CodeValidationErrors || len(e.Message) > 400 {
					t.Errorf("refused with %v", err)
				}
				return
			}
			text, err := json.Marshal(q)
			if err != nil {
				t.Fatal(err)
			}
			again, err := parse(text)
			if err != nil {
				t.Fatalf("%s is refused: %v", text, err)
			}
			if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
				t.Errorf("%s, then %s, %v", text, second, err)
			}
		}
		q, err := wire.ParseSourcesRequest(body)
		check(q, err, func(b []byte) (any, error) { return wire.ParseSourcesRequest(b) })
		l, err := wire.ParseListRequest(body)
		check(l, err, func(b []byte) (any, error) { return wire.ParseListRequest(b) })
	})
}
