package delivery

import (
	"encoding/json"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// An older program sealed boxes that do not say whose they are. At its first start, a program that
// knows owners takes their rows as they are, once, and seals them anew; see AdoptBoxes in package
// server. Nothing else opens such a box.

// openOld opens a box of an older program.
func (b *Boxes) openOld(purpose string, box []byte) ([]byte, error) {
	text, err := b.ring.Open(purpose, box)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", purpose, err)
	}
	return text, nil
}

func (b *Boxes) openOldJSON(purpose string, box []byte, v any) error {
	text, err := b.openOld(purpose, box)
	if err == nil && json.Unmarshal(text, v) != nil {
		err = fmt.Errorf("open %s: not what was sealed", purpose)
	}
	return err
}

// AdoptAuthorization seals an older program's secrets of an authorization anew, as one for a contract.
func (b *Boxes) AdoptAuthorization(a Authorization, contract wire.ContractID) ([]byte, error) {
	var old authorizationSecrets
	if err := b.openOldJSON("carrel trip "+a.State.String(), a.Secrets, &old); err != nil {
		return nil, err
	}
	return b.sealAuthorization(a, contract, seal.SecretOf(old.Verifier), old.Return)
}

// AdoptAccess seals an older program's tokens of an account anew, also of one that has ended. The
// contract is that of its grant, or of the request for which it is pending.
func (b *Boxes) AdoptAccess(c Connection, contract wire.ContractID) ([]byte, error) {
	var t storedTokens
	purpose := fmt.Sprintf("carrel provider access %s %s %d", c.Library, c.Application, c.Source.ID)
	if err := b.openOldJSON(purpose, c.Access, &t); err != nil {
		return nil, err
	}
	t.Owner, t.Source = connectionOwner(c, contract), c.Source
	return b.sealJSON(AccessPurpose(c.ID), t)
}

// AdoptPayload seals an older program's payload anew, as one for a provider.
func (b *Boxes) AdoptPayload(d Delivery, provider ProviderKey, box []byte) ([]byte, error) {
	purpose := "carrel delivery " + string(d.ID)
	text, err := b.openOld(purpose, box)
	if err != nil {
		return nil, err
	}
	var r Resource
	if r.Body, err = cutHead(purpose, text, &r); err != nil {
		return nil, err
	}
	return b.sealPayload(d, provider, r)
}

// AdoptAnswer seals an older program's answer of a provider anew.
func (b *Boxes) AdoptAnswer(d Delivery, box []byte) ([]byte, error) {
	answer, err := b.openOld("carrel delivery answer "+string(d.ID), box)
	if err != nil {
		return nil, err
	}
	return b.sealAnswer(d, answer)
}
