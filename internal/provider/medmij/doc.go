// Package medmij implements the MedMij network for the server of a personal health
// environment ("DVP Server"): the four central lists and the requests to a provider's
// authorization, token and resource endpoints. It sends ("delen"); it does not collect.
//
// A [Network] needs what MedMij gives to a participant: the host name of the node,
// which is the client_id, a certificate with its key, and the roots of the backchannel.
// [Network.Run] keeps the lists up to date. The addresses of providers, and which of them
// may be used, come from the lists only.
//
// The code uses MedMij's abbreviations of the lists. ZAL is the Zorgaanbiederslijst, the
// list of providers with their data services and endpoints. GNL is the
// Gegevensdienstnamenlijst, the list of the names of data services. OCL is the
// OAuthclientlist, the list of registered clients. WHL is the Whitelist, the list of hosts
// that may take part in the backchannel.
//
// chain_log.go writes the chain log: the records of the steps of each authorization and
// each delivery, which MedMij's Logging interface requires of a participant, so that a
// problem can be followed from one participant to the next.
//
// docs/providers.md has the rules. Comments name the page of the MedMij
// Afsprakenstelsel that a line of code implements. "Unconfirmed" marks what could not be
// checked against MedMij's own text, here and in docs/providers.md.
package medmij
