package digimetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

func (l *Library) routes() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(method string, endpoint Endpoint, h http.HandlerFunc) {
		l.endpoints = append(l.endpoints, endpoint)
		mux.HandleFunc(method+" /v1.7/"+string(endpoint), h)
	}
	for _, page := range []string{"authorize", "onboard", "reauthorize", "user-reauth", "revoke"} {
		mux.HandleFunc("GET /apps/saas/"+page, l.page)
	}
	handle("GET", EndpointKeys, l.keys)
	handle("POST", EndpointAuthorize, l.signed(l.authorize))
	handle("POST", EndpointToken, l.signed(l.exchange))
	handle("POST", EndpointTokenReference, l.signed(l.tokenReference))
	handle("POST", EndpointAccountHandle, l.signed(l.accountHandle))
	handle("GET", EndpointContract, l.signed(l.contractDetails))
	handle("POST", EndpointPush, l.authorized(l.push))
	handle("POST", EndpointPushToProvider, l.authorized(l.pushToProvider))
	handle("GET", EndpointDeliveries, l.authorized(l.listDeliveries))
	handle("GET", EndpointDelivery, l.authorized(l.getDelivery))
	handle("POST", EndpointSession, l.authorized(l.startSession))
	handle("GET", EndpointFiles, l.authorized(l.listFiles))
	handle("GET", EndpointFile, l.authorized(l.file))
	handle("GET", EndpointAccounts, l.authorized(l.listAccounts))
	handle("GET", EndpointRevokeAccount, l.authorized(l.revokeAccountURL))
	handle("DELETE", EndpointDeleteAccount, l.authorized(l.deleteAccountCall))
	handle("GET", EndpointPortabilityReport, l.authorized(l.portabilityReport))
	handle("DELETE", EndpointUser, l.authorized(l.deleteUser))
	handle("POST", EndpointSources, l.signed(l.listSources))
	handle("POST", EndpointCategories, l.signed(l.listCategories))
	handle("POST", EndpointCountries, l.signed(l.listCountries))
	handle("POST", EndpointPlatforms, l.signed(l.listPlatforms))
	handle("GET", EndpointSampleDataSets, l.signed(l.listSampleDataSets))
	handle("POST", EndpointStorage, l.signed(l.createStorage))
	handle("GET", EndpointStorage, l.authorized(l.userStorage))
	l.endpoints = append(l.endpoints, EndpointStorageFile, EndpointStorageFolder)
	for method, h := range map[string]cloudHandler{
		"GET": l.readStorage, "POST": l.uploadToStorage, "DELETE": l.deleteFromStorage,
	} {
		mux.HandleFunc(method+" "+cloudBase+"clouds/{storage}/files/apps/{application}/{path...}", l.cloud(h))
	}
	return mux
}

func (l *Library) contractDetails(w http.ResponseWriter, _ *http.Request, c caller) error {
	details := digime.ContractDetails{
		ID: digime.ContractID(c.contract.ID), AccessType: digime.AccessWrite, Type: "json",
		Application: digime.ApplicationDetails{ID: digime.ApplicationID(l.ApplicationID), Name: "Test application"},
		ExpiresAt:   time.Date(2027, 5, 22, 5, 56, 43, 0, time.UTC),
	}
	if c.contract.ID == l.ReadContract.ID {
		details.AccessType = digime.AccessRead
	}
	return writeJSON(w, http.StatusOK, details)
}

