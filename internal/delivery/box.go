package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// Boxes seals with the keyring what the server keeps to send: authorizations at providers, providers'
// tokens, resources that wait, and providers' answers. Whoever keeps the database can move a box to
// another row, or change the row around it. So each box holds its owner and what decides where
// something is sent, and is compared with its row when it is opened. A box that does not fit is a
// [*library.TamperedError] of the library that the box belongs to, or of that of the row if the box
// does not open.
type Boxes struct{ ring *seal.Keyring }

// NewBoxes returns the boxes of a keyring.
func NewBoxes(ring *seal.Keyring) *Boxes { return &Boxes{ring} }

// The purposes of the boxes name their rows. The owner is in the box, so that the person whose box was
// moved can be told. No purpose begins as another does, or as one of an older program; see box_adopt.go.
const (
	purposeAuthorization = "carrel authorization at a provider "
	purposeAccess        = "carrel tokens of account "
	purposePayload       = "carrel payload of delivery "
	purposeAnswer        = "carrel answer to delivery "
)

// AuthorizationPurpose is the purpose with which the keyring seals the secrets of an authorization.
func AuthorizationPurpose(state seal.Hash) string { return purposeAuthorization + state.String() }

// AccessPurpose is the purpose with which the keyring seals an account's access, also to revoke it.
func AccessPurpose(account wire.AccountID) string { return purposeAccess + string(account) }

// PayloadPurpose is the purpose with which the keyring seals what is to be delivered.
func PayloadPurpose(id library.DeliveryID) string { return purposePayload + string(id) }

// AnswerPurpose is the purpose with which the keyring seals a provider's answer.
func AnswerPurpose(id library.DeliveryID) string { return purposeAnswer + string(id) }

// owner says whose a box is.
type owner struct {
	Library     library.ID         `json:"library"`
	Application wire.ApplicationID `json:"application"`
	// Contract is that of the request with which an account is connected, or under which something is
	// sent.
	Contract wire.ContractID `json:"contract"`
	// Grant is empty while an account is pending.
	Grant   library.GrantID `json:"grant,omitempty"`
	Account wire.AccountID  `json:"account,omitempty"`
}

// compare returns an error unless a box is the one of its row.
func compare(what string, sealed, row owner) error {
	for _, field := range []struct {
		name        string
		sealed, row string
	}{
		{"library", string(sealed.Library), string(row.Library)},
		{"application", string(sealed.Application), string(row.Application)},
		{"contract", string(sealed.Contract), string(row.Contract)},
		{"grant", string(sealed.Grant), string(row.Grant)},
		{"account", string(sealed.Account), string(row.Account)},
	} {
		if field.sealed != field.row {
			return misplaced(sealed, what, "is said to be of "+field.name+" "+field.row+", and is of "+field.sealed)
		}
	}
	return nil
}

func misplaced(sealed owner, what, how string) error {
	return &library.TamperedError{Library: sealed.Library, What: what + " " + how}
}

// open opens a box of a row of a library.
func (b *Boxes) open(purpose string, box []byte, row library.ID) ([]byte, error) {
	text, err := b.ring.Open(purpose, box)
	if err == nil {
		return text, nil
	}
	if key := seal.KeyOf(box); key != "" && !slices.Contains(b.ring.Keys(), key) {
		return nil, fmt.Errorf("open %s: the keyring does not have the key %s with which it was sealed: %w",
			purpose, key, err)
	}
	return nil, &library.TamperedError{Library: row, What: purpose + " is not what this server has sealed"}
}

// openJSON decodes what sealJSON sealed. It does not return the error of the decoder, which may
// repeat some of the text.
func (b *Boxes) openJSON(purpose string, box []byte, row library.ID, v any) error {
	text, err := b.open(purpose, box, row)
	if err == nil && json.Unmarshal(text, v) != nil {
		err = fmt.Errorf("open %s: not what was sealed", purpose)
	}
	return err
}

// sealJSON seals the JSON text of v.
func (b *Boxes) sealJSON(purpose string, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", purpose, err)
	}
	return b.ring.Seal(purpose, text), nil
}

// sealWithHead seals a line of JSON and a body behind it.
func (b *Boxes) sealWithHead(purpose string, head any, body []byte) ([]byte, error) {
	line, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", purpose, err)
	}
	return b.ring.Seal(purpose, slices.Concat(line, []byte{'\n'}, body)), nil
}

// openWithHead decodes the head of what sealWithHead sealed, and returns the body.
func (b *Boxes) openWithHead(purpose string, box []byte, row library.ID, head any) (body []byte, err error) {
	text, err := b.open(purpose, box, row)
	if err != nil {
		return nil, err
	}
	return cutHead(purpose, text, head)
}

func cutHead(purpose string, text []byte, head any) (body []byte, err error) {
	line, body, ok := bytes.Cut(text, []byte{'\n'})
	if !ok || json.Unmarshal(line, head) != nil {
		return nil, fmt.Errorf("open %s: not what was sealed", purpose)
	}
	return body, nil
}

