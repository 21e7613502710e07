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
// Everything before the ciphertext is authenticated with it.
type PasswordBox []byte

// argon2id's costs for new boxes: 12 MiB, three passes, one lane, which OWASP rates
// as high as 19 MiB and two; about 30 ms. Old boxes say their own.
const (
	passwordBoxVersion = 1
	boxTime            = 3
	boxMemory          = 12 << 10
	boxThreads         = 1
	passwordBoxHeader  = 1 + 3*4 + 16 + 12
)

// Bounds on what a stored box may ask for, so that a forged one costs no more.
const (
	maxBoxTime   = 10
	maxBoxMemory = 256 << 10
)

// hashing lets only so many password hashes run at once: each takes its memory.
var hashSlot = make(chan struct{}, 1)

// SealWithPassword makes a box of the private key.
func (p PrivateKey) SealWithPassword(ctx context.Context, password string) (PasswordBox, error) {
	b, err := p.bytes()
	if err != nil {
		return nil, err
	}
	defer clear(b)
	box := make([]byte, passwordBoxHeader, passwordBoxHeader+len(b)+16)
	box[0] = passwordBoxVersion
	binary.BigEndian.PutUint32(box[1:], boxTime)
	binary.BigEndian.PutUint32(box[5:], boxMemory)
	binary.BigEndian.PutUint32(box[9:], boxThreads)
	_, _ = rand.Read(box[13:passwordBoxHeader])
	gcm, err := PasswordBox(box).cipher(ctx, password)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(box, box[29:passwordBoxHeader], b, box[:passwordBoxHeader]), nil
}

// Open opens the box. It returns [ErrCannotOpen] for the wrong password, and the
// context's error if it ends while waiting for its turn.
func (b PasswordBox) Open(ctx context.Context, password string) (PrivateKey, error) {
	if len(b) < passwordBoxHeader || b[0] != passwordBoxVersion {
		return PrivateKey{}, errors.New("open password box: not a box of version 1")
	}
	gcm, err := b.cipher(ctx, password)
	if err != nil {
		return PrivateKey{}, err
	}
	plain, err := gcm.Open(nil, b[29:passwordBoxHeader], b[passwordBoxHeader:], b[:passwordBoxHeader])
	if err != nil {
		return PrivateKey{}, ErrCannotOpen
	}
	return parsePrivateKey(plain)
}

// SpendPasswordTime takes as long as opening a box, so that an unknown address
// answers no faster than a wrong password.
func SpendPasswordTime(ctx context.Context, password string) {
	box := make(PasswordBox, passwordBoxHeader)
	box[0] = passwordBoxVersion
	binary.BigEndian.PutUint32(box[1:], boxTime)
	binary.BigEndian.PutUint32(box[5:], boxMemory)
	binary.BigEndian.PutUint32(box[9:], boxThreads)
	_, _ = box.cipher(ctx, password)
}

func (b PasswordBox) cipher(ctx context.Context, password string) (cipher.AEAD, error) {
	time, memory, threads := binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:]),
		binary.BigEndian.Uint32(b[9:])
	if time == 0 || time > maxBoxTime || memory == 0 || memory > maxBoxMemory || threads == 0 || threads > 255 {
		return nil, errors.New("open password box: costs out of bounds")
	}
	if err := ctx.Err(); err != nil {
		return nil, err // select would toss a coin
	}
	select {
	case hashSlot <- struct{}{}:
		defer func() {
			// Collect the hash's memory before the next one asks for as much; left alone,
			// it would let the whole heap grow by twice that.
			runtime.GC()
			<-hashSlot
		}()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	key := argon2.IDKey([]byte(password), b[13:29], time, memory, uint8(threads), 32)
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
