package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/carrelhq/carrel/internal/seal"
)

// The functions of this file open everything that is stored without the package's code
// and without crypto/hpke and sio. They follow docs/file-format.md step by step, and so
// show that it suffices to write a reader.

// hybridKey is a private key of MLKEM768-X25519.
type hybridKey struct {
	pq *mlkem.DecapsulationKey768
	t  *ecdh.PrivateKey
}

// newHybridKey expands a seed of 32 bytes.
func newHybridKey(seed []byte) (hybridKey, error) {
	expanded := make([]byte, 96)
	shake := sha3.NewSHAKE256()
	_, _ = shake.Write(seed)
	_, _ = shake.Read(expanded)
	pq, err := mlkem.NewDecapsulationKey768(expanded[:64])
	if err != nil {
		return hybridKey{}, err
	}
	t, err := ecdh.X25519().NewPrivateKey(expanded[64:])
	return hybridKey{pq, t}, err
}

func (k hybridKey) public() []byte {
	return append(k.pq.EncapsulationKey().Bytes(), k.t.PublicKey().Bytes()...)
}

// keyOfSecret derives the key pair of a bearer secret.
func keyOfSecret(text string) (hybridKey, error) {
	ikm := sha256.Sum256([]byte("carrel key pair\x00" + text))
	shake := sha3.NewSHAKE256()
	for _, part := range [][]byte{ikm[:], []byte("HPKE-v1"), []byte("KEM\x64\x7a"), {0, 13}, []byte("DeriveKeyPair"),
		{0, 32}} {
		_, _ = shake.Write(part)
	}
	seed := make([]byte, 32)
	_, _ = shake.Read(seed)
	return newHybridKey(seed)
}

// openSealedKey opens a library's private key that is sealed to a secret.
func openSealedKey(text string, sealed []byte) ([]byte, error) {
	if len(sealed) != 32+32+16 {
		return nil, errors.New("not of this format")
	}
	key, err := hkdf.Key(sha256.New, []byte(text), sealed[:32], "carrel library key", 32)
	if err != nil {
		return nil, err
	}
	return openGCM(key, make([]byte, 12), sealed[32:], nil)
}

// open opens a seal: HPKE base mode, one message.
func (k hybridKey) open(info string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1088+32+16 {
		return nil, errors.New("too short for a seal")
	}
	expand, err := k.schedule(info, sealed[:1120])
	if err != nil {
		return nil, err
	}
	return openGCM(expand("key", 32), expand("base_nonce", 12), sealed[1120:], nil)
}

// epochKey derives the key of a file from its epoch: HPKE base mode, an exported secret, and HKDF.
func (k hybridKey) epochKey(library, info string, encapsulation, key []byte) ([]byte, error) {
	expand, err := k.schedule("carrel epoch "+hex.EncodeToString(key[:16])+" "+library, encapsulation)
	if err != nil {
		return nil, err
	}
	exporter := expand("exp", 32)
	secret, err := hkdf.Expand(sha256.New, exporter, "\x00\x20HPKE-v1"+suite+"sec"+"carrel epoch secret", 32)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, secret, key[16:], info, 32)
}

const suite = "HPKE\x64\x7a\x00\x01\x00\x02"

