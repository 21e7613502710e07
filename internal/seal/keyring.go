package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
)

// Keyring holds the server's master keys, which encrypt the server's own secrets (its
// signing keys, tokens of providers) and never a person's files. The newest key
// encrypts; all of them decrypt. A keyring is stored apart from the database.
//
// Its text has one key on each line, newest last: 32 bytes in base64. Empty lines and
// lines that begin with # are ignored, except a line "# installation ID", which says to
// which installation the keyring belongs, and a line "# adopted N", which says that rows
// of older programs have been bound, and must not be once more.
type Keyring struct {
	keys         *keySource
	installation string
	adopted      int
}

type masterKey struct {
	id   [4]byte // first bytes of the key's SHA-256, which select the key for a box
	aead cipher.AEAD
	mac  masked[[]byte]
}

// ParseKeyring parses a keyring's text. Errors give the line number and never the line.
func ParseKeyring(text []byte) (*Keyring, error) {
	keys, err := parseKeys(text)
	if err != nil {
		return nil, err
	}
	installation, err := parseInstallation(text)
	if err != nil {
		return nil, err
	}
	return &Keyring{&keySource{keys: maskedOf(keys)}, installation, parseAdopted(text)}, nil
}

func parseKeys(text []byte) (keys []masterKey, err error) {
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("master key on line %d: want 32 bytes in base64", i+1)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("master key on line %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("master key on line %d: %w", i+1, err)
		}
		sum := sha256.Sum256(append([]byte("carrel master key\x00"), key...))
		keys = append(keys, masterKey{[4]byte(sum[:4]), aead, maskedOf(macKey(key, "carrel master mac"))})
	}
	if len(keys) == 0 {
		return nil, errors.New("the keyring holds no master key")
	}
	return keys, nil
}

// installationLine matches the line of the installation. A line that was written in part
// only does not match.
var installationLine = regexp.MustCompile(`(?m)^[ \t]*# installation ([0-9a-z]{20})[ \t\r]*$`)

func parseInstallation(text []byte) (id string, err error) {
	for _, m := range installationLine.FindAllSubmatch(text, -1) {
		if id != "" && id != string(m[1]) {
			return "", fmt.Errorf("the keyring names two installations, %s and %s: remove the wrong line", id, m[1])
		}
		id = string(m[1])
	}
	return id, nil
}

// adoptedLine matches a line of an adoption.
var adoptedLine = regexp.MustCompile(`(?m)^[ \t]*# adopted ([0-9]{1,9})[ \t\r]*$`)

// parseAdopted returns the highest number of the lines of adoptions, or 0.
func parseAdopted(text []byte) (highest int) {
	for _, m := range adoptedLine.FindAllSubmatch(text, -1) {
		if n, err := strconv.Atoi(string(m[1])); err == nil {
			highest = max(highest, n)
		}
	}
	return highest
}

// Adopted is the number of the newest adoption that the keyring knows of; 0 if its text names
// none.
func (r *Keyring) Adopted() int { return r.adopted }

// NewInstallationID returns a random id of an installation.
func NewInstallationID() string { return RandomID(20) }

// Installation is the id of the installation to which the keyring belongs; empty if its
// text does not say so.
func (r *Keyring) Installation() string { return r.installation }

// A KeyID names a master key. It says nothing about the key.
type KeyID string

func (k masterKey) name() KeyID { return KeyID(hex.EncodeToString(k.id[:])) }

// Keys lists the ids of the keys, newest last.
func (r *Keyring) Keys() (ids []KeyID) {
	for _, k := range r.keys.value() {
		ids = append(ids, k.name())
	}
	return ids
}

// KeyOf returns the id of the key that made a box; empty if the box is none of a keyring.
func KeyOf(box []byte) KeyID {
	if len(box) < 5 || box[0] != 1 {
		return ""
	}
	return masterKey{id: [4]byte(box[1:5])}.name()
}

// NewKeyringText returns the text of a keyring with one random key.
func NewKeyringText() []byte {
	const head = "# Carrel master keys, newest last. Keep this file apart from the database, and keep a copy.\n"
	return append([]byte(head), newKeyLine()...)
}

func newKeyLine() []byte {
	key := randomKey()
	return []byte(base64.StdEncoding.EncodeToString(key[:]) + "\n")
}

// Seal encrypts a secret of the server. The purpose is additional data.
func (r *Keyring) Seal(purpose string, plaintext []byte) []byte {
	keys := r.keys.value()
	k := keys[len(keys)-1]
	out := append([]byte{1}, k.id[:]...)
	return k.aead.Seal(out, nil, plaintext, []byte(purpose))
}

// Open decrypts the result of Seal. It returns [ErrCannotOpen] if no key of the keyring
// opens it for that purpose.
func (r *Keyring) Open(purpose string, box []byte) ([]byte, error) {
	if len(box) < 5 || box[0] != 1 {
		return nil, ErrCannotOpen
	}
	for _, k := range r.keys.named([4]byte(box[1:5])) {
		if plain, err := k.aead.Open(nil, nil, box[5:], []byte(purpose)); err == nil {
			return plain, nil
		}
	}
	return nil, ErrCannotOpen
}

// Format prints the mask for every fmt verb.
func (r *Keyring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue returns the mask.
func (r *Keyring) LogValue() slog.Value { return slog.StringValue(maskText) }
