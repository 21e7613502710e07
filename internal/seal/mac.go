package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// secretVersion is the first byte of the secrets that NewSecret makes: the rows of such
// a secret have a MAC, without which they are refused. Older secrets have no version.
const secretVersion = 2

// SecretFrom returns the secret with the given 32 bytes, which must be random, or
// derived with a key from what nobody else knows.
func SecretFrom(random [32]byte) Secret {
	return SecretOf(base64.RawURLEncoding.EncodeToString(append([]byte{secretVersion}, random[:]...)))
}

// IsVersioned reports whether the text is that of a secret that has always had a MAC
// beside its row. It depends on the text alone, which whoever changes the row cannot
// change.
func (s Secret) IsVersioned() bool {
	b, err := base64.RawURLEncoding.DecodeString(s.Reveal())
	return err == nil && len(b) == 33 && b[0] == secretVersion
}

// MAC authenticates parts for a purpose, with a key that is derived from the secret's
// text and stored nowhere.
func (s Secret) MAC(purpose string, parts ...[]byte) []byte {
	return macOf(macKey([]byte(s.Reveal()), "carrel secret mac"), purpose, parts)
}

// VerifyMAC reports whether mac is the result of MAC for the same purpose and parts.
func (s Secret) VerifyMAC(mac []byte, purpose string, parts ...[]byte) bool {
	return hmac.Equal(mac, s.MAC(purpose, parts...))
}

// KeyringMACSize is the length of a keyring's MAC: a version, four bytes that name the key, and
// the MAC itself.
const KeyringMACSize = 5 + sha256.Size

// Knows reports whether a MAC names a key of the keyring.
func (r *Keyring) Knows(mac []byte) bool {
	return len(mac) == KeyringMACSize && mac[0] == 1 && len(r.keys.named([4]byte(mac[1:5]))) > 0
}

// MAC authenticates parts for a purpose with the newest master key.
func (r *Keyring) MAC(purpose string, parts ...[]byte) []byte {
	keys := r.keys.value()
	k := keys[len(keys)-1]
	return append(append([]byte{1}, k.id[:]...), macOf(k.mac.value(), purpose, parts)...)
}

// VerifyMAC reports whether mac is the result of MAC for the same purpose and parts,
// with any key of the keyring.
func (r *Keyring) VerifyMAC(mac []byte, purpose string, parts ...[]byte) bool {
	if len(mac) != KeyringMACSize || mac[0] != 1 {
		return false
	}
	for _, k := range r.keys.named([4]byte(mac[1:5])) {
		if hmac.Equal(mac[5:], macOf(k.mac.value(), purpose, parts)) {
			return true
		}
	}
	return false
}

// NewestID returns the id of the newest master key: the four bytes after the first in what
// it makes.
func (r *Keyring) NewestID() []byte {
	keys := r.keys.value()
	id := keys[len(keys)-1].id
	return id[:]
}

// macKey derives a MAC key. HKDF fails only for a length beyond what it can give.
func macKey(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, label, sha256.Size)
	if err != nil {
		panic("seal: derive MAC key: " + err.Error())
	}
	return key
}

// macOf computes HMAC-SHA256 over the purpose and the parts, each after its length, so
// that no two lists of parts have the same encoding.
func macOf(key []byte, purpose string, parts [][]byte) []byte {
	mac := hmac.New(sha256.New, key)
	var length [4]byte
	write := func(part []byte) {
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		_, _ = mac.Write(length[:])
		_, _ = mac.Write(part)
	}
	write([]byte(purpose))
	for _, part := range parts {
		write(part)
	}
	return mac.Sum(nil)
}