// push adds a file.
func (l *Library) push(w http.ResponseWriter, r *http.Request, c caller) error {
	if c.contract.ID != l.WriteContract.ID {
		return insufficientScope()
	}
	var claims wire.DescriptorClaims
	token, err := wire.ParseRequestToken(r.Header.Get("FileDescriptor"))
	if err == nil {
		err = token.Verify(c.key)
	}
	if err == nil {
		err = token.Peek(&claims)
	}
	var descriptor *wire.Descriptor
	if err == nil {
		descriptor, err = wire.ParseDescriptor(claims.Metadata)
	}
	if err != nil {
		return validation("FileDescriptor: " + err.Error())
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	text, err := json.Marshal(descriptor.ReadBack())
	if err != nil {
		return err
	}
	var metadata digime.RawMetadata
	if err := json.Unmarshal(text, &metadata); err != nil {
		return err
	}
	metadata.ApplicationID = digime.ApplicationID(l.ApplicationID)
	metadata.ContractID = digime.ContractID(c.contract.ID)
	metadata.CreatedAt = time.Now().Truncate(time.Millisecond)
	l.AddFile(File{Metadata: digime.FileMetadata{Raw: &metadata}, Content: content})
	return writeJSON(w, http.StatusOK, struct{}{})
}

func (l *Library) pushToProvider(w http.ResponseWriter, r *http.Request, c caller) error {
	account, version := digime.AccountID(r.Header.Get("accountId")), digime.FHIRVersion(r.PathValue("version"))
	if c.contract.ID != l.WriteContract.ID {
		return insufficientScope()
	}
	l.mu.Lock()
	connected := c.consent.provider
	l.mu.Unlock()
	if !connected {
		return notFound("Account of a consent with the source type push")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var resource struct {
		ResourceType string `json:"resourceType"`
	}
	if err := json.Unmarshal(body, &resource); err != nil || resource.ResourceType == "" {
		return validation("resource")
	}
	l.mu.Lock()
	at := slices.IndexFunc(l.accounts, func(a digime.Account) bool {
		return a.ID == account && a.Type == digime.AccountPush
	})
	if at < 0 {
		l.mu.Unlock()
		return notFound("Account")
	}
	id := digime.DeliveryID("delivery" + strconv.Itoa(len(l.resources)+1))
	l.resources = append(l.resources, Resource{AccountID: account, Version: version, JSON: body, DeliveryID: id})
	provider := l.accounts[at].ServiceTypeName
	l.mu.Unlock()
	answer, err := json.Marshal(map[string]any{"resourceType": resource.ResourceType, "id": "1"})
	if err != nil {
		return err
	}
	now := time.Now().Truncate(time.Millisecond)
	l.SetDelivery(digime.Delivery{
		ID: id, AccountID: account, Provider: provider,
		State: digime.DeliveryDelivered, ProviderStatus: http.StatusCreated,
		Types: []string{resource.ResourceType}, Attempts: 1, CreatedAt: now, UpdatedAt: now, Answer: answer,
	})
	w.Header().Set(wire.HeaderDelivery, string(id))
	return writeJSON(w, http.StatusCreated, json.RawMessage(answer))
}

func (l *Library) listDeliveries(w http.ResponseWriter, _ *http.Request, _ caller) error {
	list := []digime.Delivery{}
	l.mu.Lock()
	for _, states := range l.deliveries {
		d := states[0]
		d.Answer = nil
		list = append(list, d)
	}
	l.mu.Unlock()
	return writeJSON(w, http.StatusOK, map[string]any{"data": list})
}

func (l *Library) getDelivery(w http.ResponseWriter, r *http.Request, _ caller) error {
	id := digime.DeliveryID(r.PathValue("delivery"))
	l.mu.Lock()
	var d digime.Delivery
	for i, states := range l.deliveries {
		if states[0].ID != id {
			continue
		}
		if d = states[0]; len(states) > 1 {
			l.deliveries[i] = states[1:]
		}
	}
	l.mu.Unlock()
	if d.ID == "" {
		return notFound("Delivery")
	}
	return writeJSON(w, http.StatusOK, d)
}

func (l *Library) startSession(w http.ResponseWriter, r *http.Request, c caller) error {
	if c.contract.ID != l.ReadContract.ID {
		return insufficientScope()
	}
	var body wire.TriggerRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Agent == nil {
		return validation("trigger")
	}
	return writeJSON(w, http.StatusOK, wire.TriggerAnswer{Session: *newSession()})
}

func (l *Library) listFiles(w http.ResponseWriter, _ *http.Request, _ caller) error {
	return writeJSON(w, http.StatusOK, l.fileList())
}

func (l *Library) fileList() digime.FileList {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lists) > 0 {
		list := l.lists[0]
		if len(l.lists) > 1 {
			l.lists = l.lists[1:]
		}
		return list
	}
	list := digime.FileList{State: digime.SessionCompleted}
	for _, f := range l.files {
		list.Files = append(list.Files, digime.FileEntry{Name: f.Name, UpdatedAt: f.Metadata.LastModified})
	}
	return list
}

// file answers with a file, encrypted for the read contract, or with its metadata alone.
func (l *Library) file(w http.ResponseWriter, r *http.Request, _ caller) error {
	files := l.Files()
	at := slices.IndexFunc(files, func(f File) bool { return string(f.Name) == r.PathValue("file") })
	if at < 0 {
		return notFound("file")
	}
	f := files[at]
	header, err := metadataHeader(f.Metadata)
	if err != nil {
		return err
	}
	w.Header().Set("X-Metadata", header)
	w.Header().Set("Last-Modified", f.Metadata.LastModified.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", fmt.Sprint(wire.EnvelopeSize(int64(len(f.Content)))))
	if r.Method == http.MethodHead {
		return nil
	}
	key, err := wire.ParsePrivateKey(l.ReadContract.PrivateKey)
	if err != nil {
		return err
	}
	if _, err := wire.SealEnvelope(w, &key.PublicKey, bytes.NewReader(f.Content)); err != nil {
		panic(http.ErrAbortHandler) // the client has gone, or the answer must not look complete
	}
	return nil
}

// metadataHeader returns the header X-Metadata of a file.
func metadataHeader(m digime.FileMetadata) (string, error) {
	var inner any = m.Raw
	if m.Mapped != nil {
		inner = m.Mapped
	}
	outer := map[string]any{"metadata": inner}
	if m.Compression != "" {
		outer["compression"] = m.Compression
	}
	text, err := json.Marshal(outer)
	if err != nil {
		return "", fmt.Errorf("encode metadata: %w", err)
	}
	return base64.StdEncoding.EncodeToString(text), nil
}

func (l *Library) listAccounts(w http.ResponseWriter, _ *http.Request, _ caller) error {
	l.mu.Lock()
	accounts := append([]digime.Account{}, l.accounts...)
	l.mu.Unlock()
	return writeJSON(w, http.StatusOK, accounts)
}

func (l *Library) revokeAccountURL(w http.ResponseWriter, r *http.Request, c caller) error {
	account := digime.AccountID(r.Header.Get("accountId"))
	redirect := r.Header.Get("redirectUri")
	if err := l.checkRedirect(redirect); err != nil {
		return err
	}
	code := wire.RandomAlphanumeric(43)
	l.mu.Lock()
	known := slices.ContainsFunc(l.accounts, func(a digime.Account) bool { return a.ID == account })
	l.codes[code] = codeGrant{contract: c.contract.ID, redirect: redirect, account: account}
	l.mu.Unlock()
	if !known {
		return notFound("Account")
	}
	return writeJSON(w, http.StatusOK, wire.RevokeAnswer{Location: l.URL + "/apps/saas/revoke?code=" + code})
}

func (l *Library) deleteAccountCall(w http.ResponseWriter, r *http.Request, _ caller) error {
	l.mu.Lock()
	account := digime.AccountID(r.Header.Get("accountId"))
	l.accounts = slices.DeleteFunc(l.accounts, func(a digime.Account) bool { return a.ID == account })
	l.mu.Unlock()
	return writeJSON(w, http.StatusOK, map[string]bool{"deleted": true})
}

// deleteAccount removes an account that the person has revoked. The account that represents the person stands for the
// consents.
func (l *Library) deleteAccount(id digime.AccountID) {
	l.accounts = slices.DeleteFunc(l.accounts, func(a digime.Account) bool {
		if a.ID == id && a.Type == digime.AccountUser {
			l.revoke()
		}
		return a.ID == id
	})
}

// deleteUser deletes everything of the person.
func (l *Library) deleteUser(w http.ResponseWriter, _ *http.Request, _ caller) error {
	l.mu.Lock()
	l.revoke()
	l.files, l.accounts, l.deliveries = nil, nil, nil
	delete(l.storages, l.current)
	l.current = ""
	l.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
