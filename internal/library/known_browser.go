package library

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/carrelhq/carrel/internal/seal"
)

// A browser that has signed in to a library keeps a proof of it, for as long as the library has the same password. The
// proof opens nothing. It gives the browser an allowance of wrong passwords of its own, so that whoever guesses the
// password from elsewhere does not keep the person out. A proof is a random id and a MAC under the master keyring, of
// the id, the library and its password's lock; without the keyring it says nothing about the person.
const (
	browserIDSize = 16
	proofSize     = browserIDSize + seal.KeyringMACSize
	// maxProofs is how many libraries a browser remembers: people share browsers.
	maxProofs = 4
	// proofSeparator stands between the proofs of a cookie.
	proofSeparator = "."
)

// purposeBrowser binds the MAC of a proof to its use.
const purposeBrowser = "carrel browser that has signed in"

func browserParts(id []byte, lock Lock) [][]byte {
	box := sha256.Sum256(lock.Box)
	return [][]byte{id, []byte(lock.Library), box[:]}
}

// BrowserProofs returns what a browser is to keep that has signed in: the proof of this sign-in, and what of before it
// keeps of other libraries. It is the value of a cookie that is no login.
func (p *People) BrowserProofs(ctx context.Context, s *SignedIn, before string) (string, error) {
	lock, err := p.libraries.GetLock(ctx, s.Library.ID, LockPassword)
	if err != nil {
		return "", fmt.Errorf("get lock of password: %w", err)
	}
	proofs := splitProofs(before)
	for i, proof := range proofs {
		if _, ok := p.integrity.verifyBrowser(proof, lock); ok { // keep its allowance
			return strings.Join(append([]string{proof}, append(proofs[:i:i], proofs[i+1:]...)...), proofSeparator), nil
		}
	}
	id := make([]byte, browserIDSize)
	_, _ = rand.Read(id) // never fails, by its documentation
	mac := p.integrity.ring.MAC(purposeBrowser, browserParts(id, lock)...)
	proof := base64.RawURLEncoding.EncodeToString(append(id, mac...))
	return strings.Join(append([]string{proof}, proofs[:min(len(proofs), maxProofs-1)]...), proofSeparator), nil
}

// knownBrowser returns the id of a browser that has signed in with the password of a lock; empty for any other one.
func (p *People) knownBrowser(proofs string, lock Lock) string {
	known := ""
	for _, proof := range splitProofs(proofs) { // all of them, so that it takes as long for each library
		if id, ok := p.integrity.verifyBrowser(proof, lock); ok {
			known = id
		}
	}
	return known
}

// verifyBrowser returns the id in the proof of a browser that has signed in with the password of a lock.
func (i *Integrity) verifyBrowser(proof string, lock Lock) (id string, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(proof)
	if err != nil || len(b) != proofSize {
		return "", false
	}
	ok = i.ring.VerifyMAC(b[browserIDSize:], purposeBrowser, browserParts(b[:browserIDSize], lock)...)
	return base64.RawURLEncoding.EncodeToString(b[:browserIDSize]), ok
}

// splitProofs returns the proofs in a cookie, without what else a browser may send.
func splitProofs(cookie string) (proofs []string) {
	if len(cookie) > maxProofs*2*proofSize {
		return nil
	}
	for _, proof := range strings.Split(cookie, proofSeparator) {
		if len(proof) == base64.RawURLEncoding.EncodedLen(proofSize) && len(proofs) < maxProofs {
			proofs = append(proofs, proof)
		}
	}
	return proofs
}
