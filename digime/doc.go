// Package digime is a client for digi.me and for Carrel, a personal data library that anyone can host. An application
// uses it to ask a person for consent, to push files into the person's library, to send FHIR resources to the person's
// health-care provider, and to read what the person allows.
//
// The main job, from the private key of a contract to the files of a person:
//
//	client, err := digime.New(applicationID, digime.WithServer("https://library.example.org"))
//	contract, err := client.ParseContract(contractID, privateKeyPEM)
//
//	// Send the person to auth.URL, and keep auth in their session.
//	auth, err := contract.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: redirectURL})
//
//	// The person returns to the redirect URL. ParseCallback compares the state.
//	callback, err := auth.ParseCallback(r.URL.Query())
//	token, err := contract.Exchange(ctx, callback)
//
//	// All that the person's token allows. save stores a refreshed token.
//	user := contract.User(token, digime.OnTokenChange(save))
//
//	// With a write contract:
//	err = user.Push(ctx, digime.PushInput{Data: f, MIMEType: "application/pdf", AccountID: "patient-42"})
//
//	// With a read contract:
//	session, err := user.StartSession(ctx, digime.SessionOptions{})
//	for file, err := range session.Files(ctx) {
//		if err != nil { ... }
//		if _, err := io.Copy(dst, file); err != nil { ... } // the bytes so far are not the whole file
//	}
//
//	// With a write contract that was authorised with SourceType: digime.SourcePush, to a provider that the person
//	// has connected. ListAccounts returns its account, whose Type is AccountPush. The bundle is FHIR as JSON;
//	// MarshalResource encodes a Go value.
//	response, err := user.PushToProvider(ctx, accountID, digime.STU3, bundle)
//
// Without [WithServer] the client uses digi.me itself. Package digimetest has a server for the tests of an application.
//
// # Tokens
//
// A [User] refreshes an access token that the server refuses, once for all calls that wait for it, and repeats the
// calls. The function of [OnTokenChange] has saved the new token before they continue.
//
// # Repeated calls
//
// Calls that only read or delete are repeated after errors that may be temporary. A POST is never repeated, except
// those that query the catalogue. Each attempt is signed anew.
//
// # Memory
//
// Contents are streamed in both directions: the client holds a few buffers, whatever the size of a file. A resource for
// a provider, of at most 10 MiB, is held as a whole.
//
// # Errors
//
// An error that the server returned is an [*Error], and [errors.Is] finds its kind. These kinds have a next step:
//
//   - [ErrReauthorize]: the refresh token has expired. Send the person to [User.Reauthorize].
//   - [ErrRevoked]: the person has revoked the consent or deleted the library. Start again with [Contract.Authorize].
//   - [ErrServiceAuthorization]: the permission at a source or provider has ended. Send the person to
//     [User.ReauthorizeAccount].
//   - [ErrValidation]: an argument is wrong. The errors that this package finds before it sends anything match it too.
//   - [ErrUnavailable]: the server has no capacity or receives too many requests. Try again later.
//   - [ErrQuotaExceeded]: there is no room for the file. To repeat the call does not help: keep the file, and ask the
//     operator of the server for more room.
//   - [ErrInvalidResponse]: something else has answered in place of the server, such as the login page of a network.
//     Try again later.
//
// An error of a resource that the server had accepted for a provider is a [*DeliveryError]. No text of an error
// contains a secret. Tokens, keys and verifiers print as a mask.
//
// # Concurrency
//
// A [Client], a [Contract], a [User] and a [Session] may be used by several goroutines at once, a [File] by one.
package digime
