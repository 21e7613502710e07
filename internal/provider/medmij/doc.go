// Package medmij is the MedMij network, as the server of a personal health environment
// sees it ("DVP Server"): the four central lists, the trip to a provider's authorization
// endpoint, the token endpoint, and the resource endpoint that things are sent to.
//
// A [Network] is made of what the operator has been given: the host name of our
// node, which is our client_id, a certificate with its key, and the roots of the
// backchannel. [Network.Run] keeps the lists fresh. Where a provider is reached, and
// whether it may be reached at all, comes from the lists and from nowhere else.
//
// What the rules are is in docs/providers.md, and beside the lines that keep them, by
// the name of the page of the MedMij Afsprakenstelsel. What could not be confirmed is
// marked "unconfirmed" in both places.
package medmij
