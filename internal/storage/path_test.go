package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		segments []string
		isFolder bool
		want     storage.Path
	}{
		{nil, false, storage.Root},
		{nil, true, storage.Root},
		{[]string{"", ""}, false, storage.Root},
		{[]string{"Root.json"}, false, storage.Path{Folder: "/", Name: "root.json", OriginalFolder: "/",
			OriginalName: "Root.json"}},
		{[]string{"Docs", "", "Inner", "ÉÉN.bin"}, false, storage.Path{Folder: "/docs/inner/", Name: "één.bin",
			OriginalFolder: "/Docs/Inner/", OriginalName: "ÉÉN.bin"}},
		{[]string{"Docs", "Inner"}, true, storage.Path{Folder: "/docs/inner/", OriginalFolder: "/Docs/Inner/"}},
		{[]string{"...", " a b ", "a\\b", "%2F"}, false, storage.Path{Folder: "/.../ a b /a\\b/", Name: "%2f",
			OriginalFolder: "/.../ a b /a\\b/", OriginalName: "%2F"}},
	} {
		got, err := storage.ParsePath(tt.segments, tt.isFolder)
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v", tt.segments, got, err)
		}
	}
	for what, segments := range map[string][]string{
		"the folder itself": {"a", ".", "b"}, "the folder above": {"..", "a"}, "a slash": {"a/b"},
		"a control character": {"a\x00b"}, "another": {"a\u0085b"}, "a line break": {"a\nb"},
		"no UTF-8": {"a\xffb"}, "a lone surrogate": {"\xed\xa0\x80"}, "a long name": {strings.Repeat("a", 256)},
		// In lower case it has three bytes, and two in upper case.
		"a name that becomes long": {strings.Repeat("Ⱥ", 86)},
		"a long path":              strings.Split(strings.Repeat("abc/", 300), "/"),
		"many segments":            strings.Split(strings.Repeat("a/", 10_000), "/"),
	} {
		got, err := storage.ParsePath(segments, false)
		var refused *library.Refusal
		if !errors.As(err, &refused) || refused.Kind != library.RefusedParameter || got != (storage.Path{}) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

// A path has at most 1,024 bytes. The slashes at its ends do not count.
func TestPathLength(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"", "/"} {
		for _, last := range []string{"", "/"} {
			for size, fits := range map[int]bool{1022: true, 1023: true, 1024: true, 1025: false} {
				path := strings.Repeat("abc/", 255) + strings.Repeat("d", size-1020)
				_, err := storage.ParsePath(strings.Split(first+path+last, "/"), last != "")
				if len(path) != size || (err == nil) != fits {
					t.Errorf("%d bytes, with %q before and %q after it: %v", len(path), first, last, err)
				}
			}
		}
	}
}

// FuzzParsePath checks what the store relies on: both spellings of a path lead to the same file, and a folder lies
// within the folders above it and within no other.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		"a/b", "Docs/Inner/One.bin", "../a", "a//b/", "É/İ/ẞ/ς", "a\x00", "\xff", "docs!", "docs0",
	} {
		f.Add(s, "docs", true)
		f.Add(s, "x", false)
	}
	f.Fuzz(func(t *testing.T, text, other string, isFolder bool) {
		p, err := storage.ParsePath(strings.Split(text, "/"), isFolder)
		if err != nil {
			if p != (storage.Path{}) {
				t.Errorf("%q is refused and has the path %+v", text, p)
			}
			return
		}
		if len(p.Folder)+len(p.Name) > 1100 || len(p.OriginalFolder)+len(p.OriginalName) > 1100 {
			t.Errorf("%q has %d bytes", text, len(p.Folder)+len(p.Name))
		}
		again := func(folder, name string) storage.Path {
			q, err := storage.ParsePath(append(strings.Split(folder, "/"), name), p.IsFolder())
			if err != nil {
				t.Fatalf("%q, and then %q %q: %v", text, folder, name, err)
			}
			return q
		}
		if q := again(p.OriginalFolder, p.OriginalName); q != p {
			t.Errorf("%q is %+v, and then %+v", text, p, q)
		}
		if q := again(p.Folder, p.Name); q.Folder != p.Folder || q.Name != p.Name {
			t.Errorf("%q is %+v, and by the names in lower case %+v", text, p, q)
		}
		q, err := storage.ParsePath(strings.Split(other, "/"), true)
		if err != nil {
			return
		}
		folder := p.AsFolder()
		within := q.Folder >= folder.Folder && q.Folder < folder.End()
		if within != strings.HasPrefix(q.Folder, folder.Folder) {
			t.Errorf("folder %q within %q: %t", q.Folder, folder.Folder, within)
		}
	})
}
