package library

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// SavedCheckpoint is what a person keeps of their activity, signed by the server: from then on
// nobody can change or remove one of its lines, or put an older activity in its place, without
// the person being able to show it.
type SavedCheckpoint struct {
	// Use tells a checkpoint from everything else that the server signs.
	Use     string `json:"use"`
	Library ID     `json:"library"`
	// Events is how many events there were, and Hash the hash of the last of them, in hexadecimal.
	Events int64       `json:"events"`
	Hash   string      `json:"hash"`
	Time   wire.Millis `json:"time"`
	// Edited reports that what people read in the file is not what is signed.
	Edited bool `json:"-"`
}

// file is the file of the checkpoint, with the JWS of it.
func (s SavedCheckpoint) file(signed string) SavedFile {
	return SavedFile{Library: s.Library, Events: s.Events, Hash: s.Hash,
		Time: s.Time.Time().UTC().Format(time.RFC3339), Signed: signed}
}

const savedCheckpointUse = "carrel activity checkpoint 1"

// SavedFile is the file of a saved checkpoint. Its members repeat what is signed, for people to
// read; only what is signed counts.
type SavedFile struct {
	Library ID     `json:"library"`
	Events  int64  `json:"events"`
	Hash    string `json:"hash"`
	Time    string `json:"time"`
	// Signed is a [SavedCheckpoint] as a JWS.
	Signed string `json:"signed"`
}

// The errors of saved checkpoints.
var (
	// ErrNoCheckpoint says that a text is not a checkpoint that this server has signed.
	ErrNoCheckpoint = errors.New("not an activity checkpoint of this server")
	// ErrOtherLibrary says that a checkpoint is of another library.
	ErrOtherLibrary = errors.New("checkpoint is of another library")
)

// SaveCheckpoint verifies a person's activity from the newest checkpoint on, and returns the file
// of a signed checkpoint. It returns an [*ActivityFault] if the activity was changed.
func (a *Activity) SaveCheckpoint(ctx context.Context, s *SignedIn, now time.Time) (SavedFile, error) {
	page, err := a.List(ctx, s, 0)
	if err != nil {
		return SavedFile{}, err
	}
	if page.Fault != nil {
		return SavedFile{}, page.Fault
	}
	newest := page.Events[0]
	saved := SavedCheckpoint{Use: savedCheckpointUse, Library: s.Library.ID, Events: newest.Seq,
		Hash: hex.EncodeToString(newest.Hash), Time: wire.MillisOf(now)}
	signed, err := a.signer.Sign(a.keySetURL, saved)
	if err != nil {
		return SavedFile{}, fmt.Errorf("sign checkpoint: %w", err)
	}
	return saved.file(signed), nil
}

// ParseCheckpoint returns the checkpoint in a text that a person has saved: the file, or the JWS in
// it, also amid other text. It returns ErrNoCheckpoint.
func (a *Activity) ParseCheckpoint(ctx context.Context, text string) (SavedCheckpoint, error) {
	for _, text := range checkpointTexts(text) {
		file, readable := parseSavedFile(text)
		for _, signed := range signedCheckpoints(text) {
			saved, err := a.verifyCheckpoint(ctx, signed)
			if errors.Is(err, ErrNoCheckpoint) {
				continue
			}
			if err != nil {
				return SavedCheckpoint{}, err
			}
			saved.Edited = readable && file.Signed == signed && file != saved.file(signed) &&
				file != (SavedFile{Signed: signed})
			return saved, nil
		}
	}
	return SavedCheckpoint{}, ErrNoCheckpoint
}

// verifyCheckpoint returns the checkpoint of a JWS. It returns ErrNoCheckpoint.
func (a *Activity) verifyCheckpoint(ctx context.Context, signed string) (SavedCheckpoint, error) {
	token, err := wire.ParseToken(signed)
	if err != nil {
		return SavedCheckpoint{}, fmt.Errorf("%w: %w", ErrNoCheckpoint, err)
	}
	keys, err := a.store.ListSigningKeys(ctx)
	if err != nil {
		return SavedCheckpoint{}, fmt.Errorf("list signing keys: %w", err)
	}
	for _, k := range keys {
		if k.ID != token.Header.KeyID {
			continue
		}
		private, err := OpenSigningKey(a.integrity.ring, k)
		if err != nil {
			return SavedCheckpoint{}, err
		}
		if err := token.Verify(&private.PublicKey); err != nil {
			break
		}
		var saved SavedCheckpoint
		if err := token.Peek(&saved); err != nil || saved.Use != savedCheckpointUse || saved.Events < 1 {
			break
		}
		return saved, nil
	}
	return SavedCheckpoint{}, ErrNoCheckpoint
}

// ExtendsResult says how an activity of today compares with a saved checkpoint.
type ExtendsResult struct {
	// Added is how many events have been added since.
	Added int64
	// Fault says that it does not extend the checkpoint, and why; nil if it does.
	Fault *ActivityFault
	// EndFault says that the end of the activity was forged once; nil if it was not. The events may extend
	// the checkpoint nevertheless. What is missing after the newest of them does not show.
	EndFault *ActivityFault
}

// CheckForPerson compares a person's activity with a checkpoint. It returns ErrOtherLibrary for the
// checkpoint of another library.
func (a *Activity) CheckForPerson(ctx context.Context, s *SignedIn, saved SavedCheckpoint) (ExtendsResult, error) {
	if saved.Library != s.Library.ID {
		return ExtendsResult{}, ErrOtherLibrary
	}
	return a.CheckExtends(ctx, saved)
}

// CheckExtends reports whether a library's activity still extends a checkpoint: the event at its
// end is the same, all events since then follow it, and with that none before it was changed. It
// walks the whole chain, because whoever asks trusts nothing that is stored beside it, and the
// events before the checkpoint must be there as well. If the end was forged, it says so beside the
// result. It returns ErrNotFound if the library is gone.
func (a *Activity) CheckExtends(ctx context.Context, saved SavedCheckpoint) (ExtendsResult, error) {
	hash, err := hex.DecodeString(saved.Hash)
	if err != nil {
		return ExtendsResult{}, fmt.Errorf("%w: %w", ErrNoCheckpoint, err)
	}
	v := &chainVerifier{store: a.store, integrity: a.integrity, library: saved.Library, want: map[int64][]byte{},
		withoutEnd: true}
	head, _, err := v.trust(ctx)
	result := ExtendsResult{Added: head.End.Seq - saved.Events, EndFault: v.endFault}
	switch {
	case err != nil:
	case head.End.Seq < saved.Events:
		err = v.fault("it ends with event %d, and once had event %d", head.End.Seq, saved.Events)
	default:
		if err = v.expect(saved.Events, hash); err == nil {
			err = v.walk(ctx, 1, head.End.Seq)
		}
	}
	if errors.As(err, &result.Fault) {
		return result, nil
	}
	return result, err
}
