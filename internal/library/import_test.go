package library_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// onBoth runs a test in a world on each database.
func onBoth(t *testing.T, test func(t *testing.T, w *carreltest.World), options ...carreltest.Option) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.New(t, options...))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.New(t, append([]carreltest.Option{carreltest.OnPostgres(t)}, options...)...))
	})
}

func scoped(s library.Scope) func(*library.Contract) {
	return func(c *library.Contract) { c.Scope = s }
}

// imported are the accounts of type IMPORTED that a grant may know of.
func imported(t *testing.T, g *carreltest.Grant) (list []wire.Account) {
	t.Helper()
	b := must(g.Bearer())(t)
	for _, a := range must(g.World().Consents.ListAccounts(t.Context(), b))(t) {
		if a.Type == wire.AccountTypeImported {
			list = append(list, a)
		}
	}
	return list
}

// TestImport: what a person adds, small or large, a contract reads that may read what others have pushed, as of an
// account of type IMPORTED; no other contract does.
func TestImport(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *carreltest.World) {
		anna, bram := w.Person(), w.Person()
		app, other := w.Application(), w.Application()
		reader := anna.Allows(app.Contract(library.Read, scoped(library.Scope{Raw: true})))
		elsewhere := anna.Allows(other.Contract(library.Read, scoped(library.Scope{Raw: true, Mapped: true})))
		blind := map[string]*carreltest.Grant{
			"own files": anna.Allows(app.Contract(library.Read, scoped(library.Scope{Raw: true, Own: true}))),
			"mapped":    anna.Allows(app.Contract(library.Read, scoped(library.Scope{Mapped: true}))),
			"an application's": anna.Allows(app.Contract(library.Read, scoped(library.Scope{Raw: true,
				Filter: &wire.MetadataFilter{AppID: []wire.ApplicationID{app.ID}}}))),
			"another person's": bram.Allows(app.Contract(library.Read, scoped(library.Scope{Raw: true}))),
		}
		if list := imported(t, reader); len(list) > 0 {
			t.Errorf("accounts before a file is there: %+v", list)
		}
		contents := map[string][]byte{
			"brief ü.txt": []byte("Beste Zoë"), "empty": {}, "scan": carreltest.Large("scan"),
		}
		for name, content := range contents {
			added := must(anna.Imports(" "+name, content))(t)
			if added.Name() != name || added.Size != int64(len(content)) || !added.IsImported() {
				t.Errorf("added %+v", added)
			}
		}
		accounts := imported(t, reader)
		if len(accounts) != 1 || accounts[0].CreatedDate == 0 || accounts[0].Reference == "" {
			t.Fatalf("accounts %+v", accounts)
		}
		session := must(reader.StartsSession(wire.SessionOptions{}))(t)
		found := must(reader.FindsSession(session))(t)
		n := 0
		err := w.Files.List(t.Context(), found, func(e wire.FileEntry) error {
			file, content, err := reader.ReadsFile(session, e.Name)
			if err != nil {
				return err
			}
			n++
			m := file.Metadata
			if !bytes.Equal(content, contents[file.Name()]) || m.MIMEType != "text/plain" || m.ApplicationID != "" ||
				m.ContractID != "" || len(m.Accounts) != 1 || m.Accounts[0].AccountID != string(accounts[0].ID) {
				t.Errorf("%s: %d bytes, metadata %+v", file.Name(), len(content), m)
			}
			return nil
		})
		if err != nil || n != len(contents) {
			t.Errorf("read %d files, error %v", n, err)
		}
		if got := must(elsewhere.Reads())(t); len(got) != len(contents) {
			t.Errorf("another application reads %d files", len(got))
		}
		a := imported(t, elsewhere)
		if len(a) != 1 || a[0].ID == accounts[0].ID || a[0].Reference == accounts[0].Reference {
			t.Errorf("another application recognises the person: %+v, %+v", a, accounts)
		}
		for what, g := range blind {
			if got := must(g.Reads())(t); len(got) > 0 || len(imported(t, g)) > 0 {
				t.Errorf("a contract for %s files reads %v and knows %+v", what, got, imported(t, g))
			}
		}
		writer := anna.Allows(app.Contract(library.Write))
		if list := imported(t, writer); len(list) > 0 {
			t.Errorf("a write contract knows %+v", list)
		}
		kinds := anna.Activity()
		if strings.Count(kinds, "file.imported") != len(contents) || strings.Contains(kinds, "file.added") {
			t.Errorf("activity %s", kinds)
		}
		usage := must(w.Files.Usage(t.Context(), anna.SignedIn()))(t)
		if usage.Files != int64(len(contents)) || len(usage.Applications) != 1 ||
			usage.Applications[0].Files != usage.Files {
			t.Errorf("usage %+v", usage)
		}
	})
}

