package simulator

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
)

func TestListFailures(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, tt := range []struct {
		failure ListFailure
		status  int // 0: no response
		holds   string
	}{
		{ListOK, 200, "<Tijdstempel>"},
		{ListInvalid, 200, "<Tijdstip>"},
		{ListWrongNamespace, 200, "/release92/"},
		{ListNotXML, 200, "<!doctype html>"},
		{ListTruncated, 200, "<Tijdstempel>"},
		{ListUnreachable, 0, ""},
		{ListNotFound, 404, ""},
		{ListServerError, 500, ""},
		{ListRedirect, 302, ""},
	} {
		n.s.Lists.SetFailure(ListProviders, tt.failure)
		r, err := http.NewRequest(http.MethodGet, listURL(n, ListProviders), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.do(r)
		if got.status != tt.status || (err != nil) != (tt.status == 0) ||
			!strings.Contains(string(got.body), tt.holds) {
			t.Errorf("%s: %d, %v, %s", tt.failure, got.status, err, got.body)
		}
		if tt.failure == ListTruncated && xml.Unmarshal(got.body, new(zalDocument)) == nil {
			t.Error("the truncated list is well-formed")
		}
	}
	n.assertNoViolations()

	n.s.Lists.SetFailure("", ListOK)
	n.s.Lists.SetFailure(ListProviders, ListOlder)
	var older zalDocument
	decodeXML(t, n.get(listURL(n, ListProviders)).body, &older)
	if older.Volgnummer != n.s.Lists.Number(ListProviders)-1 ||
		older.Zorgaanbieders.Zorgaanbieder[0].Zorgaanbiedernaam != "rivierenland@medmij" {
		t.Errorf("older %+v", older)
	}
	n.s.Lists.SetFailure(ListProviders, ListOK)
	n.s.Lists.SetNumber(ListProviders, 7)
	n.s.Lists.Publish()
	n.s.Lists.SetListed("balanspunt", false)
	var now zalDocument
	decodeXML(t, n.get(listURL(n, ListProviders)).body, &now)
	if now.Volgnummer != 9 || len(now.Zorgaanbieders.Zorgaanbieder) != 3 {
		t.Errorf("now %+v", now)
	}
	if n.s.Lists.Requests(ListProviders) < 10 || n.s.Lists.Requests(ListClients) != 0 {
		t.Error("the requests are not counted")
	}
}

// A client can stop reading an endless list.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	n.s.Lists.SetFailure("", ListEndless)
	if got := n.get(listURL(n, ListProviders)); len(got.body) != 1<<20 {
		t.Errorf("got %d bytes", len(got.body))
	}
}
