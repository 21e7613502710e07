package library

import (
	"context"
	"errors"
	"time"
)

// Standing says whether a grant counts: whether its application may do by it what the contract says now. A grant that
// is in force need not count. It may count again later: the operator can take back what keeps it from counting.
type Standing string

// The standings of a grant. The first two are of grants that are not in force.
const (
	GrantRevoked Standing = "revoked"
	GrantExpired Standing = "expired"
	// ClientDisabled says that the operator has disabled the contract or its application, and ContractExpired that the
	// contract has expired, or is unknown.
	ClientDisabled  Standing = "client disabled"
	ContractExpired Standing = "contract expired"
	// GrantOutdated says that the contract allows something else now than what the person has allowed.
	GrantOutdated Standing = "outdated"
	GrantCounts   Standing = "counts"
)

// InForce reports whether the person can revoke a grant of that standing.
func (s Standing) InForce() bool { return s != GrantRevoked && s != GrantExpired }

// Standing returns the standing of the grant at a time.
func (g GrantWithClient) Standing(now time.Time) Standing {
	switch contract := g.Client.Contract; {
	case !g.Grant.RevokedAt.IsZero():
		return GrantRevoked
	case !g.Grant.Active(now):
		return GrantExpired
	case !g.Client.Application.DisabledAt.IsZero(), !contract.DisabledAt.IsZero():
		return ClientDisabled
	case !g.Client.Active(now):
		return ContractExpired
	case !g.Grant.Covers(contract):
		return GrantOutdated
	}
	return GrantCounts
}

// AllowedContract returns the contract as the person has allowed it; ok is false if only its access type is known. A
// grant has a hash of what was allowed, so that what the contract allowed then is found among what it may have been:
// what it is now, and the scopes without bounds.
func (g GrantWithClient) AllowedContract() (contract Contract, ok bool) {
	if contract = g.Client.Contract; g.Grant.Covers(contract) {
		return contract, true
	}
	contract.Access = g.Grant.Access
	scopes := []Scope{{}}
	if contract.Access == Read {
		scopes = []Scope{contract.Scope, {Raw: true}, {Raw: true, Own: true}, {Mapped: true}, {Raw: true, Mapped: true},
			{Raw: true, Own: true, Mapped: true}}
	}
	for _, contract.Scope = range scopes {
		for _, contract.DeletesLibrary = range []bool{false, true} {
			if g.Grant.Covers(contract) {
				return contract, true
			}
		}
	}
	contract.Scope, contract.DeletesLibrary = Scope{}, false
	return contract, false
}

// counts reports whether a grant counts now. It is for calls: the client may be a second old.
func (c *Consents) counts(ctx context.Context, g Grant) (bool, error) {
	client, err := c.clients.getActive(ctx, g.clientID())
	var refused *Refusal
	if errors.As(err, &refused) {
		return false, nil
	}
	return err == nil && g.Active(c.now()) && g.Covers(client.Contract), err
}
