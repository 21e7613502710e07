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

// boundVectors is testdata/bound.json: what is bound to a library and to metadata. It never changes
// either.
type boundVectors struct {
	// Library is the id of the library of vectors.json.
	Library string `json:"library"`
	Secret  struct {
		Text    string `json:"text"`
		Hash    string `json:"hash"`
		Binding []byte `json:"binding"`
	} `json:"secret"`
	Keyring struct {
		Binding []byte `json:"binding"`
	} `json:"keyring"`
	Small  fileVector `json:"small"`
	Stream fileVector `json:"stream"`
}

type fileVector struct {
	File           string `json:"file"`
	Application    string `json:"application"`
	Contract       string `json:"contract"`
	CreatedAt      int64  `json:"createdAt"`
	Size           int64  `json:"size"`
	Metadata       string `json:"metadata"`
	MetadataSHA256 string `json:"metadataSHA256"`
	Key            []byte `json:"key"`
	Content        string `json:"content"`
	Sealed         []byte `json:"sealed"`
}

func readBoundVectors(t testing.TB) (v boundVectors) {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile(filepath.Join("testdata", "bound.json")))
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// epochVector is testdata/epoch.json: a small file that is sealed in an epoch of the library of vectors.json. It never
// changes either. Its key is the epoch's id and a salt.
type epochVector struct {
	Library       string `json:"library"`
	Encapsulation []byte `json:"encapsulation"`
	fileVector
}

func readEpochVector(t testing.TB) (v epochVector) {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile(filepath.Join("testdata", "epoch.json")))
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// secretVector is testdata/secret.json: the key of the library of vectors.json, sealed to its secret. It never changes
// either.
type secretVector struct {
	SealedKey []byte `json:"sealedKey"`
}

func readSecretVector(t testing.TB) (v secretVector) {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile(filepath.Join("testdata", "secret.json")))
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// binding returns what the file's key is bound to.
func (f fileVector) binding(t testing.TB) seal.FileBinding {
	t.Helper()
	hash := must[[]byte](t)(hex.DecodeString(f.MetadataSHA256))
	return seal.BoundToMetadata(f.File, [32]byte(hash))
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

// TestVectorSealedKey opens a library's key by a secret.
func TestVectorSealedKey(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	key, err := seal.SecretOf(v.Secret.Text).OpenKey(readSecretVector(t).SealedKey)
	if err != nil || !bytes.Equal(key.PublicKey().Bytes(), v.Library.PublicKey) {
		t.Errorf("another key was sealed, or %v", err)
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
	got, err := small.OpenContent(seal.BoundToID(v.Small.File), v.Small.Sealed)
	if err != nil || string(got) != v.Small.Content {
		t.Errorf("small content: %q, %v", got, err)
	}
	key, err := library.OpenFileKey(seal.BoundToID(v.Stream.File), v.Stream.Key)
	if err != nil {
		t.Fatalf("seal of a file's key: %v", err)
	}
	got, err = openStream(t, key, bytes.NewReader(stream))
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

// TestVectorBound opens what is bound to metadata, and verifies what is bound to a library.
func TestVectorBound(t *testing.T) {
	t.Parallel()
	v, _ := readVectors(t)
	bound := readBoundVectors(t)
	library := must[seal.PrivateKey](t)(seal.SecretOf(v.Secret.Text).OpenKey(v.Library.HandedToSecret))
	small := must[seal.FileKey](t)(library.OpenFileKey(bound.Small.binding(t), bound.Small.Key))
	if got, err := small.OpenContent(bound.Small.binding(t), bound.Small.Sealed); err != nil ||
		string(got) != bound.Small.Content {
		t.Errorf("small content: %q, %v", got, err)
	}
	key := must[seal.FileKey](t)(library.OpenFileKey(bound.Stream.binding(t), bound.Stream.Key))
	if got, err := openStream(t, key, bytes.NewReader(bound.Stream.Sealed)); err != nil ||
		string(got) != bound.Stream.Content {
		t.Errorf("stream: %q, %v", got, err)
	}
	if got, want := seal.StreamSize(bound.Stream.Size), int64(len(bound.Stream.Sealed)); got != want {
		t.Errorf("a stream of %d bytes, want %d", got, want)
	}
	secret := seal.SecretOf(bound.Secret.Text)
	id := []byte(bound.Library)
	if !secret.IsVersioned() || secret.Hash().String() != bound.Secret.Hash ||
		!secret.VerifyMAC(bound.Secret.Binding, "carrel library of a secret", id, v.Library.PublicKey) {
		t.Error("the secret does not bind the library")
	}
	ring := parseKeyring(t, v.Keyring.Text)
	if !ring.VerifyMAC(bound.Keyring.Binding, "carrel library", id, v.Library.PublicKey) {
		t.Error("the keyring does not bind the library")
	}
}
