package simulator

import (
	"net/http"
	"strings"
	"testing"
)

// A resource is returned with its id, and can be read.
func TestCreateAndRead(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	got := c.send(http.MethodPost, "/Observation", pressure("run"))
	made, err := decodeObject(got.body)
	if err != nil || got.status != http.StatusCreated || got.header.Get("ETag") != `W/"1"` {
		t.Fatalf("%d %v %s", got.status, err, got.body)
	}
	base := n.service("huisartslinde", "53").ResourceURL
	at := "/Observation/" + stringField(made, "id")
	if want := base + at + "/_history/1"; got.header.Get("Location") != want {
		t.Errorf("at %q, want %q", got.header.Get("Location"), want)
	}
	read := c.send(http.MethodGet, at, nil)
	if read.status != http.StatusOK || strings.TrimSpace(string(read.body)) != strings.TrimSpace(string(got.body)) {
		t.Errorf("%d, %s, want %s", read.status, read.body, got.body)
	}
	put := c.send(http.MethodPut, at, made)
	if put.status != http.StatusOK || put.header.Get("ETag") != `W/"2"` {
		t.Errorf("put: %d %s", put.status, put.header.Get("ETag"))
	}
	r := c.request(http.MethodPost, "/Observation", pressure("run"))
	r.Header.Set("Prefer", "return=minimal")
	if got := n.mustRespond(n.do(r)); got.status != http.StatusCreated || len(got.body) != 0 ||
		got.header.Get("Location") == "" {
		t.Errorf("minimal: %d %q", got.status, got.body)
	}
	n.assertViolation("headers")
	if got := n.connect("rivierenland", "53").send(http.MethodGet, at, nil); got.status != http.StatusNotFound {
		t.Errorf("at another provider: %d", got.status)
	}
}