// TestImportIsFoundByItsAccount: a session selects the person's own files by the account that it knows, and by no
// other.
func TestImportIsFoundByItsAccount(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	must(anna.Imports("letter", []byte("mine")))(t)
	anna2 := anna.Allows(w.Application().Contract(library.Write))
	must(anna2.Pushes("pushed", []byte("theirs")))(t)
	reader := anna.Allows(w.Application().Contract(library.Read, scoped(library.Scope{Raw: true})))
	by := func(account string) []string {
		session := must(reader.StartsSession(wire.SessionOptions{Scope: &wire.Scope{Criteria: []wire.Criterion{
			{Metadata: &wire.MetadataFilter{Accounts: []wire.AccountFilter{{AccountID: account}}}}}}}))(t)
		var names []string
		for name := range must(reader.ReadsSession(session))(t) {
			names = append(names, name)
		}
		return names
	}
	id := string(imported(t, reader)[0].ID)
	if got := by(id); !slices.Equal(got, []string{"letter"}) {
		t.Errorf("by the account: %q", got)
	}
	if got := by("imported"); len(got) > 0 {
		t.Errorf("by what is stored: %q", got)
	}
}

// TestImportRefused: nothing is stored of what is refused.
func TestImportRefused(t *testing.T) {
	t.Parallel()
	const maxSize = 1 << 20
	w := carreltest.New(t, func(c *server.Config) { c.MaxFileSize = maxSize })
	anna := w.Person()
	in := anna.SignedIn()
	large := carreltest.Large("scan")
	cut := errors.New("cut")
	for what, test := range map[string]struct {
		file    library.ImportedFile
		content io.Reader
		is      error
	}{
		"no name":          {library.ImportedFile{}, strings.NewReader("x"), library.ErrFileName},
		"a name of spaces": {library.ImportedFile{Name: " \t"}, strings.NewReader("x"), library.ErrFileName},
		"a long name":      {library.ImportedFile{Name: strings.Repeat("é", 128)}, nil, library.ErrFileName},
		"a control in it":  {library.ImportedFile{Name: "a\nb"}, nil, library.ErrFileName},
		"no text":          {library.ImportedFile{Name: "a\xff"}, nil, library.ErrFileName},
		"no type":          {library.ImportedFile{Name: "a", MIMEType: "pdf"}, nil, library.ErrFileType},
		"a type of lines":  {library.ImportedFile{Name: "a", MIMEType: "a/b\r\nX: y"}, nil, library.ErrFileType},
		"a long type": {library.ImportedFile{Name: "a", MIMEType: "text/" + strings.Repeat("a", 300)}, nil,
			library.ErrFileType},
		"a cut small one": {library.ImportedFile{Name: "a"},
			io.MultiReader(strings.NewReader("x"), iotest.ErrReader(cut)), cut},
		"a cut large one": {library.ImportedFile{Name: "a"},
			io.MultiReader(bytes.NewReader(large), iotest.ErrReader(cut)), cut},
	} {
		w.Unchanged(what, func() {
			if _, err := w.Files.Import(t.Context(), in, test.file, test.content); !errors.Is(err, test.is) {
				t.Errorf("%s: error %v", what, err)
			}
		})
	}
	for what, test := range map[string]library.ImportedFile{
		"one that says so":      {Name: "a", Size: maxSize + 1},
		"one that says less":    {Name: "a", Size: 1},
		"one that says nothing": {Name: "a"},
	} {
		w.Unchanged(what, func() {
			_, err := w.Files.Import(t.Context(), in, test, bytes.NewReader(make([]byte, maxSize+1)))
			carreltest.Refused(t, what, err, library.TooLarge(maxSize))
		})
	}
	if n := w.BlobCount(); n != 0 {
		t.Errorf("%d contents are left", n)
	}
	// A login that has ended adds nothing, nor does one of a library that is shut.
	if err := w.People.SignOut(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, in *library.SignedIn) {
		t.Helper()
		w.Unchanged(what, func() {
			for _, content := range [][]byte{[]byte("x"), large} {
				_, err := w.Files.Import(t.Context(), in, library.ImportedFile{Name: "a"}, bytes.NewReader(content))
				if !errors.Is(err, library.ErrNotFound) {
					t.Errorf("%s: error %v", what, err)
				}
			}
		})
	}
	refused("a login that has ended", in)
	bram := w.Person()
	shut := bram.SignedIn()
	bram.Shuts()
	refused("a library that is shut", shut)
	// The login of another library is of no use.
	carl := w.Person().SignedIn()
	mixed := *anna.SignedIn()
	mixed.Login = carl.Login
	refused("another's login", &mixed)
}

