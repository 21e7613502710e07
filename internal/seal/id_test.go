package seal_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/seal"
)

func TestRandomID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := seal.RandomID(20)
		if len(id) != 20 || strings.Trim(id, "0123456789abcdefghjkmnpqrstvwxyz") != "" {
			t.Fatalf("id %q", id)
		}
		if seen[id] {
			t.Fatalf("id %q twice", id)
		}
		seen[id] = true
	}
}
