package library

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// chainLabel begins the text that is hashed, so that no other hash of this project can pass for
// an event's. It changes with the encoding.
const chainLabel = "carrel event 1"

// Chain makes e follow the event whose hash is previous, or makes it the first event if that
// is empty: it sets Previous and Hash. Library, Seq, At, Kind and Details must be set. The hash
// is the SHA-256 of
//
//	label | previous | library | seq | at | kind | details
//
// where label is "carrel event 1", seq and at (in Unix milliseconds) are 8 bytes each, and
// details is the JSON text of [EventDetails.Marshal], or DetailsJSON if that is set. The length of
// each of label, previous, library, kind and details is written before it, in 4 bytes. Numbers are
// big-endian. No two events have the same encoding.
func (e *Event) Chain(previous []byte) {
	details := e.encodedDetails()
	text := make([]byte, 0, 256)
	text = appendPart(text, chainLabel)
	text = appendPart(text, previous)
	text = appendPart(text, e.Library)
	text = binary.BigEndian.AppendUint64(text, uint64(e.Seq))
	text = binary.BigEndian.AppendUint64(text, uint64(e.At.UnixMilli()))
	text = appendPart(text, e.Kind)
	text = appendPart(text, details)
	sum := sha256.Sum256(text)
	e.Previous, e.Hash = previous, sum[:]
}

// EncodeDetails sets DetailsJSON, so that Details are not encoded again.
func (e *Event) EncodeDetails() { e.DetailsJSON = e.encodedDetails() }

// encodedDetails returns the text of the details as it is hashed and stored.
func (e *Event) encodedDetails() string {
	if e.DetailsJSON != "" {
		return e.DetailsJSON
	}
	details := e.Details.Marshal()
	if bytes.Contains(details, []byte(`\ufffd`)) {
		// Bytes that are not UTF-8 become U+FFFD on the way to the database: hash what will be
		// read back.
		e.Details = EventDetails{}
		if err := json.Unmarshal(details, &e.Details); err != nil {
			panic("library: event details do not decode: " + err.Error()) // just encoded
		}
		details = e.Details.Marshal()
	}
	return string(details)
}

// ChainEnd is where a library's chain of events ends.
type ChainEnd struct {
	Library ID
	// Seq is how many events have been counted, and Hash is the hash of the newest one.
	Seq  int64
	Hash []byte
	// MAC authenticates the others under the master keyring. It is empty in a chain that an older
	// program has made and that has not been adopted.
	MAC []byte
}

// End returns the end of a chain whose newest event is e, without a MAC.
func (e Event) End() ChainEnd { return ChainEnd{Library: e.Library, Seq: e.Seq, Hash: e.Hash} }

// BindChainEnd returns the MAC of the end of a chain.
func (i *Integrity) BindChainEnd(end ChainEnd) []byte {
	return i.ring.MAC(purposeChainEnd, chainParts(end.Library, end.Seq, end.Hash)...)
}

// IsChainEndBound reports whether this server has made the MAC of an end.
func (i *Integrity) IsChainEndBound(end ChainEnd) bool {
	return i.ring.VerifyMAC(end.MAC, purposeChainEnd, chainParts(end.Library, end.Seq, end.Hash)...)
}

// chainParts are the parts of the MACs of an event of a chain.
func chainParts(id ID, seq int64, hash []byte) [][]byte {
	return [][]byte{[]byte(id), binary.BigEndian.AppendUint64(nil, uint64(seq)), hash}
}

// VerifyChain returns an error for the first event that does not follow the one before it. The
// events are in order, oldest first, without gaps; they need not begin with the library's first.
func VerifyChain(events []Event) error {
	for i, event := range events {
		if i > 0 && (event.Library != events[0].Library || event.Seq != events[i-1].Seq+1) {
			return fmt.Errorf("event %d of library %s does not follow event %d of library %s",
				event.Seq, event.Library, events[i-1].Seq, events[i-1].Library)
		}
		if i > 0 && !bytes.Equal(event.Previous, events[i-1].Hash) || event.Seq == 1 && len(event.Previous) > 0 {
			return fmt.Errorf("event %d of library %s does not name the event before it", event.Seq, event.Library)
		}
		made := event
		made.Chain(event.Previous)
		if !bytes.Equal(made.Hash, event.Hash) {
			return fmt.Errorf("event %d of library %s has been changed", event.Seq, event.Library)
		}
	}
	return nil
}

func appendPart[T ~string | ~[]byte](text []byte, part T) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(part)))
	return append(text, part...)
}
