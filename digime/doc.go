// Package digime is a client for digi.me and for every Carrel, a personal data
// library that anyone can host. An application uses it to send a person to their
// library for consent, to push files into it, to push FHIR resources on to their
// health-care provider, and to read back what the person allows.
//
// The main job, from a contract's private key to a person's files:
//
//	client, err := digime.New(applicationID, digime.At("https://library.example.org"))
//	contract, err := digime.ParseContract(contractID, pemBytes)
//
//	// Send the person to auth.URL; keep auth.State, auth.Verifier and auth.Session.
//	auth, err := client.Authorize(ctx, contract, digime.AuthorizeOptions{Callback: callback})
//
//	// They come back to the callback.
//	back, err := digime.ParseCallback(r.URL.Query())
//	if back.State != auth.State { ... }
//	token, err := client.Exchange(ctx, contract, back.Code, auth.Verifier)
//
//	// Everything that one person's token allows. save keeps a refreshed token.
//	user := client.User(contract, token, digime.OnTokenChange(save))
//
//	// With a write contract:
//	err = user.Push(ctx, digime.Push{Data: f, MIMEType: "application/pdf", AccountID: "patient-42"})
//
//	// With a read contract:
//	session, err := user.ReadSession(ctx, digime.SessionOptions{})
//	for file, err := range session.Files(ctx) {
//		if err != nil { ... }
//		io.Copy(dst, file)
//	}
//
//	// With a write contract and SourceType: digime.SourcePush, to a provider that the
//	// person has connected; bundle is FHIR, as JSON or as anything that becomes it.
//	answer, err := user.PushToProvider(ctx, account, digime.STU3, bundle)
//
// Without [At] the client speaks to digi.me itself.
//
// # What it does by itself
//
// An access token that the server refuses is refreshed once, however many calls
// wait for it, and the calls are repeated; the hook of [OnTokenChange] has kept
// the new token before they go on. Calls that only read or delete are tried again
// after errors that pass by themselves; a POST never is, except for looking
// things up. Every attempt is signed anew. Contents stream both ways: the client
// holds a few buffers, whatever a file's size. (A resource for a provider is held
// whole; it has 10 MiB at most.)
//
// # Errors
//
// What the server answers is an [*Error]; errors.Is tells its kind
// ([ErrInvalidToken], [ErrNotFound] and so on). What went wrong with something that
// the server had kept for a provider is a [*DeliveryError] around it. No text of an error holds a
// secret, and tokens, keys and verifiers print as a mask.
//
// # Concurrency
//
// A [Client], a [Contract], a [User] and a [Session] may be used by many
// goroutines at once; a [File] by one.
package digime
