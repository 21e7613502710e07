package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestPostboxes tests the postboxes of a library.ConsentStore.
func TestPostboxes(t *testing.T, open func(t *testing.T) Store) {
	postbox := func(id library.PostboxID, p Person, c library.Client) library.Postbox {
		return library.Postbox{ID: id, Library: p.ID, Application: c.Application.ID, Contract: c.Contract.ID,
			Box: []byte("\x00\xffsealed"), CreatedAt: Now}
	}
	t.Run("are one for each library and contract", func(t *testing.T) {
		f := NewFixture(t, open)
		p, other, c := f.AnyPerson(), f.AnyPerson(), f.AnyClient(library.Write)
		_, err := f.FindPostbox(Ctx, p.ID, c.Contract.ID)
		WantErr(t, "no postbox", err, library.ErrNotFound)
		_, err = f.GetPostbox(Ctx, "one")
		WantErr(t, "unknown postbox", err, library.ErrNotFound)
		first := postbox("one", p, c)
		Same(t, "first", Value(f.AddPostbox(Ctx, first))(t), first)
		Same(t, "second", Value(f.AddPostbox(Ctx, postbox("two", p, c)))(t), first)
		Same(t, "found", Value(f.FindPostbox(Ctx, p.ID, c.Contract.ID))(t), first)
		Same(t, "by id", Value(f.GetPostbox(Ctx, "one"))(t), first)
		_, err = f.GetPostbox(Ctx, "two")
		WantErr(t, "the second", err, library.ErrNotFound)
		third := postbox("three", other, c)
		Same(t, "another library's", Value(f.AddPostbox(Ctx, third))(t), third)
		Must(t, f.DeleteLibrary(Ctx, p.ID, time.Time{}))
		_, err = f.GetPostbox(Ctx, "one")
		WantErr(t, "after its library", err, library.ErrNotFound)
		_, err = f.AddPostbox(Ctx, postbox("four", p, c))
		WantErr(t, "for a library that is gone", err, library.ErrNotFound)
		Same(t, "the other", Value(f.GetPostbox(Ctx, "three"))(t), third)
	})
	t.Run("are one of many at once", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Write)
		got := make([]library.Postbox, 10)
		for _, err := range Race(len(got), func(i int) (err error) {
			got[i], err = f.AddPostbox(Ctx, postbox(library.PostboxID(AnyID()), p, c))
			return err
		}) {
			Must(t, err)
		}
		for _, b := range got {
			Same(t, "postbox", b, got[0])
		}
	})
	t.Run("end when the application gives up all that it has", func(t *testing.T) {
		f := NewFixture(t, open)
		p, c := f.AnyPerson(), f.AnyClient(library.Write)
		Value(f.AddPostbox(Ctx, postbox("one", p, c)))(t)
		stopped := library.Event{Library: p.ID, At: Now, Kind: library.EventStoppedAll}
		Must(t, f.RevokeApplication(Ctx, p.ID, c.Application.ID, time.Time{}, stopped))
		Value(f.GetPostbox(Ctx, "one"))(t)
		Must(t, f.RevokeApplication(Ctx, p.ID, c.Application.ID, Later(time.Minute), stopped))
		_, err := f.GetPostbox(Ctx, "one")
		WantErr(t, "afterwards", err, library.ErrNotFound)
	})
}