// authorizationSecrets are an authorization as it is sealed: what HandleCallback needs, and once it has
// ended, the page to go on with.
type authorizationSecrets struct {
	Owner    owner           `json:"owner"`
	Request  string          `json:"request"`
	Login    library.LoginID `json:"login"`
	Source   Source          `json:"source"`
	Expires  wire.Millis     `json:"expires"`
	Verifier string          `json:"verifier,omitempty"`
	// Return is the page to go on with.
	Return string `json:"return"`
}

func authorizationOwner(a Authorization, contract wire.ContractID) owner {
	return owner{Library: a.Library, Application: a.Application, Contract: contract, Account: a.Account}
}

// sealAuthorization seals the secrets of an authorization that is for a contract.
func (b *Boxes) sealAuthorization(
	a Authorization, contract wire.ContractID, verifier seal.Secret, returnTo string,
) ([]byte, error) {
	return b.sealJSON(AuthorizationPurpose(a.State), authorizationSecrets{
		Owner:    authorizationOwner(a, contract),
		Request:  a.Request.String(),
		Login:    a.Login,
		Source:   a.Source,
		Expires:  wire.MillisOf(a.ExpiresAt),
		Verifier: verifier.Reveal(),
		Return:   returnTo,
	})
}

// openAuthorization opens the secrets of an authorization.
func (b *Boxes) openAuthorization(a Authorization) (s authorizationSecrets, err error) {
	purpose := AuthorizationPurpose(a.State)
	if err := b.openJSON(purpose, a.Secrets, a.Library, &s); err != nil {
		return s, err
	}
	// No column has the contract: it is that of the request.
	if err := compare(purpose, s.Owner, authorizationOwner(a, s.Owner.Contract)); err != nil {
		return s, err
	}
	switch {
	case s.Request != a.Request.String():
		err = misplaced(s.Owner, purpose, "is said to be for another request")
	case s.Login != a.Login:
		err = misplaced(s.Owner, purpose, "is said to be of another login")
	case s.Source != a.Source:
		err = misplaced(s.Owner, purpose, "is said to be at another provider")
	case s.Expires != wire.MillisOf(a.ExpiresAt):
		err = misplaced(s.Owner, purpose, "is said to expire at another time")
	}
	return s, err
}

// storedTokens are a provider's tokens as they are sealed.
type storedTokens struct {
	Owner owner `json:"owner"`
	// Source decides where the tokens are sent, and resources with them.
	Source  Source      `json:"source"`
	Token   string      `json:"token"`
	Refresh string      `json:"refresh,omitempty"`
	Until   wire.Millis `json:"until"`
	// Correlation names the authorization, or the refresh, that gave the tokens (MedMij,
	// Resource interface).
	Correlation string `json:"correlation"`
}

func connectionOwner(c Connection, contract wire.ContractID) owner {
	return owner{Library: c.Library, Application: c.Application, Contract: contract, Grant: c.Grant, Account: c.ID}
}

// sealAccess seals a provider's tokens for an account that is connected for a contract.
func (b *Boxes) sealAccess(
	c Connection, contract wire.ContractID, t ProviderTokens, correlation string,
) ([]byte, error) {
	return b.sealJSON(AccessPurpose(c.ID), storedTokens{
		Owner:       connectionOwner(c, contract),
		Source:      c.Source,
		Token:       t.Access.Reveal(),
		Refresh:     t.Refresh.Reveal(),
		Until:       wire.MillisOf(t.ExpiresAt),
		Correlation: correlation,
	})
}

// openAccess opens the tokens of an account.
func (b *Boxes) openAccess(c Connection) (t storedTokens, err error) {
	purpose := AccessPurpose(c.ID)
	if err := b.openJSON(purpose, c.Access, c.Library, &t); err != nil {
		return t, err
	}
	// No column has the contract: whoever sends compares it.
	if err := compare(purpose, t.Owner, connectionOwner(c, t.Owner.Contract)); err != nil {
		return t, err
	}
	if t.Source != c.Source {
		err = misplaced(t.Owner, purpose, "is said to be at another provider")
	}
	return t, err
}

// openEndedAccess opens the tokens of an account that has ended. Its grant is not stored any more.
func (b *Boxes) openEndedAccess(c Connection) (t storedTokens, err error) {
	purpose := AccessPurpose(c.ID)
	if err := b.openJSON(purpose, c.Access, c.Library, &t); err != nil {
		return t, err
	}
	c.Grant = t.Owner.Grant
	return b.openAccess(c)
}

// AccessMove is a change of the account and grant that tokens belong to.
type AccessMove struct {
	// From is the account that the tokens are sealed for.
	From Connection
	// To is the account that they are to belong to: From itself with a grant, or another one at the same
	// source that is connected again.
	To Connection
	// Contract is that of To's grant.
	Contract wire.ContractID
	// Again says that the person has connected To again for a request, which any contract of the
	// application may have made. Otherwise the request was Contract's.
	Again bool
}

