package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// OlderBase is the path below which the Node SDK 5 to 7 and the last Android SDK call. Below it sessions are read
// without a signature, and the SHA-512 of a file's content comes before it. The calls are served only with
// Config.Legacy.
const OlderBase = "/v1.6/"

// anyOlderBase stands for each of olderBases, for the calls that are the same below all of them.
const anyOlderBase = "/{base}/"

// olderBases are the bases below which clients fetch the key set and the list of services.
var olderBases = []string{"v1.4", "v1.5", "v1.6"}

// withOlderBase calls the handler for a path below one of olderBases.
func (a *api) withOlderBase(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !slices.Contains(olderBases, r.PathValue("base")) {
			return notFound("Call")
		}
		return h(w, r)
	}
}

// withLegacy calls the handler if the operator serves clients of earlier generations.
func (a *api) withLegacy(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !a.Legacy {
			return sdkVersionInvalid()
		}
		return h(w, r)
	}
}

// isOlder reports whether a call came by OlderBase.
func isOlder(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, OlderBase) }

// wantsPostbox reports whether a client pushes to postboxes: all that call below OlderBase do, and the Node SDK before
// its version 9.
func wantsPostbox(r *http.Request, agent *wire.Agent) bool {
	if isOlder(r) {
		return true
	}
	if agent == nil || agent.SDK.Name != "nodejs" && agent.SDK.Name != "js" {
		return false
	}
	major, _, _ := strings.Cut(agent.SDK.Version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n < 9
}

// withUnsignedSession finds the session in the path, whose key is all that it takes to read.
func (a *api) withUnsignedSession(h sessionHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key := r.PathValue("session")
		if !wire.ValidName(key) {
			return notFound("Session")
		}
		s, err := a.Consents.FindUnsignedSession(r.Context(), key)
		if err != nil {
			return err
		}
		return a.share(r, s.Bearer.Client.ID(), func() error { return h(w, r, s) })
	}
}

// unsignedSession answers with a session that reads nothing. Android asks for one before it pushes, and keeps its key
// without a use for it.
func (a *api) unsignedSession(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Application string `json:"appId"`
		Contract    string `json:"contractId"`
	}
	if err := decode(r, &body); err != nil {
		return err
	}
	id, err := wire.ParseClientID(body.Application + "_" + body.Contract)
	if err != nil {
		return wire.Validation("appId and contractId: want letters and digits").Because(err)
	}
	if _, err := a.Clients.FindContract(r.Context(), id); err != nil {
		return err
	}
	session := a.Consents.EmptySession()
	writeJSON(w, http.StatusOK, struct {
		Key   string      `json:"sessionKey"`
		Until wire.Millis `json:"expiry"`
		// Token would open a page of an app that no server here has.
		Token string `json:"sessionExchangeToken"`
	}{session.Key, session.Expiry, library.NewOrderedID(session.Expiry.Time())})
	return nil
}
