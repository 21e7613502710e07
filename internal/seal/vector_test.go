package seal_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

// vectors is testdata/vectors.json: one of everything that is stored. It never changes.
// If a change of the code or of a dependency fails to open it, people would be locked
// out of their libraries: give the new encoding a new version instead.
type vectors struct {
	Secret struct {
		Text            string `json:"text"`
		Hash            string `json:"hash"`
		PublicKey       []byte `json:"publicKey"`
		PublicKeySHA256 string `json:"publicKeySHA256"`
	} `json:"secret"`
	Library struct {
		PublicKey      []byte `json:"publicKey"`
		HandedToSecret []byte `json:"handedToSecret"`
	} `json:"library"`
	PasswordBox boxVector `json:"passwordBox"`
	RecoveryBox boxVector `json:"recoveryBox"`
	Text        struct {
		Purpose string `json:"purpose"`
		Text    string `json:"text"`
		Sealed  []byte `json:"sealed"`
	} `json:"text"`
	Small struct {
		File    string `json:"file"`
		Key     []byte `json:"key"`
		Content string `json:"content"`
		Sealed  []byte `json:"sealed"`
	} `json:"small"`
	Stream struct {
		File          string `json:"file"`
		Key           []byte `json:"key"`
		SealedIn      string `json:"sealedIn"`
		Length        int    `json:"length"`
		ContentSHA256 string `json:"contentSHA256"`
	} `json:"stream"`
	Keyring struct {
		Text      string `json:"text"`
		Purpose   string `json:"purpose"`
		Plaintext string `json:"plaintext"`
		Newest    []byte `json:"newest"`
		Older     []byte `json:"older"`
	} `json:"keyring"`
}

type boxVector struct {
	Password string `json:"password"`
	Box      []byte `json:"box"`
}

func readVectors(t testing.TB) (v vectors, stream []byte) {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile(filepath.Join("testdata", "vectors.json")))
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v, must[[]byte](t)(os.ReadFile(filepath.Join("testdata", v.Stream.SealedIn)))
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestVectorSecret pins what is derived from a secret. Every token, login and session
// that exists depends on it.
func TestVectorSecret(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	secret := seal.SecretOf(v.Secret.Text)
	if got := secret.Hash().String(); got != v.Secret.Hash {
		t.Errorf("hash %s, want %s: no secret that is out would be found", got, v.Secret.Hash)
	}
	key := must[seal.PublicKey](t)(secret.PublicKey())
	if got := sumOf(key.Bytes()); got != v.Secret.PublicKeySHA256 || !bytes.Equal(key.Bytes(), v.Secret.PublicKey) {
		t.Errorf("public key %s, want %s: nothing that is sealed would open", got, v.Secret.PublicKeySHA256)
	}
}

// TestVectorFiles reads as the server does: a secret opens the library's key, which
// opens the files' keys, which decrypt the contents.
func TestVectorFiles(t *testing.T) {
	t.Parallel()
	v, stream := readVectors(t)
	library, err := seal.SecretOf(v.Secret.Text).OpenKey(v.Library.HandedToSecret)
	if err != nil {
		t.Fatalf("sealed library key: %v", err)
	}
	if !bytes.Equal(library.PublicKey().Bytes(), v.Library.PublicKey) {
		t.Error("another key was sealed")
	}
	small, err := library.OpenFileKey(seal.BoundToID(v.Small.File), v.Small.Key)
	if err != nil {
		t.Fatalf("seal of a file's key: %v", err)
	}
	if got, err := small.OpenContent(seal.BoundToID(v.Small.File), v.Small.Sealed); err != nil || string(got) != v.Small.Content {
		t.Errorf("small content: %q, %v", got, err)
	}
	key, err := library.OpenFileKey(seal.BoundToID(v.Stream.File), v.Stream.Key)
	if err != nil {
		t.Fatalf("seal of a file's key: %v", err)
	}
	got, err := openStream(t, key, bytes.NewReader(stream))
	if err != nil || len(got) != v.Stream.Length || sumOf(got) != v.Stream.ContentSHA256 {
		t.Errorf("stream: %d bytes, %v", len(got), err)
	}
}

func TestVectorBoxes(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	for name, box := range map[string]boxVector{"password": v.PasswordBox, "recovery code": v.RecoveryBox} {
		key, err := seal.PasswordBox(box.Box).Open(context.Background(), box.Password)
		if err != nil {
			t.Errorf("box of a %s: %v", name, err)
			continue
		}
		if !bytes.Equal(key.PublicKey().Bytes(), v.Library.PublicKey) {
			t.Errorf("box of a %s: another key came out", name)
		}
	}
}

func TestVectorText(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	got, err := seal.SecretOf(v.Secret.Text).OpenText(v.Text.Purpose, v.Text.Sealed)
	if err != nil || got != v.Text.Text {
		t.Errorf("%q, %v", got, err)
	}
}

func TestVectorKeyring(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	ring := parseKeyring(t, v.Keyring.Text)
	for name, box := range map[string][]byte{"newest": v.Keyring.Newest, "older": v.Keyring.Older} {
		if got, err := ring.Open(v.Keyring.Purpose, box); err != nil || string(got) != v.Keyring.Plaintext {
			t.Errorf("box of the %s key: %q, %v", name, got, err)
		}
	}
}