// TestImportQuota: only the quota of the library bounds what a person adds; what is in other libraries has nothing to
// do with it.
func TestImportQuota(t *testing.T) {
	t.Parallel()
	q := library.QuotaConfig{Library: library.Quota{Files: 3, Bytes: 1 << 20}, Application: library.Quota{Files: 1},
		Contract: library.Quota{Bytes: 1}}
	withQuotas(t, q, func(t *testing.T, w *carreltest.World) {
		anna, bram := w.Person(), w.Person()
		for _, p := range []*carreltest.Person{anna, bram} {
			must(p.Imports("a", []byte("content")))(t)
			must(p.Imports("b", []byte("content")))(t)
			_, err := p.Imports("too large", make([]byte, 1<<20))
			wantFull(t, "too large", err, library.LibraryQuota)
			must(p.Imports("c", []byte("content")))(t)
			_, err = p.Imports("d", []byte("content"))
			wantFull(t, "one too many", err, library.LibraryQuota)
			_, err = p.Imports("e", []byte("content")) // refused without a transaction
			wantFull(t, "again", err, library.LibraryQuota)
			if p.FileCount() != 3 || w.BlobCount() != 0 {
				t.Errorf("%d files, %d contents", p.FileCount(), w.BlobCount())
			}
		}
		// It counts against what applications push.
		writer := anna.Allows(w.Application().Contract(library.Write))
		_, err := writer.Pushes("x", nil)
		wantFull(t, "a push", err, library.LibraryQuota)
	})
}

// fullDisk is a disk that is nearly full.
type fullDisk struct{}

func (fullDisk) Check() error { return library.ErrStorageFull }

// TestImportLeavesTheReserve: nothing is added to a disk that is nearly full.
func TestImportLeavesTheReserve(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person()
	in := anna.SignedIn()
	files := library.NewFiles(w.Store, w.Blobs, w.Clients, w.Store, w.Store, w.Clock.Now,
		library.FileConfig{Space: fullDisk{}})
	for _, content := range [][]byte{[]byte("small"), carreltest.Large("large")} {
		w.Unchanged("a full disk", func() {
			_, err := files.Import(t.Context(), in, library.ImportedFile{Name: "a"}, bytes.NewReader(content))
			if !errors.Is(err, library.ErrStorageFull) {
				t.Errorf("error %v", err)
			}
		})
	}
}
