package server_test

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// seedMapped stores the file of mapped objects that an exchange reads as it was then: the stub had fetched it from a
// source. It has the size of the recorded response, and zeros as its content.
func (d *seeder) seedMapped(p *seededPerson, e *exchange) {
	d.t.Helper()
	_, name := e.session()
	metadata, err := wire.ParseFileMetadata(e.Answer.Headers["x-metadata"])
	if name == "" || err != nil || metadata.Mapped == nil {
		return
	}
	// The name has the service, the type and the account: 18_11_1_11_Roggxmo1xTPUtWGH9MFe.json.
	parts := strings.SplitN(strings.TrimSuffix(name, ".json"), "_", 4)
	account := wire.AccountID(parts[3])
	service, err := strconv.Atoi(parts[1])
	d.must(err)
	kind, err := strconv.Atoi(parts[2])
	d.must(err)
	caller, err := wire.ParseClientID(e.claims().ClientID)
	d.must(err)
	source := delivery.Source{ID: 101, Name: metadata.Mapped.ServiceName, ServiceID: service}
	d.seedConnection(p, caller.Contract, account, e.At(), source)

	// A fetch in the future, which the server leaves alone.
	grant, later := p.grants[caller.Contract], e.At().Add(time.Hour)
	step := fetch.Step{Account: account, Lease: "recorded", Now: later}
	item := library.Collected{Account: account, Key: name, Service: service, ObjectType: kind, Mapped: metadata.Mapped}
	if !d.files[wire.FileName(name)] {
		d.must(d.db.RequestFetch(d.t.Context(), fetch.Fetch{Account: account, Library: p.library.ID,
			Application: d.rec.Keys.ApplicationID, Contract: caller.Contract, Grant: grant, CreatedAt: later}))
		_, err := d.db.ClaimFetches(d.t.Context(), step.Lease, later, later.Add(24*time.Hour), 100, 100)
		d.must(err)
		// The recorded name, of which the next version is stored at once.
		before := library.File{ID: wire.FileName(name), Library: p.library.ID, Application: d.rec.Keys.ApplicationID,
			Contract: caller.Contract, Collected: &item, MetadataJSON: "{}"}
		d.must(d.db.StoreItem(d.t.Context(), step, &library.CollectedFile{File: before, Grant: grant, IsNew: true,
			Content: library.Content{Format: library.FormatInline, Key: seal.Sealed{1}}, Fingerprint: []byte{},
			Binding: []byte{}}))
		d.files[wire.FileName(name)] = true
	}
	owner, err := d.collector.Grant(d.t.Context(), grant)
	d.must(err)
	modified, err := time.Parse(time.RFC1123, e.Answer.Headers["last-modified"])
	d.must(err)
	length, err := strconv.Atoi(e.Answer.Headers["content-length"])
	d.must(err)
	d.clock.StopsAt(modified.Add(600 * time.Millisecond))
	file, err := d.collector.Seal(d.t.Context(), owner, item, wire.RawMetadata{MIMEType: "application/json"},
		bytes.NewReader(make([]byte, length-wire.MinEnvelope)))
	d.clock.StopsAt(e.At())
	d.must(err)
	if file != nil { // otherwise it is as it was
		step.Now = step.Now.Add(time.Second)
		d.must(d.db.StoreItem(d.t.Context(), step, file))
	}
}
