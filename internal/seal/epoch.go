package seal

import (
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// EpochID identifies an epoch. It is random.
type EpochID [16]byte

// NewEpochID returns a random id.
func NewEpochID() (id EpochID) {
	_, _ = rand.Read(id[:]) // never fails, by its documentation
	return id
}

// Epoch is a secret that a server and a library share for a while. The keys of files derive from it, so that one
// encapsulation, which is most of the work of a seal, serves many files. It prints masked.
type Epoch struct{ secret masked[[]byte] }

// EncapsulationSize is the length of an encapsulation.
const EncapsulationSize = 1120

// epochExport is the context in which an epoch's secret is exported: RFC 9180, section 5.3.
const epochExport = "carrel epoch secret"

// epochPurpose is bound to the library, too, so that an epoch cannot be moved to another.
func epochPurpose(library string, id EpochID) []byte {
	return fmt.Appendf(nil, "carrel epoch %x %s", id[:], library)
}

// NewEpoch makes an epoch of a library, and the encapsulation with which the library's private key opens it.
func (p PublicKey) NewEpoch(library string, id EpochID) (e Epoch, encapsulation []byte, err error) {
	if p.key == nil {
		return Epoch{}, nil, errors.New("open epoch: no public key")
	}
	encapsulation, sender, err := hpke.NewSender(p.key, hpkeKDF, hpkeAEAD, epochPurpose(library, id))
	if err != nil {
		return Epoch{}, nil, fmt.Errorf("encapsulate epoch: %w", err)
	}
	secret, err := sender.Export(epochExport, sha256.Size)
	if err != nil {
		return Epoch{}, nil, fmt.Errorf("export secret of epoch: %w", err)
	}
	return Epoch{maskedOf(secret)}, encapsulation, nil
}

// OpenEpoch opens an epoch of a library. With an encapsulation that is another's, or was altered, it returns
// [ErrCannotOpen], or an epoch whose keys open nothing.
func (p PrivateKey) OpenEpoch(library string, id EpochID, encapsulation []byte) (Epoch, error) {
	recipient, err := hpke.NewRecipient(encapsulation, p.key.value(), hpkeKDF, hpkeAEAD, epochPurpose(library, id))
	if err != nil {
		return Epoch{}, ErrCannotOpen
	}
	secret, err := recipient.Export(epochExport, sha256.Size)
	if err != nil {
		return Epoch{}, fmt.Errorf("export secret of epoch: %w", err)
	}
	return Epoch{maskedOf(secret)}, nil
}

// FileKey returns the key of a file. The salt is 16 random bytes, so that no key is ever used twice.
func (e Epoch) FileKey(file FileBinding, salt []byte) (FileKey, error) {
	key, err := hkdf.Key(sha256.New, e.secret.value(), salt, file.purpose, sha256.Size)
	if err != nil {
		return FileKey{}, fmt.Errorf("derive key of file: %w", err)
	}
	return FileKey{maskedOf(key)}, nil
}

// Clear wipes the secret. Afterwards the epoch must not be used.
func (e Epoch) Clear() { clear(e.secret.value()) }

// Format prints the mask for every fmt verb.
func (e Epoch) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue returns the mask.
func (e Epoch) LogValue() slog.Value { return slog.StringValue(maskText) }
