package library

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// CloudRequest is a request for the files of a storage whose token has been verified.
type CloudRequest struct {
	Client

	once Nonce
}

// maxCloudLifetime is how long a token of the file storage may be valid. Clients give it a minute.
const maxCloudLifetime = 2 * time.Minute

// VerifyCloud verifies the token of a request for the files of a storage. Like [Clients.Verify] it makes the cheap
// checks first. It does not look at the storage, and does not keep the token from being sent again: [Clients.UseOnce]
// does.
//
// It refuses the token with RefusedRequest, and the client with RefusedClient.
func (c *Clients) VerifyCloud(ctx context.Context, bearer string) (*CloudRequest, error) {
	token, err := wire.ParseRequestToken(bearer)
	if err != nil {
		return nil, InvalidRequest("it is no token of the file storage").Because(err)
	}
	var claims wire.CloudClaims
	if err := token.Peek(&claims); err != nil {
		return nil, InvalidRequest("claims").Because(err)
	}
	id, err := wire.ParseClientID(string(claims.Subject) + "_" + string(claims.Issuer))
	if err != nil {
		return nil, InvalidRequest("sub or iss").Because(err)
	}
	switch {
	case token.Header.Type != wire.TypeCloud:
		return nil, InvalidRequest("typ").Because(wire.ErrTokenHeader)
	case token.Header.KeyID != wire.CloudKeyID(id):
		return nil, InvalidRequest("kid").Because(wire.ErrTokenHeader)
	case claims.Audience != wire.CloudAudience:
		return nil, InvalidRequest("aud")
	}
	now := c.now()
	issued, expires := claims.IssuedAt.Time(), claims.ExpiresAt.Time()
	switch lifetime := expires.Sub(issued); {
	case lifetime <= 0, lifetime > maxCloudLifetime:
		return nil, InvalidRequest("exp must be at most two minutes after iat")
	case !now.Before(expires):
		return nil, InvalidRequest("it has expired")
	case expires.Sub(now) > maxCloudLifetime: // by a clock that is ahead
		return nil, InvalidRequest("it was made in the future")
	}
	req := &CloudRequest{}
	if req.Client, err = c.getActive(ctx, id); err != nil {
		return nil, err
	}
	if _, err := c.verifySignature(token, req.Contract); err != nil {
		return nil, err
	}
	// The text has one spelling, and the signature is random: two requests never have the same.
	sum := sha256.Sum256([]byte(bearer))
	req.once = Nonce{Client: id, Value: "cloud " + base64.RawURLEncoding.EncodeToString(sum[:]), At: now,
		KeepFor: expires.Sub(now) + time.Minute} // and a minute by which the clocks of servers may differ
	return req, nil
}

// UseOnce keeps the request's token from being used again. It refuses a token that was used before with RefusedNonce.
func (c *Clients) UseOnce(ctx context.Context, req *CloudRequest) error {
	err := c.nonces.UseNonce(ctx, req.once)
	if errors.Is(err, ErrReplayed) {
		return ReplayedNonce("it was used before").Because(err)
	}
	return err
}
