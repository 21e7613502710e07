package library

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/internal/seal"
)

// A person may press a button twice, or go back and press it again. The browser that answered a request
// is sent where its first answer sent it. For a yes that takes the code, of which only the hash is
// stored. It is derived from the secret of the login and from the request, so that the same browser
// computes the same code each time, and nobody else can.

// authCode returns the authorization code of the person's yes to a request.
func (s *SignedIn) authCode(r *PendingRequest) seal.Secret {
	return s.secret.Derive("carrel authorization code " + r.Hash.String())
}

// Answered is how a request was answered, for a browser that comes to it once more.
type Answered struct {
	Outcome Outcome
	// Own says that the same browser answered it.
	Own bool
	// Callback is where the answer sent that browser; empty if this one cannot be sent there. If a
	// consent that was given has ended since, it says that nothing is allowed.
	Callback string
	// Works says that the application can still use the callback: nobody has exchanged its code.
	Works bool
}

// Answered says how a request was answered. s is nil if nobody is signed in.
func (c *Consents) Answered(ctx context.Context, s *SignedIn, r *PendingRequest) (Answered, error) {
	a := Answered{Outcome: r.Answer.Outcome, Works: true}
	a.Own = r.Answer.By == "" || s != nil && s.Login.ID == r.Answer.By
	switch a.Outcome {
	case "": // answered before answers were stored
		return Answered{}, nil
	case Completed:
		var reference AccountReference
		if a.Own && s != nil {
			var err error
			if reference, err = c.connectedReference(ctx, s, r); err != nil {
				return Answered{}, err
			}
		}
		a.Callback = r.completedURL(reference)
	case Revoked:
		a.Callback = r.revokedURL()
	case Allowed:
		if !a.Own || s == nil {
			return Answered{Outcome: Allowed}, nil
		}
		err := c.answeredYes(ctx, s, r, &a)
		return a, err
	default:
		a.Callback = r.FailureURL(a.Outcome.Refusal())
	}
	return a, nil
}

// answeredYes sets the callback of a request that the person allowed in the same browser.
func (c *Consents) answeredYes(ctx context.Context, s *SignedIn, r *PendingRequest, a *Answered) error {
	secret := s.authCode(r)
	code, err := c.store.GetAuthCode(ctx, secret.Hash())
	if errors.Is(err, ErrNotFound) { // it has expired
		a.Works = false
		return nil
	}
	if err != nil {
		return fmt.Errorf("get code of request: %w", err)
	}
	grant, err := c.store.GetGrant(ctx, code.Grant)
	if err != nil {
		return fmt.Errorf("get grant of request: %w", err)
	}
	if !grant.Active(c.now()) {
		a.Works, a.Callback = false, r.FailureURL(CallbackInvalidCode)
		return nil
	}
	a.Works = code.UsedAt.IsZero() && c.now().Before(code.ExpiresAt)
	account, err := c.store.GetUserAccount(ctx, s.Library.ID, r.Client.Application.ID)
	if err != nil {
		return fmt.Errorf("get account of the person: %w", err)
	}
	reference, err := c.connectedReference(ctx, s, r)
	if err != nil {
		return err
	}
	if reference == "" {
		reference = account.Reference
	}
	postbox, err := c.postboxOf(ctx, s, r)
	if err != nil {
		return err
	}
	a.Callback = r.allowedURL(secret, reference, postbox)
	return nil
}
