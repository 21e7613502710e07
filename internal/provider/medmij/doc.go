// Package medmij implements the MedMij network for the server of a personal health
// environment ("DVP Server"): the four central lists and the requests to a provider's
// authorization, token and resource endpoints. It sends ("delen"); it does not collect.
//
// A [Network] needs what MedMij gives to a participant: the host name of the node,
// which is the client_id, a certificate with its key, and the roots of the backchannel.
// [Network.Run] keeps the lists up to date. The addresses of providers, and which of them
// may be used, come from the lists only.
//
// docs/providers.md has the rules. Comments name the page of the MedMij
// Afsprakenstelsel that a line of code implements. "Unconfirmed" marks what could not be
// checked against MedMij's own text, here and in docs/providers.md.
package medmij
