package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// seedStorage adds a storage that the stub issued, unless an earlier exchange has issued it.
func (d *seeder) seedStorage(e *exchange, id string) {
	d.t.Helper()
	if _, err := d.db.GetStorage(d.t.Context(), storage.ID(id)); err == nil {
		return
	}
	d.must(d.db.AddStorage(d.t.Context(), storage.Storage{ID: storage.ID(id), Application: d.rec.Keys.ApplicationID,
		CreatedAt: e.At(), ChangedAt: e.At(), ExpiresAt: e.At().Add(24 * time.Hour)}))
}

// storageOf returns the storage whose handle is in the address of a recorded page; empty if there is none.
func (d *seeder) storageOf(e *exchange) library.StorageID {
	d.t.Helper()
	query, err := url.ParseQuery(e.Request.Query)
	d.must(err)
	for _, o := range d.rec.Issued.Opaque {
		if o.Type == wire.ReferenceStorage && o.ID == query.Get("storageRef") {
			return library.StorageID(o.Value)
		}
	}
	return ""
}

// compareCloud compares the answer of a call of the file storage with the recorded one. Files have other ids.
func compareCloud(t *testing.T, e *exchange, a rawAnswer) {
	t.Helper()
	if a.StatusCode != e.Answer.Status {
		t.Fatalf("status %d, recorded %d: %s", a.StatusCode, e.Answer.Status, a.body)
	}
	recorded, err := e.Answer.Body.bytes()
	if err != nil {
		t.Fatal(err)
	}
	isList := strings.HasSuffix(e.Request.Path, "/")
	switch {
	case e.Answer.Status >= 400:
		var want, got wire.CloudError
		if err := unmarshalBoth(recorded, a.body, &want, &got); err != nil || want != got {
			t.Errorf("error %+v, recorded %+v (%v)", got, want, err)
		}
	case e.Request.Method == http.MethodDelete:
		if reason := a.Status; reason != "204 No Content" || len(a.body) > 0 {
			t.Errorf("status %q, body %q", reason, a.body)
		}
	case e.Request.Method == http.MethodGet && isList:
		if err := sameJSON(recorded, a.body); err != nil {
			t.Error(err)
		}
		var want, got wire.StorageList
		if err := unmarshalBoth(recorded, a.body, &want, &got); err != nil {
			t.Fatal(err)
		}
		for _, list := range []wire.StorageList{want, got} {
			for i := range list.Files {
				list.Files[i].ID = ""
			}
			slices.SortFunc(list.Files, func(a, b wire.StorageEntry) int {
				return strings.Compare(a.Path+a.Name, b.Path+b.Name)
			})
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("list %+v, recorded %+v", got, want)
		}
	case e.Request.Method == http.MethodGet:
		if !bytes.Equal(a.body, recorded) {
			t.Errorf("%d bytes, recorded %d others", len(a.body), len(recorded))
		}
	default:
		if err := sameJSON(recorded, a.body); err != nil {
			t.Error(err)
		}
	}
}

func unmarshalBoth(recorded, answered []byte, want, got any) error {
	if err := json.Unmarshal(recorded, want); err != nil {
		return err
	}
	return json.Unmarshal(answered, got)
}
