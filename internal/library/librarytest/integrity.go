package librarytest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestIntegrity tests library.ChainStore, library.RebindStore and library.CheckStore.
func TestIntegrity(t *testing.T, open func(t *testing.T) Store) {
	t.Run("reads a chain from its beginning", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		for range 4 {
			Must(t, f.AddEvent(Ctx, AnyEvent(p.ID)))
		}
		newest := f.NewestEvent(p.ID)
		head := Value(f.GetChainHead(Ctx, p.ID))(t)
		Same(t, "MAC", len(head.End.MAC), 37)
		head.End.MAC = nil
		Same(t, "head", head, library.ChainHead{Newest: 5, NewestHash: newest.Hash, End: newest.End()})
		_, err := f.GetChainHead(Ctx, "none")
		WantErr(t, "head of no library", err, library.ErrNotFound)
		Same(t, "all", Value(f.ListEventsAfter(Ctx, p.ID, 0, 10))(t), f.Events(p.ID))
		Same(t, "a part", Value(f.ListEventsAfter(Ctx, p.ID, 2, 2))(t), f.Events(p.ID)[2:4])
		Same(t, "after the end", len(Value(f.ListEventsAfter(Ctx, p.ID, 5, 10))(t)), 0)
		e := f.NewestEvent(p.ID)
		Same(t, "details as they are stored", e.DetailsJSON, string(e.Details.Marshal()))
	})
	t.Run("keeps checkpoints", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other := f.AnyPerson(), f.AnyPerson()
		_, err := f.GetNewestEventCheckpoint(Ctx, p.ID)
		WantErr(t, "newest of none", err, library.ErrNotFound)
		checkpoint := func(id library.ID, seq int64) library.EventCheckpoint {
			return library.EventCheckpoint{Library: id, Seq: seq, Hash: []byte(AnyID()), MAC: []byte(AnyID())}
		}
		all := []library.EventCheckpoint{checkpoint(p.ID, 3), checkpoint(p.ID, 7), checkpoint(p.ID, 9)}
		Must(t, f.AddEventCheckpoints(Ctx, append(all, checkpoint(other.ID, 8))))
		all[1] = checkpoint(p.ID, 7)
		Must(t, f.AddEventCheckpoints(Ctx, all[1:2]))
		Same(t, "newest", Value(f.GetNewestEventCheckpoint(Ctx, p.ID))(t), all[2])
		for from, want := range map[int64]library.EventCheckpoint{0: all[0], 3: all[0], 4: all[1], 9: all[2]} {
			Same(t, "the next", Value(f.GetEventCheckpointFrom(Ctx, p.ID, from))(t), want)
		}
		_, err = f.GetEventCheckpointFrom(Ctx, p.ID, 10)
		WantErr(t, "the next of none", err, library.ErrNotFound)
		Same(t, "list", Value(f.ListEventCheckpoints(Ctx, p.ID, 3, 10))(t), all[1:])
		Same(t, "short list", Value(f.ListEventCheckpoints(Ctx, p.ID, 0, 1))(t), all[:1])
		WantErr(t, "of no library", f.AddEventCheckpoints(Ctx, []library.EventCheckpoint{checkpoint("none", 1)}),
			library.ErrNotFound)
		Must(t, f.DeleteLibrary(Ctx, p.ID, Now))
		Same(t, "of a deleted library", len(Value(f.ListEventCheckpoints(Ctx, p.ID, 0, 10))(t)), 0)
	})
	t.Run("binds rows once they have none", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, a, _ := f.Approve(p, f.AnyClient(library.Write))
		token := anyToken(g.ID, library.UseAccess)
		Must(t, f.AddToken(Ctx, token))
		kinds := []library.BoundKind{library.BoundLibrary, library.BoundToken, library.BoundAuthCode}
		unbound := func(kind library.BoundKind) []library.Unbound {
			t.Helper()
			return Value(f.ListUnbound(Ctx, kind, library.Unbound{}, 10))(t)
		}
		for _, kind := range kinds {
			Same(t, "unbound "+string(kind), len(unbound(kind)), 0)
		}
		Must(t, f.Unbind(Ctx))
		rows := unbound(library.BoundLibrary)
		Same(t, "unbound libraries", len(rows), 1)
		Same(t, "library", rows[0].Library, p.ID)
		Same(t, "public key", bytes.Equal(rows[0].PublicKey, p.PublicKey.Bytes()), true)
		tokens, codes := unbound(library.BoundToken), unbound(library.BoundAuthCode)
		Same(t, "unbound tokens", len(tokens), 1)
		Same(t, "a token's own part", tokens[0].Own, token.Binding[:32])
		Same(t, "unbound codes", len(codes), 1)
		Same(t, "a code's own part", codes[0].Own, a.Code.Binding[:32])
		tokens[0].Binding, codes[0].Binding = token.Binding, a.Code.Binding
		Must(t, f.Bind(Ctx, append(tokens, codes...)))
		older := library.Token{Hash: AnyHash(), Use: library.UseAccess, Grant: g.ID}
		Must(t, f.AddToken(Ctx, older))
		tokens = unbound(library.BoundToken)
		Same(t, "unbound tokens", len(tokens), 1)
		Same(t, "token", tokens[0].Secret, older.Hash)
		Same(t, "its own part", len(tokens[0].Own), 0)
		Same(t, "its library", tokens[0].Library, p.ID)
		Same(t, "after it", len(Value(f.ListUnbound(Ctx, library.BoundToken, tokens[0], 10))(t)), 0)

		rows[0].Binding, tokens[0].Binding = OfMasterKey("key1"), OfMasterKey("key1")
		Must(t, f.Bind(Ctx, append(rows, tokens...)))
		Must(t, f.Bind(Ctx, nil))
		Same(t, "library's binding", Value(f.GetLibrary(Ctx, p.ID))(t).Binding, OfMasterKey("key1"))
		info := Value(f.GetTokenInfo(Ctx, older.Hash, library.UseAccess))(t)
		Same(t, "token's binding", info.Token.Binding, OfMasterKey("key1"))
		Same(t, "code's binding", Value(f.GetAuthCode(Ctx, a.Code.Hash))(t).Binding, a.Code.Binding)
		for kind, want := range map[library.BoundKind][][]byte{
			library.BoundLibrary:  {OfMasterKey("key1")},
			library.BoundToken:    {OfMasterKey("key1"), token.Binding},
			library.BoundAuthCode: {a.Code.Binding},
		} {
			Same(t, "unbound", len(unbound(kind)), 0)
			Same(t, "of key1", len(Value(f.ListOfOlderKey(Ctx, kind, []byte("key1"), library.Unbound{}, 10))(t)), 0)
			old := Value(f.ListOfOlderKey(Ctx, kind, []byte("key2"), library.Unbound{}, 10))(t)
			Same(t, "of an older key", len(old), len(want))
			for _, row := range old {
				ok := slices.ContainsFunc(want, func(b []byte) bool { return bytes.Equal(b, row.Binding) })
				Same(t, "one of the bindings", ok, true)
			}
		}
		c := library.EventCheckpoint{Library: p.ID, Seq: 1, Hash: []byte(AnyID()), MAC: OfMasterKey("key1")}
		Must(t, f.AddEventCheckpoints(Ctx, []library.EventCheckpoint{c}))
		none := library.EventCheckpoint{}
		Same(t, "checkpoints of an older key",
			Value(f.ListCheckpointsOfOlderKey(Ctx, []byte("key2"), none, 10))(t), []library.EventCheckpoint{c})
		Same(t, "after it", len(Value(f.ListCheckpointsOfOlderKey(Ctx, []byte("key2"), c, 10))(t)), 0)
		Same(t, "of key1", len(Value(f.ListCheckpointsOfOlderKey(Ctx, []byte("key1"), none, 10))(t)), 0)
	})
	t.Run("binds the ends of chains, and grants", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Read)
		g, _, _ := f.Approve(p, c)
		kinds := []library.BoundKind{library.BoundChain, library.BoundGrant}
		unbound := func(kind library.BoundKind) []library.Unbound {
			t.Helper()
			return Value(f.ListUnbound(Ctx, kind, library.Unbound{}, 10))(t)
		}
		ofOlderKey := func(kind library.BoundKind) []library.Unbound {
			t.Helper()
			return Value(f.ListOfOlderKey(Ctx, kind, []byte("none"), library.Unbound{}, 10))(t)
		}
		for _, kind := range kinds {
			Same(t, "unbound "+string(kind), len(unbound(kind)), 0)
			Same(t, "of an older key, "+string(kind), len(ofOlderKey(kind)), 1)
			Same(t, "of the newest key, "+string(kind), len(Value(f.ListOfOlderKey(Ctx, kind,
				ofOlderKey(kind)[0].Binding[1:5], library.Unbound{}, 10))(t)), 0)
		}
		newest := f.NewestEvent(p.ID)
		before := Value(f.GetChainHead(Ctx, p.ID))(t).End
		Must(t, f.Unbind(Ctx))
		chains, grants := unbound(library.BoundChain), unbound(library.BoundGrant)
		Same(t, "ends", len(chains), 1)
		Same(t, "end", chains[0].End, newest.End())
		Same(t, "ends after it", len(Value(f.ListUnbound(Ctx, library.BoundChain, chains[0], 10))(t)), 0)
		Same(t, "grants", len(grants), 1)
		g.Binding = nil
		Same(t, "grant", grants[0].Grant, g)
		Same(t, "grants after it", len(Value(f.ListUnbound(Ctx, library.BoundGrant, grants[0], 10))(t)), 0)

		chains[0].Binding, grants[0].Binding = before.MAC, []byte("binding")
		Must(t, f.Bind(Ctx, append(chains, grants...)))
		Same(t, "end again", Value(f.GetChainHead(Ctx, p.ID))(t).End, before)
		Same(t, "binding of the grant", Value(f.GetGrant(Ctx, g.ID))(t).Binding, []byte("binding"))

		rows := ofOlderKey(library.BoundChain)
		rows[0].Binding = []byte("another MAC")
		Must(t, f.AddEvent(Ctx, AnyEvent(p.ID)))
		grown := Value(f.GetChainHead(Ctx, p.ID))(t).End
		Must(t, f.Bind(Ctx, append(rows, chains...)))
		Same(t, "end of a chain that has grown", Value(f.GetChainHead(Ctx, p.ID))(t).End, grown)

		rows = ofOlderKey(library.BoundChain)
		rows[0].Binding = []byte("forged")
		Must(t, f.Bind(Ctx, rows))
		Must(t, f.AddEvent(Ctx, AnyEvent(p.ID)))
		end := Value(f.GetChainHead(Ctx, p.ID))(t).End
		Same(t, "an event is added after a forged end", end.Seq, grown.Seq+1)
		Same(t, "the end stays forged", end.MAC, []byte{0})
		Must(t, f.Unbind(Ctx))
		Same(t, "a forged end is not adopted", len(unbound(library.BoundChain)), 0)
	})
	t.Run("records one adoption of each generation", func(t *testing.T) {
		f := NewFixture(t, open)
		for g := library.AdoptedSecrets; g <= library.NewestAdoption; g++ {
			_, err := f.GetAdoption(Ctx, g)
			WantErr(t, "none", err, library.ErrNotFound)
			first := library.Adoption{Generation: g, At: Now, MAC: []byte("first")}
			Must(t, f.AddAdoption(Ctx, first))
			Must(t, f.AddAdoption(Ctx, library.Adoption{Generation: g, At: Later(1), MAC: []byte("second")}))
			Same(t, "adoption", Value(f.GetAdoption(Ctx, g))(t), first)
			Must(t, f.SetAdoptionMAC(Ctx, g, []byte("third")))
			first.MAC = []byte("third")
			Same(t, "MAC", Value(f.GetAdoption(Ctx, g))(t), first)
		}
		Must(t, f.Unbind(Ctx))
		for g := library.AdoptedSecrets; g <= library.NewestAdoption; g++ {
			_, err := f.GetAdoption(Ctx, g)
			WantErr(t, "none after it was removed", err, library.ErrNotFound)
		}
	})
	t.Run("lists what a check reads", func(t *testing.T) {
		f := NewFixture(t, open)
		p := f.AnyPerson()
		g, _, _ := f.Approve(p, f.AnyClient(library.Write))
		small, large := newFile(g, Now), newFile(g, Now)
		large.Content = library.Content{Format: library.FormatStream, Key: AnySeal()}
		Must(t, f.AddFile(Ctx, small))
		Must(t, f.AddFile(Ctx, large))
		Same(t, "libraries", Value(f.ListLibraryIDs(Ctx, "", 10))(t), []library.ID{p.ID})
		Same(t, "libraries after it", len(Value(f.ListLibraryIDs(Ctx, p.ID, 10))(t)), 0)
		ids := Value(f.ListFileIDs(Ctx, p.ID, "", 10))(t)
		Same(t, "files", len(ids), 2)
		Same(t, "files after the first", Value(f.ListFileIDs(Ctx, p.ID, ids[0], 10))(t), ids[1:])
		got := Value(f.GetStoredFile(Ctx, p.ID, small.File.ID))(t)
		Same(t, "file", got.File, small.File)
		Same(t, "format", got.Format, small.Content.Format)
		Same(t, "content", got.Inline, small.Content.Inline)
		Same(t, "format of a stream", Value(f.GetStoredFile(Ctx, p.ID, large.File.ID))(t).Format, library.FormatStream)
		_, err := f.GetStoredFile(Ctx, f.AnyPerson().ID, small.File.ID)
		WantErr(t, "file of another library", err, library.ErrNotFound)
		Same(t, "files of no library", len(Value(f.ListFilesOfNoLibrary(Ctx, "", 10))(t)), 0)
		Same(t, "contents of no file", len(Value(f.ListContentsOfNoFile(Ctx, wire.FileName(""), 10))(t)), 0)
	})
}
