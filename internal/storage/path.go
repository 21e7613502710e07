package storage

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/library"
)

// Limits of a path, in bytes of the longer one of its two spellings, without the slashes at its ends.
const (
	maxSegment = 255
	maxPath    = 1024
)

// Path is the path of a file or a folder in a storage. Two paths that differ only in the case of letters are the same
// path.
type Path struct {
	// Folder has a slash at both ends, and Name is the name of a file; empty for a folder. Both are in lower case.
	Folder, Name string
	// OriginalFolder and OriginalName are the same as the application has spelt them.
	OriginalFolder, OriginalName string
}

// Root is the folder of all files of a storage.
var Root = Path{Folder: "/", OriginalFolder: "/"}

// ParsePath returns the path that consists of segments, without any slash between them. The last one is the name,
// unless isFolder is set. Empty segments count as none. It refuses with RefusedParameter what is no path: a segment
// "." or "..", one with a slash, a control character or anything that is not UTF-8, and what is too long.
func ParsePath(segments []string, isFolder bool) (Path, error) {
	original, lower := make([]string, 0, len(segments)), make([]string, 0, len(segments))
	size := -1
	for _, s := range segments {
		if s == "" {
			continue
		}
		folded, err := foldSegment(s)
		if err != nil {
			return Path{}, err
		}
		if size += max(len(s), len(folded)) + 1; size > maxPath {
			return Path{}, library.InvalidParameter("the path is too long")
		}
		original, lower = append(original, s), append(lower, folded)
	}
	last := len(lower) - 1
	if isFolder || last < 0 {
		return Path{Folder: join(lower), OriginalFolder: join(original)}, nil
	}
	return Path{Folder: join(lower[:last]), Name: lower[last], OriginalFolder: join(original[:last]),
		OriginalName: original[last]}, nil
}

// foldSegment returns a segment in lower case.
func foldSegment(s string) (string, error) {
	switch {
	case s == "." || s == "..":
		return "", library.InvalidParameter("the path has a segment . or ..")
	case !utf8.ValidString(s):
		return "", library.InvalidParameter("the path is not UTF-8")
	case strings.ContainsRune(s, '/'):
		return "", library.InvalidParameter("the path has a slash in a name")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", library.InvalidParameter("the path has a control character")
	}
	folded := strings.ToLower(s)
	if max(len(s), len(folded)) > maxSegment {
		return "", library.InvalidParameter("a name in the path is too long")
	}
	return folded, nil
}

// join returns the folder of segments, with a slash at both ends.
func join(segments []string) string {
	if len(segments) == 0 {
		return "/"
	}
	return "/" + strings.Join(segments, "/") + "/"
}

// IsFolder reports whether the path is one of a folder.
func (p Path) IsFolder() bool { return p.Name == "" }

// AsFolder returns the folder of the same path.
func (p Path) AsFolder() Path {
	if p.IsFolder() {
		return p
	}
	return Path{Folder: p.Folder + p.Name + "/", OriginalFolder: p.OriginalFolder + p.OriginalName + "/"}
}

// End returns a text that is greater than the folder and all folders in it, and not greater than any other folder that
// is greater than them, in the order of bytes.
func (p Path) End() string { return p.Folder[:len(p.Folder)-1] + string(rune('/'+1)) }

// splitFolder returns the segments of a folder.
func splitFolder(folder string) []string { return strings.Split(folder, "/") }