// MoveAccess seals From's tokens anew for To. Whoever stores a change of an account's grant calls it in
// the same transaction. It returns a [*library.TamperedError] if either is not what was sealed, or if
// the tokens are not for To.
func (b *Boxes) MoveAccess(m AccessMove) ([]byte, error) {
	t, err := b.openAccess(m.From)
	if err != nil {
		return nil, err
	}
	purpose := AccessPurpose(m.From.ID)
	if !m.Again && t.Owner.Contract != m.Contract {
		return nil, misplaced(t.Owner, purpose, "is for contract "+string(t.Owner.Contract)+", and not for "+
			string(m.Contract))
	}
	if m.From.Library != m.To.Library || m.From.Application != m.To.Application ||
		m.From.Source.ID != m.To.Source.ID {
		return nil, misplaced(t.Owner, purpose, "is not for account "+string(m.To.ID))
	}
	if m.From.ID != m.To.ID && m.To.Access != nil {
		replaced, err := b.openAccess(m.To)
		if err != nil {
			return nil, err
		}
		if replaced.Owner.Contract != m.Contract {
			return nil, misplaced(replaced.Owner, AccessPurpose(m.To.ID), "is said to be of another contract's grant")
		}
	}
	t.Owner = connectionOwner(m.To, m.Contract)
	return b.sealJSON(AccessPurpose(m.To.ID), t)
}

// payloadHead is all of a delivery's payload but the body.
type payloadHead struct {
	Resource
	Owner    owner       `json:"owner"`
	Provider ProviderKey `json:"provider"`
	Expires  wire.Millis `json:"expires"`
}

func deliveryOwner(d Delivery) owner {
	return owner{Library: d.Library, Application: d.Application, Contract: d.Contract, Grant: d.Grant,
		Account: d.Account}
}

// sealPayload seals a resource that is to be sent to a provider.
func (b *Boxes) sealPayload(d Delivery, provider ProviderKey, r Resource) ([]byte, error) {
	return b.sealWithHead(PayloadPurpose(d.ID),
		payloadHead{r, deliveryOwner(d), provider, wire.MillisOf(d.ExpiresAt)}, r.Body)
}

// openPayload opens what a delivery is to send, and to whom.
func (b *Boxes) openPayload(d Delivery, box []byte) (Resource, ProviderKey, error) {
	purpose := PayloadPurpose(d.ID)
	var head payloadHead
	body, err := b.openWithHead(purpose, box, d.Library, &head)
	if err == nil {
		err = compare(purpose, head.Owner, deliveryOwner(d))
	}
	if err == nil && head.Expires != wire.MillisOf(d.ExpiresAt) {
		err = misplaced(head.Owner, purpose, "is said to expire at another time")
	}
	if err != nil {
		return Resource{}, "", err
	}
	head.Resource.Body = body
	return head.Resource, head.Provider, nil
}

// answerHead is what stands before a provider's answer.
type answerHead struct {
	Owner owner `json:"owner"`
}

// sealAnswer seals a provider's answer.
func (b *Boxes) sealAnswer(d Delivery, answer []byte) ([]byte, error) {
	return b.sealWithHead(AnswerPurpose(d.ID), answerHead{deliveryOwner(d)}, answer)
}

// openAnswer opens a provider's answer.
func (b *Boxes) openAnswer(d Delivery, box []byte) ([]byte, error) {
	purpose := AnswerPurpose(d.ID)
	var head answerHead
	answer, err := b.openWithHead(purpose, box, d.Library, &head)
	if err == nil {
		err = compare(purpose, head.Owner, deliveryOwner(d))
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// CheckAuthorization returns an error unless an authorization is what was sealed.
func (b *Boxes) CheckAuthorization(a Authorization) error {
	_, err := b.openAuthorization(a)
	return err
}

// CheckAccess returns an error unless an account is what was sealed.
func (b *Boxes) CheckAccess(c Connection) error {
	_, err := b.openAccess(c)
	return err
}

// CheckEndedAccess returns an error unless an account that has ended is what was sealed.
func (b *Boxes) CheckEndedAccess(c Connection) error {
	_, err := b.openEndedAccess(c)
	return err
}

// CheckPayload returns an error unless a delivery is what was sealed.
func (b *Boxes) CheckPayload(d Delivery, box []byte) error {
	_, _, err := b.openPayload(d, box)
	return err
}

// CheckAnswer returns an error unless a delivery with an answer is what was sealed.
func (b *Boxes) CheckAnswer(d Delivery, box []byte) error {
	_, err := b.openAnswer(d, box)
	return err
}

// recordTampering records in the activities of those concerned that a box does not fit its row, which is
// one of a library, and returns err. Any other error it returns as it is.
func (c *Connections) recordTampering(ctx context.Context, err error, row library.ID) error {
	var tampered *library.TamperedError
	if !errors.As(err, &tampered) {
		return err
	}
	err = c.integrity.RecordTampering(ctx, err)
	if row != tampered.Library {
		inRow := &library.TamperedError{Library: row, What: tampered.What}
		err = errors.Join(err, c.integrity.RecordTampering(ctx, inRow))
	}
	return err
}