// schedule runs HPKE's key schedule. It returns its LabeledExpand.
func (k hybridKey) schedule(info string, encapsulation []byte) (
	expand func(label string, length int) []byte, err error,
) {
	ctPQ, ctT := encapsulation[:1088], encapsulation[1088:]
	ssPQ, err := k.pq.Decapsulate(ctPQ)
	if err != nil {
		return nil, err
	}
	theirs, err := ecdh.X25519().NewPublicKey(ctT)
	if err != nil {
		return nil, err
	}
	ssT, err := k.t.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	shared := sha3.Sum256(bytes.Join([][]byte{ssPQ, ssT, ctT, k.t.PublicKey().Bytes(), []byte(`\.//^\`)}, nil))

	extract := func(salt []byte, label string, ikm []byte) []byte {
		out, _ := hkdf.Extract(sha256.New, append([]byte("HPKE-v1"+suite+label), ikm...), salt)
		return out
	}
	context := append([]byte{0}, extract(nil, "psk_id_hash", nil)...)
	context = append(context, extract(nil, "info_hash", []byte(info))...)
	secret := extract(shared[:], "secret", nil)
	return func(label string, length int) []byte {
		out, _ := hkdf.Expand(sha256.New, secret,
			string([]byte{0, byte(length)})+"HPKE-v1"+suite+label+string(context), length)
		return out
	}, nil
}

func openGCM(key, nonce, ciphertext, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, nonce, ciphertext, data)
}

// hash is the hash of all that is stored in the clear about a file.
func (f fileVector) hash(library string) [32]byte {
	var text []byte
	part := func(s string) { text = append(binary.BigEndian.AppendUint32(text, uint32(len(s))), s...) }
	part("carrel metadata 1")
	part(library)
	part(f.File)
	part(f.Application)
	part(f.Contract)
	text = binary.BigEndian.AppendUint64(text, uint64(f.CreatedAt))
	text = binary.BigEndian.AppendUint64(text, uint64(f.Size))
	part(f.Metadata)
	return sha256.Sum256(text)
}

// openPackages opens a stream (DARE 2.0).
func openPackages(key, stream []byte) (content []byte, err error) {
	var first []byte
	for i := uint32(0); ; i++ {
		if len(stream) < 33 {
			return nil, errors.New("the end is missing")
		}
		header := stream[:16]
		if i == 0 {
			first = header
		}
		length := int(binary.LittleEndian.Uint16(header[2:])) + 1
		final := header[4]&0x80 != 0
		switch {
		case header[0] != 0x20 || header[1] != 0, len(stream) < 32+length, !final && length != 65536,
			header[4]&0x7f != first[4]&0x7f || !bytes.Equal(header[5:], first[5:]):
			return nil, errors.New("not a package of this stream")
		}
		nonce := bytes.Clone(header[4:])
		binary.LittleEndian.PutUint32(nonce[8:], binary.LittleEndian.Uint32(nonce[8:])^i)
		plain, err := openGCM(key, nonce, stream[16:32+length], header[:4])
		if err != nil {
			return nil, err
		}
		content, stream = append(content, plain...), stream[32+length:]
		if final {
			if len(stream) > 0 {
				return nil, errors.New("something follows the end")
			}
			return content, nil
		}
	}
}

// openBox opens a password box.
func openBox(password string, box []byte) ([]byte, error) {
	time, memory, lanes := binary.BigEndian.Uint32(box[1:]), binary.BigEndian.Uint32(box[5:]),
		binary.BigEndian.Uint32(box[9:])
	key := argon2.IDKey([]byte(password), box[13:29], time, memory, uint8(lanes), 32)
	return openGCM(key, box[29:41], box[41:], box[:41])
}

// openKeyringBox opens a box of the master keyring with one line of it.
func openKeyringBox(line, purpose string, box []byte) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(append([]byte("carrel master key\x00"), key...))
	if box[0] != 1 || !bytes.Equal(box[1:5], id[:4]) {
		return nil, errors.New("of another key")
	}
	return openGCM(key, box[5:17], box[17:], []byte(purpose))
}

// TestIndependentReader opens all vectors by the specification alone.
func TestIndependentReader(t *testing.T) {
	t.Parallel()
	v, stream := readVectors(t)
	own := must[hybridKey](t)(keyOfSecret(v.Secret.Text))
	seed := must[[]byte](t)(own.open("carrel library key", v.Library.HandedToSecret))
	library := must[hybridKey](t)(newHybridKey(seed))

	t.Run("secret", func(t *testing.T) {
		hash := sha256.Sum256([]byte("carrel hash\x00" + v.Secret.Text))
		if hex.EncodeToString(hash[:]) != v.Secret.Hash || !bytes.Equal(own.public(), v.Secret.PublicKey) {
			t.Error("the secret has another hash or public key")
		}
	})
	t.Run("sealed to a secret", func(t *testing.T) {
		got, err := openSealedKey(v.Secret.Text, readSecretVector(t).SealedKey)
		if err != nil || !bytes.Equal(got, seed) {
			t.Errorf("another key, or %v", err)
		}
	})
	t.Run("password boxes", func(t *testing.T) {
		for name, box := range map[string]boxVector{"password": v.PasswordBox, "recovery code": v.RecoveryBox} {
			if got, err := openBox(box.Password, box.Box); err != nil || !bytes.Equal(got, seed) {
				t.Errorf("box of a %s: %v", name, err)
			}
		}
	})
	t.Run("library", func(t *testing.T) {
		if !bytes.Equal(library.public(), v.Library.PublicKey) {
			t.Error("the library has another public key")
		}
	})
	t.Run("small content", func(t *testing.T) {
		key := must[[]byte](t)(library.open("carrel file key "+v.Small.File, v.Small.Key))
		got, err := openGCM(key, make([]byte, 12), v.Small.Sealed, []byte(v.Small.File))
		if err != nil || string(got) != v.Small.Content {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("stream", func(t *testing.T) {
		key := must[[]byte](t)(library.open("carrel file key "+v.Stream.File, v.Stream.Key))
		if got, err := openPackages(key, stream); err != nil || sumOf(got) != v.Stream.ContentSHA256 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	bound := readBoundVectors(t)
	t.Run("bound to metadata", func(t *testing.T) {
		for name, f := range map[string]fileVector{"small": bound.Small, "stream": bound.Stream} {
			hash := f.hash(bound.Library)
			key := must[[]byte](t)(library.open("carrel bound file key "+f.File+" "+hex.EncodeToString(hash[:]), f.Key))
			var got []byte
			var err error
			if name == "small" {
				got, err = openGCM(key, make([]byte, 12), f.Sealed, hash[:])
			} else {
				got, err = openPackages(key, f.Sealed)
			}
			if err != nil || string(got) != f.Content {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	})
	t.Run("in an epoch", func(t *testing.T) {
		e := readEpochVector(t)
		hash := e.hash(e.Library)
		key := must[[]byte](t)(library.epochKey(e.Library, "carrel bound file key "+e.File+" "+
			hex.EncodeToString(hash[:]), e.Encapsulation, e.Key))
		if got, err := openGCM(key, make([]byte, 12), e.Sealed, hash[:]); err != nil || string(got) != e.Content {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("bound to a library", func(t *testing.T) {
		b := bound.Secret
		if mac := macByTheBook(t, []byte(b.Text), "carrel secret mac", "carrel library of a secret", bound.Library,
			string(v.Library.PublicKey)); !bytes.Equal(mac, b.Binding) {
			t.Error("the secret has another binding")
		}
		line := must[[]byte](t)(base64.StdEncoding.DecodeString(strings.Split(v.Keyring.Text, "\n")[2]))
		id := sha256.Sum256(append([]byte("carrel master key\x00"), line...))
		mac := append(append([]byte{1}, id[:4]...), macByTheBook(t, line, "carrel master mac", "carrel library",
			bound.Library, string(v.Library.PublicKey))...)
		if !bytes.Equal(mac, bound.Keyring.Binding) {
			t.Error("the keyring has another binding")
		}
	})
	t.Run("text", func(t *testing.T) {
		if got, err := own.open(v.Text.Purpose, v.Text.Sealed); err != nil || string(got) != v.Text.Text {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("keyring boxes", func(t *testing.T) {
		lines := strings.Split(v.Keyring.Text, "\n") // the first is a comment
		for i, box := range [][]byte{v.Keyring.Older, v.Keyring.Newest} {
			got, err := openKeyringBox(lines[i+1], v.Keyring.Purpose, box)
			if err != nil || string(got) != v.Keyring.Plaintext {
				t.Errorf("box %d: %q, %v", i, got, err)
			}
		}
	})
}

// TestTodaysWriting: what the package writes today follows the specification, too.
func TestTodaysWriting(t *testing.T) {
	t.Parallel()
	secret, library, file := seal.NewSecret(), newKey(t), seal.NewFileKey()
	seed := must[[]byte](t)(openSealedKey(secret.Reveal(), must[seal.Sealed](t)(library.SealToSecret(secret))))
	own := must[hybridKey](t)(keyOfSecret(secret.Reveal()))
	toPublicKey := must[seal.Sealed](t)(library.SealTo(must[seal.PublicKey](t)(secret.PublicKey())))
	if got := must[[]byte](t)(own.open("carrel library key", toPublicKey)); !bytes.Equal(got, seed) {
		t.Error("the seal to a public key has another key")
	}
	box := must[seal.PasswordBox](t)(library.SealWithPassword(t.Context(), "password", cheap))
	if got, err := openBox("password", box); err != nil || !bytes.Equal(got, seed) {
		t.Errorf("password box: %v", err)
	}
	opened := must[hybridKey](t)(newHybridKey(seed))
	key := must[[]byte](t)(opened.open("carrel file key f",
		must[seal.Sealed](t)(file.SealTo(library.PublicKey(), seal.BoundToID("f")))))
	for _, n := range []int{1, payload, payload + 1} {
		content := someBytes(n)
		if got, err := openPackages(key, sealStream(t, file, content)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("stream of %d bytes: %v", n, err)
		}
	}
	small := must[[]byte](t)(file.SealContent(seal.BoundToID("f"), []byte("content")))
	if got, err := openGCM(key, make([]byte, 12), small, []byte("f")); err != nil || string(got) != "content" {
		t.Errorf("small content: %q, %v", got, err)
	}
	id, salt, bound := seal.NewEpochID(), someBytes(16), seal.BoundToMetadata("f", [32]byte{1})
	epoch, encapsulation, err := library.PublicKey().NewEpoch("library", id)
	if err != nil {
		t.Fatal(err)
	}
	inEpoch := must[[]byte](t)(must[seal.FileKey](t)(epoch.FileKey(bound, salt)).SealContent(bound, []byte("content")))
	epochKey := must[[]byte](t)(opened.epochKey("library", fmt.Sprintf("carrel bound file key f %x", [32]byte{1}),
		encapsulation, append(id[:], salt...)))
	got, err := openGCM(epochKey, make([]byte, 12), inEpoch, append([]byte{1}, make([]byte, 31)...))
	if err != nil || string(got) != "content" {
		t.Errorf("content in an epoch: %q, %v", got, err)
	}
	kept := parseKeyring(t, masterKey(3)).Seal("p", []byte("text"))
	if got, err := openKeyringBox(masterKey(3), "p", kept); err != nil || string(got) != "text" {
		t.Errorf("keyring box: %q, %v", got, err)
	}
}
