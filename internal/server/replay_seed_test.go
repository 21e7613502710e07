package server_test

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// seeder writes the codes, tokens and keys that the stub issued in the recording into the server's database, through a
// store of its own. The recorded requests are signed and contain these values, so they cannot be replaced by those that
// the server would issue.
type seeder struct {
	t   *testing.T
	rec *recording
	db  *store.DB
	// integrity binds what is stored.
	integrity *library.Integrity
	// collector seals what the stub had fetched from sources.
	collector *library.Collector
	clock     *carreltest.Clock

	contracts map[wire.ContractID]library.Contract
	people    map[string]*seededPerson // by their sub in the recording
	requests  map[string]issuedRequest // by code
	owners    map[string]*seededPerson // by access token and by refresh token
	sessions  map[string]*seededPerson // by the key of a session that may be read
	files     map[wire.FileName]bool   // the files that have been added
}

// seededPerson is a person in the recording. Each sub gets a library.
type seededPerson struct {
	library library.Library
	key     seal.PrivateKey
	grants  map[wire.ContractID]library.GrantID
}

func newSeeder(t *testing.T, rec *recording, s *carreltest.World) *seeder {
	t.Helper()
	db := s.OpensStore()
	d := &seeder{
		t:         t,
		rec:       rec,
		db:        db,
		integrity: s.OpensIntegrity(db),
		collector: library.NewCollector(s.Files, s.Consents),
		clock:     s.Clock,
		contracts: map[wire.ContractID]library.Contract{},
		people:    map[string]*seededPerson{},
		requests:  map[string]issuedRequest{},
		owners:    map[string]*seededPerson{},
		sessions:  map[string]*seededPerson{},
		files:     map[wire.FileName]bool{},
	}
	application, err := s.Clients.AddApplication(
		t.Context(),
		library.Application{ID: rec.Keys.ApplicationID, Name: replayed, PartnerID: "stub-partner"},
	)
	d.must(err)
	for _, k := range rec.Keys.Contracts {
		scope := library.Scope{}
		if k.AccessType == wire.AccessRead {
			scope = library.Scope{Raw: true, Mapped: true}
		}
		contract, err := s.Clients.AddContract(
			t.Context(),
			library.Contract{ID: k.ContractID, Application: application.ID,
				Access: library.Access(
					k.AccessType,
				), Scope: scope, PublicKey: k.PublicKey, RedirectURIs: rec.Keys.Callbacks, Purpose: "To be replayed."},
		)
		d.must(err)
		d.contracts[contract.ID] = contract
	}
	return d
}

func (d *seeder) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("seed: %v", err)
	}
}

func (d *seeder) client(contract wire.ContractID) wire.ClientID {
	return wire.ClientID{Application: d.rec.Keys.ApplicationID, Contract: contract}
}

// before adds what the server needs to answer a recorded request: files and connected accounts.
func (d *seeder) before(e *exchange) {
	d.t.Helper()
	if p := d.sessions[first(e.session())]; p != nil {
		d.seedFiles(p, e.At())
		d.seedMapped(p, e)
	}
	if below("permission-access/revoke/")(e) || below("permission-access/import/")(e) && e.Answer.Status/100 == 2 {
		d.seedAccount(e)
	}
}

// seedAccount connects the account that a call names, for the person to whom it belongs in the recording.
func (d *seeder) seedAccount(e *exchange) {
	d.t.Helper()
	name := e.Request.Headers.get("accountid")
	p := d.ownerOf(name)
	if p == nil {
		return
	}
	kind, _, _ := strings.Cut(name, "_")
	source, err := strconv.Atoi(kind)
	d.must(err)
	caller, err := wire.ParseClientID(e.claims().ClientID)
	d.must(err)
	d.seedConnection(p, caller.Contract, wire.AccountID(name), e.At(),
		delivery.Source{ID: source, Name: "Stub Record Receiver", Push: true, Version: fhir.STU3})
}

