package seal_test

import (
	"bytes"
	"fmt"
)

// altered calls try with every variant that is one step away from sealed: one bit of
// each byte flipped, the ends cut off, bytes added before and after.
func altered(sealed []byte, try func(what string, bytes []byte)) {
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d of %d flipped", i, len(sealed)), b)
	}
	for _, n := range []int{0, 1, len(sealed) / 2, len(sealed) - 16, len(sealed) - 1} {
		if n < len(sealed) {
			try(fmt.Sprintf("cut to %d of %d bytes", max(n, 0), len(sealed)), bytes.Clone(sealed[:max(n, 0)]))
		}
	}
	try("first byte cut off", bytes.Clone(sealed[1:]))
	try("a byte appended", append(bytes.Clone(sealed), 0))
	try("a byte put before", append([]byte{0}, sealed...))
	try("twice", append(bytes.Clone(sealed), sealed...))
}
