package api

import (
	"net/url"
	"strings"

	"github.com/carrelhq/carrel/internal/storage"
)

// CloudBase is the path below which the calls of the file storage are.
const CloudBase = "/cloud/v1/"

// isCloud reports whether a path is one of the file storage.
func isCloud(path string) bool {
	return strings.HasPrefix("/"+strings.TrimLeft(path, "/"), "/cloud/")
}

// cloudPath is the path of a call of the file storage:
// clouds/{storage}/files/apps/{application}, and the path of a file or folder.
type cloudPath struct {
	storage, application string
	// segments are decoded; isFolder says that a slash follows the last one, or that there is none.
	segments []string
	isFolder bool
}

// parseCloudPath splits the path of a URL before it decodes the parts, so that an encoded slash separates nothing. It
// takes several slashes for one. Ok is false if the path is that of no call.
func parseCloudPath(u *url.URL) (p cloudPath, ok bool) {
	raw, encoded := u.RawPath, true
	if raw == "" { // no part has an encoded slash
		raw, encoded = u.Path, false
	}
	var parts []string
	for part := range strings.SplitSeq(raw, "/") {
		if encoded {
			var err error
			if part, err = url.PathUnescape(part); err != nil {
				return cloudPath{}, false
			}
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	fixed := []string{"cloud", "v1", "clouds", "", "files", "apps", ""}
	if len(parts) < len(fixed) {
		return cloudPath{}, false
	}
	for i, name := range fixed {
		if name != "" && parts[i] != name {
			return cloudPath{}, false
		}
	}
	p = cloudPath{storage: parts[3], application: parts[6], segments: parts[len(fixed):]}
	p.isFolder = len(p.segments) == 0 || strings.HasSuffix(raw, "/")
	return p, true
}

// path returns the path in the storage.
func (p cloudPath) path() (storage.Path, error) { return storage.ParsePath(p.segments, p.isFolder) }
