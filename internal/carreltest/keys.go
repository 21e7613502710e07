package carreltest

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// keys are RSA keys, made once for the test binary: it takes a while to make one.
var keys struct {
	mu   sync.Mutex
	made []*rsa.PrivateKey
}

// Key returns the RSA key of a number. The same number gives the same key in every world of a test binary.
func Key(n int) *rsa.PrivateKey {
	keys.mu.Lock()
	defer keys.mu.Unlock()
	for len(keys.made) <= n {
		key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
		if err != nil {
			panic(err)
		}
		keys.made = append(keys.made, key)
	}
	return keys.made[n]
}

// keyringText is the master keyring of every world of a test binary: the signing key in the template of the
// database is sealed with it.
var keyringText = sync.OnceValue(seal.NewKeyringText)
