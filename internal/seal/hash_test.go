package seal_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

func TestHashInADatabase(t *testing.T) {
	t.Parallel()
	hash := seal.NewSecret().Hash()
	value, err := hash.Value()
	if err != nil {
		t.Fatal(err)
	}
	var back seal.Hash
	if err := back.Scan(value); err != nil || back != hash {
		t.Errorf("read back %s, %v; want %s", back, err, hash)
	}
	for _, bad := range []any{nil, "text", 7, []byte{}, make([]byte, 31), make([]byte, 33), []byte(nil),
		hash.String()} {
		if err := new(seal.Hash).Scan(bad); err == nil {
			t.Errorf("%v is accepted as a hash", bad)
		}
	}
	if len(hash.String()) != 64 || strings.Trim(hash.String(), "0123456789abcdef") != "" {
		t.Errorf("in words: %s", hash)
	}
}
