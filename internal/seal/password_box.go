package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/argon2"
)

// PasswordBox is a private key that a password (or recovery code) opens:
//
//	version 1 | argon2id time, memory in KiB, threads (4 bytes each) | salt 16 | nonce 12 | AES-256-GCM
//
// The header, which is everything before the ciphertext, is additional data.
type PasswordBox []byte

const (
	passwordBoxVersion = 1
	passwordBoxHeader  = 1 + 3*4 + 16 + 12
)

// PasswordCost is what argon2id spends on one password. The zero value stands for the
// default: three passes over 12 MiB, which OWASP rates as high as two over 19 MiB, and
// which takes about 30 ms. A box records its cost, so the default can be changed.
//
// Only tests and measurements that are about something else may use a lower cost.
type PasswordCost struct {
	Passes uint32
	Memory uint32 // in KiB
}

func (c PasswordCost) orDefault() PasswordCost {
	if c == (PasswordCost{}) {
		return PasswordCost{Passes: 3, Memory: 12 << 10}
	}
	return c
}

// Limits on the cost in a box, so that a forged one costs no more.
const (
	maxBoxPasses = 10
	maxBoxMemory = 256 << 10
)

// newPasswordBox returns a box without its ciphertext.
func newPasswordBox(cost PasswordCost, capacity int) PasswordBox {
	cost = cost.orDefault()
	box := make(PasswordBox, passwordBoxHeader, passwordBoxHeader+capacity)
	box[0] = passwordBoxVersion
	binary.BigEndian.PutUint32(box[1:], cost.Passes)
	binary.BigEndian.PutUint32(box[5:], cost.Memory)
	binary.BigEndian.PutUint32(box[9:], 1) // threads
	_, _ = rand.Read(box[13:])             // salt and nonce; never fails, by its documentation
	return box
}

// SealWithPassword seals a copy of the private key with a password.
func (p PrivateKey) SealWithPassword(ctx context.Context, password string, cost PasswordCost) (PasswordBox, error) {
	b, err := p.bytes()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	box := newPasswordBox(cost, len(b)+16)
	gcm, err := box.gcm(ctx, password)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(box, box[29:passwordBoxHeader], b, box[:passwordBoxHeader]), nil
}

// Open opens the box. It returns [ErrCannotOpen] for the wrong password, and the
// context's error if it ends while Open waits for its turn.
func (b PasswordBox) Open(ctx context.Context, password string) (PrivateKey, error) {
	if len(b) < passwordBoxHeader || b[0] != passwordBoxVersion {
		return PrivateKey{}, errors.New("open password box: not a box of version 1")
	}
	gcm, err := b.gcm(ctx, password)
	if err != nil {
		return PrivateKey{}, err
	}
	plain, err := gcm.Open(nil, b[29:passwordBoxHeader], b[passwordBoxHeader:], b[:passwordBoxHeader])
	if err != nil {
		return PrivateKey{}, ErrCannotOpen
	}
	return parsePrivateKey(plain)
}

// SpendPasswordTime takes as long as opening a box, so that the response for an unknown
// e-mail address takes as long as that for a wrong password. It returns the context's error
// if that ends while it waits for its turn, as opening does.
func SpendPasswordTime(ctx context.Context, password string, cost PasswordCost) error {
	_, err := newPasswordBox(cost, 0).gcm(ctx, password)
	return err
}

// gcm derives the box's cipher from a password.
func (b PasswordBox) gcm(ctx context.Context, password string) (cipher.AEAD, error) {
	passes, memory := binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:])
	threads := binary.BigEndian.Uint32(b[9:])
	if passes == 0 || passes > maxBoxPasses || memory == 0 || memory > maxBoxMemory || threads == 0 || threads > 255 {
		return nil, errors.New("open password box: costs out of bounds")
	}
	if err := turns.take(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if memory >= 1<<10 {
			// Free the memory of this hash before the next one allocates as much.
			// Otherwise the heap would grow by twice that.
			runtime.GC()
		}
		turns.end()
	}()
	key := argon2.IDKey([]byte(password), b[13:29], passes, memory, uint8(threads), 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("password cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("password cipher: %w", err)
	}
	return gcm, nil
}
