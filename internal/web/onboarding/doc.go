// Package onboarding has the pages of an application's request: sign in or create a library, save the recovery code,
// connect a care provider, consent, and go back to the application. A request may also ask to connect an account
// again, to renew a consent, or to revoke something.
//
// The address of a request stays the same until it is answered. Which page it shows follows from how far the person
// is:
//
//	nobody signed in            ──> create a library, or sign in where somebody has signed in before, or recover
//	another person's request    ──> error page: sign in as another, or go back
//	library to be deleted       ──> undo the deletion
//	recovery code not saved     ──> recovery code
//	an account to be connected  ──> choose a provider, go there, come back; see connect.go
//	otherwise                   ──> consent (authorize, user-reauth), or back to the application at once (onboard,
//	                                reauthorize), or what is to be revoked (revoke)
//
// On each page the person can cancel and go back to the application: the request is then denied.
package onboarding
