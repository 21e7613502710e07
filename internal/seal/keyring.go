package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Keyring holds the server's master keys, which shut the server's own secrets (its
// signing keys, tokens of providers), never a person's files. The newest key
// encrypts; all of them decrypt. It is kept apart from the database.
//
// Its text has one key a line, newest last: 32 bytes in base64. Empty lines and
// lines that begin with # do not count.
type Keyring struct{ keys hidden[[]masterKey] }

type masterKey struct {
	id   [4]byte // first bytes of the key's SHA-256: says which key opens a box
	aead cipher.AEAD
}

// ParseKeyring reads a keyring's text. Errors name the line and never repeat it.
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
		keys = append(keys, masterKey{[4]byte(sum[:4]), aead})
	}
	if len(keys) == 0 {
		return nil, errors.New("the keyring holds no master key")
	}
	return &Keyring{hide(keys)}, nil
}

// NewKeyringText returns the text of a keyring with one fresh key.
func NewKeyringText() []byte {
	key := randomKey()
	return []byte("# Carrel master keys, newest last. Keep this file apart from the database, and keep a copy.\n" +
		base64.StdEncoding.EncodeToString(key[:]) + "\n")
}

// OpenKeyring reads the keyring in a file. If there is no such file, it makes one
// with a fresh key, readable by its owner only; it refuses a file that others may
// read.
func OpenKeyring(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyring(path); err != nil {
			return nil, fmt.Errorf("make keyring: %w", err)
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("open keyring: %s may be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
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

// makeKeyring writes a fresh keyring under a temporary name and links it into
// place, so that of two that start at once, one wins and both read the same key.
func makeKeyring(path string) error {
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

// Seal encrypts a secret of the server's. The purpose is authenticated with it.
func (r *Keyring) Seal(purpose string, plaintext []byte) []byte {
	keys := r.keys.reveal()
	k := keys[len(keys)-1]
	out := append([]byte{1}, k.id[:]...)
	return k.aead.Seal(out, nil, plaintext, []byte(purpose))
}

// Open decrypts what Seal made. It returns [ErrShut] if no key of the ring opens it
// for that purpose.
func (r *Keyring) Open(purpose string, box []byte) ([]byte, error) {
	if len(box) < 5 || box[0] != 1 {
		return nil, ErrShut
	}
	for _, k := range r.keys.reveal() {
		if bytes.Equal(k.id[:], box[1:5]) {
			if plain, err := k.aead.Open(nil, nil, box[5:], []byte(purpose)); err == nil {
				return plain, nil
			}
		}
	}
	return nil, ErrShut
}

// Format keeps every fmt verb from printing keys.
func (r *Keyring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// LogValue keeps slog from printing keys.
func (r *Keyring) LogValue() slog.Value { return slog.StringValue(mask) }

// RandomID returns an opaque id of n characters of lower-case base 32, 5 random
// bits each.
func RandomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	var out strings.Builder
	for _, x := range b {
		out.WriteByte(lowerCrockford[x%32])
	}
	return out.String()
}

const lowerCrockford = "0123456789abcdefghjkmnpqrstvwxyz"
