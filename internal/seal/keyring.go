package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Keyring holds the server's master keys, which encrypt the server's own secrets (its
// signing keys, tokens of providers) and never a person's files. The newest key
// encrypts; all of them decrypt. A keyring is stored apart from the database.
//
// Its text has one key on each line, newest last: 32 bytes in base64. Empty lines and
// lines that begin with # are ignored.
type Keyring struct{ keys masked[[]masterKey] }

type masterKey struct {
	id   [4]byte // first bytes of the key's SHA-256, which select the key for a box
	aead cipher.AEAD
	mac  masked[[]byte]
}

// ParseKeyring parses a keyring's text. Errors give the line number and never the line.
func ParseKeyring(text []byte) (*Keyring, error) {
	var keys []masterKey
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
	return &Keyring{maskedOf(keys)}, nil
}

// NewKeyringText returns the text of a keyring with one random key.
func NewKeyringText() []byte {
	key := randomKey()
	return []byte("# Carrel master keys, newest last. Keep this file apart from the database, and keep a copy.\n" +
		base64.StdEncoding.EncodeToString(key[:]) + "\n")
}

// OpenKeyring reads the keyring in a file. If the file does not exist, it is created
// with a random key, readable by its owner only. A file that others may read is
// refused.
func OpenKeyring(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyringFile(path); err != nil {
			return nil, fmt.Errorf("make keyring: %w", err)
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("open keyring: %s may be read by others (mode %04o): chmod 600 it", path,
			info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	r, err := ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("open keyring %s: %w", path, err)
	}
	return r, nil
}

// createKeyringFile writes a new keyring to a temporary file and links it to path. If
// two processes do so at once, both read the key of the first.
func createKeyringFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".keyring-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(NewKeyringText())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
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
	for _, k := range r.keys.value() {
		if bytes.Equal(k.id[:], box[1:5]) {
			if plain, err := k.aead.Open(nil, nil, box[5:], []byte(purpose)); err == nil {
				return plain, nil
			}
		}
	}
	return nil, ErrCannotOpen
}

// Format prints the mask for every fmt verb.
func (r *Keyring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(maskText)) }

// LogValue returns the mask.
func (r *Keyring) LogValue() slog.Value { return slog.StringValue(maskText) }