// seedConnection connects an account at a source for a person's grant, unless it is connected.
func (d *seeder) seedConnection(
	p *seededPerson, contract wire.ContractID, id wire.AccountID, at time.Time, source delivery.Source,
) {
	d.t.Helper()
	if _, err := d.db.GetConnection(d.t.Context(), p.library.ID, id, true); err == nil {
		return
	}
	request := library.AuthRequest{
		Hash:      seal.NewSecret().Hash(),
		Kind:      library.OnboardRequest,
		ClientID:  d.client("any"),
		CreatedAt: at,
		ExpiresAt: at.Add(time.Hour),
	}
	d.must(d.db.AddAuthRequest(d.t.Context(), request, library.Session{}))
	account := delivery.Connection{ID: id, Reference: "recorded", Library: p.library.ID,
		Application: d.rec.Keys.ApplicationID, Source: source, Pending: true, CreatedAt: at, UpdatedAt: at}
	_, err := d.db.Connect(
		d.t.Context(),
		request.Hash,
		"",
		account,
		library.Event{Library: p.library.ID, At: at, Kind: library.EventConnected},
	)
	d.must(err)
	d.must(d.db.CloseAuthRequest(d.t.Context(), request.Hash, at, library.Answer{}, p.grants[contract], nil))
}

// ownerOf returns the person for whom the stub sent something to an account or revoked it, or nil if there is none.
func (d *seeder) ownerOf(account string) *seededPerson {
	for _, e := range d.rec.Exchanges {
		used := below("permission-access/revoke/")(e) || below("permission-access/import/")(e)
		if used && e.Answer.Status/100 == 2 && e.Request.Headers.get("accountid") == account {
			return d.owners[e.claims().AccessToken]
		}
	}
	return nil
}

// seedRevocation adds the request to revoke an account whose URL is in a recorded response.
func (d *seeder) seedRevocation(e *exchange) {
	d.t.Helper()
	body, err := e.Answer.Body.bytes()
	d.must(err)
	var answer wire.RevokeAnswer
	d.must(json.Unmarshal(body, &answer))
	u, err := url.Parse(answer.Location)
	d.must(err)
	id, err := wire.ParseClientID(e.claims().ClientID)
	d.must(err)
	code := seal.SecretOf(u.Query().Get("code"))
	request := library.AuthRequest{
		Hash:        code.Hash(),
		Kind:        library.RevokeRequest,
		ClientID:    id,
		RedirectURI: e.Request.Headers.get("redirecturi"),
		Library:     d.owners[e.claims().AccessToken].library.ID,
		Account:     wire.AccountID(e.Request.Headers.get("accountid")),
		CreatedAt:   e.At(),
		ExpiresAt:   e.At().Add(30 * time.Minute),
	}
	d.integrity.BindRequest(code, &request, library.Session{})
	d.must(d.db.AddAuthRequest(d.t.Context(), request, library.Session{}))
}

// after adds what the stub issued in an exchange.
func (d *seeder) after(e *exchange) {
	d.t.Helper()
	if below("permission-access/revoke/")(e) && e.Answer.Status/100 == 2 {
		d.seedRevocation(e)
	}
	values := &d.rec.Issued
	for _, r := range values.Preauthorizations {
		if r.N == e.N {
			d.seedRequest(e, r, library.AuthorizeRequest)
		}
	}
	for _, r := range values.References {
		if r.N == e.N && r.Challenge != "" {
			d.seedRequest(e, r, library.UserReauthRequest)
		} else if r.N == e.N {
			d.seedRequest(e, r, library.OnboardRequest)
		}
	}
	for _, c := range values.Codes {
		request, known := d.requests[c.OnboardCode]
		switch {
		case c.N != e.N || !known:
		case c.Callback.Success == "true":
			d.seedConsent(e, request, c.Callback.Code, c.Callback.AccountReference)
		default:
			hash := seal.SecretOf(request.Code).Hash()
			d.must(d.db.Deny(d.t.Context(), hash, e.At(), library.Answer{}, library.Event{}))
		}
	}
	for _, k := range values.Tokens {
		if k.N == e.N {
			d.seedTokens(k)
		}
	}
	for _, s := range values.Sessions {
		if s.N == e.N && e.call() == "permission-access/trigger" {
			d.seedSession(e, s)
		}
	}
	for _, s := range values.Storages {
		if s.N == e.N {
			d.seedStorage(e, s.ID)
		}
	}
	for _, o := range values.Opaque {
		if o.N != e.N {
			continue
		}
		id, err := wire.ParseClientID(e.claims().ClientID)
		d.must(err)
		handle := library.AccountHandle{ID: o.ID, Client: id, Account: o.Value, ExpiresAt: e.At().Add(time.Hour)}
		if o.Type == wire.ReferenceStorage {
			handle.Kind = library.HandleOfStorage
		}
		d.must(d.db.AddAccountHandle(d.t.Context(), handle))
	}
}

