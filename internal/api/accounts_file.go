package api

import (
	"bytes"
	"cmp"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// accountsFileName is the name of a file that each session has and no list: the accounts, for clients of before version
// 11 of the Node SDK and for Android. Later ones call permission-access/accounts.
const accountsFileName = "accounts.json"

// olderAccount is an account in that file. All members are required by some client.
type olderAccount struct {
	ID      wire.AccountID `json:"id"`
	Name    string         `json:"name"`
	Service struct {
		Name string `json:"name"`
		Logo string `json:"logo"`
	} `json:"service"`
}

// accountsFile answers with that file. It is not compressed, since Android does not look whether it is.
func (a *api) accountsFile(w http.ResponseWriter, r *http.Request, s *library.ReadSession, hashed bool) error {
	list, err := a.Connections.ListForBearer(r.Context(), s.Bearer)
	if err != nil {
		return err
	}
	accounts := make([]olderAccount, len(list))
	for i, account := range list {
		accounts[i].ID = account.ID
		accounts[i].Name = cmp.Or(account.Username, account.ServiceProviderName, account.ServiceTypeName)
		accounts[i].Service.Name, accounts[i].Service.Logo = account.ServiceTypeName, account.ProviderLogo
	}
	content, err := json.Marshal(struct {
		Accounts []olderAccount  `json:"accounts"`
		Consent  library.GrantID `json:"consentid"`
	}{accounts, s.Bearer.Grant.ID})
	if err != nil {
		return fmt.Errorf("encode accounts: %w", err)
	}
	if hashed {
		sum := sha512.Sum512(content)
		content = append(sum[:], content...)
	}
	if err := a.Clients.UseNonce(r.Context(), s.Bearer.Request()); err != nil {
		return err
	}
	metadata := wire.FileMetadata{Raw: &wire.RawMetadata{MIMEType: "application/json"}}
	err = fileHeader(w, metadata, int64(len(content)), s.Session.CreatedAt)
	if err != nil || r.Method == http.MethodHead {
		return err
	}
	return a.sendFile(w, r, s, bytes.NewReader(content))
}
