package library

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

// EncodeMetadata returns the JSON text of a file's metadata, as it is stored and as the file's
// key is bound to it: UTF-8 without NUL, which every database gives back unchanged.
func EncodeMetadata(m wire.RawMetadata) (string, error) { return encodeMetadata(m) }

func encodeMetadata(m any) (string, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // it would make a text up to six times as long
	if err := encoder.Encode(m); err != nil {
		return "", fmt.Errorf("encode metadata: %w", err)
	}
	return strings.ToValidUTF8(strings.TrimSuffix(out.String(), "\n"), "\uFFFD"), nil
}

// metadataLabel begins the text that is hashed. It changes with the encoding.
const metadataLabel = "carrel metadata 1"

// metadataHash returns the SHA-256 of all that is stored in the clear about a file:
//
//	label | library | file | application | contract | created | size | metadata
//
// where label is "carrel metadata 1", created (in Unix milliseconds) and size are 8 bytes each,
// and metadata is MetadataJSON. The length of each of the others is written before it, in 4
// bytes. Numbers are big-endian.
func (f File) metadataHash() [sha256.Size]byte {
	text := make([]byte, 0, 512+len(f.MetadataJSON))
	text = appendPart(text, metadataLabel)
	text = appendPart(text, f.Library)
	text = appendPart(text, f.ID)
	text = appendPart(text, f.Application)
	text = appendPart(text, f.Contract)
	text = binary.BigEndian.AppendUint64(text, uint64(f.CreatedAt.UnixMilli()))
	text = binary.BigEndian.AppendUint64(text, uint64(f.Size))
	text = appendPart(text, f.MetadataJSON)
	return sha256.Sum256(text)
}