// seedRequest adds an authorisation request and the session that can be read after consent.
func (d *seeder) seedRequest(e *exchange, r issuedRequest, kind library.RequestKind) {
	d.t.Helper()
	d.requests[r.Code] = r
	body, err := e.Request.Body.bytes()
	d.must(err)
	var asked wire.AuthorizeRequest
	d.must(json.Unmarshal(body, &asked))
	key := seal.SecretOf(r.Session.Key)
	session := library.Session{
		Hash:      key.Hash(),
		Client:    d.client(r.ContractID),
		CreatedAt: e.At(),
		ExpiresAt: r.Session.Expiry.Time(),
	}
	if asked.Actions != nil && asked.Actions.Pull != nil {
		session.Options = *asked.Actions.Pull
	}
	if d.contracts[r.ContractID].Access == library.Read {
		session.PublicKey, err = key.PublicKey()
		d.must(err)
	}
	request := library.AuthRequest{
		Hash:        seal.SecretOf(r.Code).Hash(),
		Kind:        kind,
		ClientID:    session.Client,
		RedirectURI: r.RedirectURI,
		State:       r.State,
		Challenge:   r.Challenge,
		Session:     session.Hash,
		CreatedAt:   e.At(),
		ExpiresAt:   e.At().Add(30 * time.Minute),
	}
	if p := d.owners[r.AccessToken]; p != nil {
		request.Library = p.library.ID
	}
	d.integrity.BindRequest(seal.SecretOf(r.Code), &request, session)
	d.must(d.db.AddAuthRequest(d.t.Context(), request, session))
}

// seedConsent allows an authorisation request for its person. If the stub issued no code, the session can be read
// nevertheless.
func (d *seeder) seedConsent(e *exchange, r issuedRequest, code, reference string) {
	d.t.Helper()
	sub := "nobody " + strconv.Itoa(e.N) // for a code that was never exchanged
	for _, k := range d.rec.Issued.Tokens {
		if code != "" && k.From.Code == code {
			sub = k.Subject
		}
	}
	p := d.owners[r.AccessToken]
	if p == nil {
		p = d.person(sub, e.At())
	}
	secret := seal.SecretOf(code)
	if code == "" {
		secret = seal.NewSecret()
	}
	if reference == "" {
		reference = wire.RandomAlphanumeric(16)
	}
	answer := library.Approval{Request: seal.SecretOf(r.Code).Hash(), At: e.At(), Storage: d.storageOf(e),
		Grant: library.Grant{
			ID:          library.GrantID(wire.RandomAlphanumeric(32)),
			Library:     p.library.ID,
			Application: d.rec.Keys.ApplicationID,
			Contract:    r.ContractID,
			CreatedAt:   e.At(),
			ExpiresAt:   e.At().AddDate(0, 0, 180),
			Access:      d.contracts[r.ContractID].Access,
			Allowed:     d.contracts[r.ContractID].Allowed(),
		},
		Account: library.Account{
			ID:          wire.AccountID("1_" + wire.RandomAlphanumeric(22)),
			Reference:   library.AccountReference(reference),
			Library:     p.library.ID,
			Application: d.rec.Keys.ApplicationID,
			Subject:     sub,
			CreatedAt:   e.At(),
		},
		Code: library.AuthCode{
			Hash:      secret.Hash(),
			Client:    d.client(r.ContractID),
			Challenge: r.Challenge,
			ExpiresAt: e.At().Add(10 * time.Minute),
			Binding:   d.integrity.BindSecret(secret, p.library),
		},
		Event: library.Event{Library: p.library.ID, At: e.At(), Kind: library.EventAllowed}}
	if d.contracts[r.ContractID].Access == library.Read {
		var err error
		answer.Code.Seal, err = p.key.SealToSecret(secret)
		d.must(err)
		answer.SessionSeal, err = p.key.SealToSecret(seal.SecretOf(r.Session.Key))
		d.must(err)
	}
	grant, _, err := d.db.Allow(d.t.Context(), answer)
	d.must(err)
	p.grants[r.ContractID] = grant.ID
	d.sessions[r.Session.Key] = p
}

