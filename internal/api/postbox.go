package api

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
)

// postboxClaims are the claims that only a push to a postbox has.
type postboxClaims struct {
	// Key is the key of the content, encrypted for the postbox, in base64.
	Key string `json:"symmetrical_key"`
	// IV is in hexadecimal digits.
	IV string `json:"iv"`
	// Metadata is the description of the file, encrypted with the same key and IV, in base64.
	Metadata string `json:"metadata"`
}

// The states of a push to a postbox.
const (
	postboxDelivered = "delivered"
	// postboxPending says that the access token has expired: the client refreshes it and pushes again.
	postboxPending = "pending"
)

// postboxAnswer is the answer to a push to a postbox. Expires is when the access token does, in Unix seconds, which
// Android reads as an int of 32 bits. Only Android has a use for the session.
type postboxAnswer struct {
	Status  string        `json:"status"`
	Expires wire.Seconds  `json:"expires"`
	Session *wire.Session `json:"session,omitempty"`
}

// pushToPostbox adds a file to the person's library that a client of an earlier generation has encrypted for the
// postbox of the library and contract.
func (a *api) pushToPostbox(w http.ResponseWriter, r *http.Request, signed *library.SignedRequest) error {
	answer := postboxAnswer{Status: postboxDelivered}
	b, err := a.Consents.CachedBearer(r.Context(), signed)
	var refusal *library.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Kind == library.RefusedExpired:
		if err := a.Clients.UseNonce(r.Context(), signed); err != nil {
			return err
		}
		httpserve.WriterOf(w).Body().Drain() // clients do not read an answer while they send
		answer.Status = postboxPending
	case err != nil:
		return err
	default:
		if err := a.storePostboxPush(r, b); err != nil {
			return err
		}
		answer.Expires = wire.SecondsOf(b.ExpiresAt())
	}
	if isOlder(r) {
		session := a.Consents.EmptySession()
		answer.Session = &session
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (a *api) storePostboxPush(r *http.Request, b *library.Bearer) error {
	if err := b.Require(library.Write); err != nil {
		return err
	}
	id := r.PathValue("postbox")
	if !wire.ValidName(id) {
		return notFound("Postbox")
	}
	private, err := a.Consents.PostboxKey(r.Context(), b, library.PostboxID(id))
	if err != nil {
		return err
	}
	pushed, err := openPostboxClaims(private, b.Request())
	if err != nil {
		return err
	}
	form, err := newFileForm(r)
	if err != nil {
		return err
	}
	err = a.receive(r, b, func(ctx context.Context) error {
		file, err := form.next()
		if err != nil {
			return err
		}
		content, err := wire.OpenContent(pushed.key, pushed.iv, file)
		if err != nil {
			return err
		}
		_, err = a.Files.Push(ctx, b, pushed.descriptor, content)
		return err
	})
	var refused *wire.Error
	switch {
	case errors.As(err, &refused):
		return refused // by the form, whose reader's errors the push has wrapped
	case errors.Is(err, wire.ErrEnvelopePadding), errors.Is(err, wire.ErrEnvelopeCut):
		return undecryptable("the file").Because(err)
	}
	return err
}

// postboxFile is what the claims of a push to a postbox say.
type postboxFile struct {
	key, iv    []byte
	descriptor *wire.Descriptor
}

// openPostboxClaims decrypts the claims of a push. Whatever does not decrypt gets the same answer: only who has the
// contract's key can ask, and learns nothing by it.
func openPostboxClaims(private *rsa.PrivateKey, signed *library.SignedRequest) (postboxFile, error) {
	var claims postboxClaims
	if err := signed.DecodeClaims(&claims); err != nil {
		return postboxFile{}, err
	}
	wrapped, err1 := base64.StdEncoding.DecodeString(claims.Key)
	iv, err2 := hex.DecodeString(claims.IV)
	metadata, err3 := base64.StdEncoding.DecodeString(claims.Metadata)
	if err := errors.Join(err1, err2, err3); err != nil || len(iv) != aes.BlockSize {
		return postboxFile{}, wire.Validation(
			"symmetrical_key and metadata must be base64, and iv 32 hexadecimal digits").Because(err)
	}
	key, err := wire.UnwrapContentKey(private, wrapped)
	if err != nil {
		return postboxFile{}, undecryptable("symmetrical_key or metadata").Because(err)
	}
	content, err := wire.OpenContent(key, iv, bytes.NewReader(metadata))
	if err != nil {
		return postboxFile{}, err
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return postboxFile{}, undecryptable("symmetrical_key or metadata").Because(err)
	}
	descriptor, err := wire.ParseDescriptor(text)
	return postboxFile{key, iv, descriptor}, err
}

func undecryptable(what string) *wire.Error {
	return wire.Validation(what + " does not decrypt: use the publicKey and the postboxId of one callback")
}