// person returns the person with a sub, and creates the library if it does not exist.
func (d *seeder) person(sub string, at time.Time) *seededPerson {
	d.t.Helper()
	if p := d.people[sub]; p != nil {
		return p
	}
	key, err := seal.GenerateKey()
	d.must(err)
	p := &seededPerson{
		key:    key,
		grants: map[wire.ContractID]library.GrantID{},
		library: library.Library{ID: library.ID(seal.RandomID(26)),
			Email: seal.RandomID(
				10,
			) + "@example.org", PublicKey: key.PublicKey(), CreatedAt: at, CodeMadeAt: at, CodeSaved: true},
	}
	p.library.Binding = d.integrity.BindLibrary(p.library.ID, p.library.PublicKey.Bytes())
	login := library.Login{
		ID:        library.LoginID(seal.RandomID(20)),
		Library:   p.library.ID,
		Hash:      seal.NewSecret().Hash(),
		CreatedAt: at,
		SeenAt:    at,
		ExpiresAt: at,
	}
	d.must(
		d.db.AddLibrary(
			d.t.Context(),
			p.library,
			nil,
			login,
			library.Event{Library: p.library.ID, At: at, Kind: library.EventLibraryCreated},
		),
	)
	d.people[sub] = p
	return p
}

// seedTokens adds an access and a refresh token to the person's grant.
func (d *seeder) seedTokens(k issuedToken) {
	d.t.Helper()
	p := d.people[k.Subject]
	for use, value := range map[library.TokenUse]wire.TokenValue{
		library.UseAccess: k.AccessToken, library.UseRefresh: k.RefreshToken,
	} {
		token := library.Token{
			Hash:      seal.SecretOf(value.Value).Hash(),
			Use:       use,
			Grant:     p.grants[k.ContractID],
			ExpiresAt: value.ExpiresOn.Time(),
			Binding:   d.integrity.BindSecret(seal.SecretOf(value.Value), p.library),
		}
		if d.contracts[k.ContractID].Access == library.Read {
			var err error
			token.Seal, err = p.key.SealToSecret(seal.SecretOf(value.Value))
			d.must(err)
		}
		d.must(d.db.AddToken(d.t.Context(), token))
		d.owners[value.Value] = p
	}
}

// seedSession adds a session that was started with an access token.
func (d *seeder) seedSession(e *exchange, s issuedSession) {
	d.t.Helper()
	p := d.owners[s.AccessToken]
	body, err := e.Request.Body.bytes()
	d.must(err)
	var asked wire.TriggerRequest
	d.must(json.Unmarshal(body, &asked))
	key := seal.SecretOf(s.Key)
	session := library.Session{Hash: key.Hash(), Client: d.client(s.ContractID), Grant: p.grants[s.ContractID],
		Options: asked.SessionOptions, CreatedAt: e.At(), ExpiresAt: s.Expiry.Time()}
	session.Seal, err = p.key.SealToSecret(key)
	d.must(err)
	d.must(d.db.AddSession(d.t.Context(), session))
	d.sessions[s.Key] = p
}

// seedFiles adds the files that the recording reads from a person's library and that had been pushed by now. Each has
// the size of the recorded response, and zeros as its content.
func (d *seeder) seedFiles(p *seededPerson, now time.Time) {
	d.t.Helper()
	for _, e := range d.rec.Exchanges {
		session, name := e.session()
		id := wire.FileName(name)
		if name == "" || e.Answer.Status != 200 || d.sessions[session] != p || d.files[id] {
			continue
		}
		metadata, err := wire.ParseFileMetadata(e.Answer.Headers["x-metadata"])
		d.must(err)
		if metadata.Raw == nil || metadata.Raw.Created.Time().After(now) {
			continue
		}
		length, err := strconv.ParseInt(e.Answer.Headers["content-length"], 10, 64)
		d.must(err)
		file := library.File{
			ID:          id,
			Library:     p.library.ID,
			Application: metadata.Raw.ApplicationID,
			Contract:    metadata.Raw.ContractID,
			Metadata:    *metadata.Raw,
			Size:        length - wire.MinEnvelope,
			CreatedAt:   metadata.Raw.Created.Time(),
		}
		file.MetadataJSON, err = library.EncodeMetadata(file.Metadata)
		d.must(err)
		key, bound := seal.NewFileKey(), seal.BoundToID(name)
		content := library.Content{Format: library.FormatInlineByID}
		content.Key, err = key.SealTo(p.library.PublicKey, bound)
		d.must(err)
		content.Inline, err = key.SealContent(bound, make([]byte, file.Size))
		d.must(err)
		d.must(d.db.AddFile(d.t.Context(), library.NewFile{File: file, Content: content, Grant: p.grants[file.Contract],
			Event: library.Event{Library: p.library.ID, At: file.CreatedAt, Kind: library.EventFileAdded}}))
		d.files[id] = true
	}
}

// first returns the first of two results of a function.
func first[T, U any](a T, _ U) T { return a }
