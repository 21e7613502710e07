package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// assets are the static files. Each name has the hash of the content, so that browsers may cache a file for ever.
type assets struct {
	urls  map[string]string // by plain name
	files map[string]asset  // by name with hash
}

type asset struct {
	mimeType string
	data     []byte
}

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets() *assets {
	loaded := &assets{urls: make(map[string]string), files: make(map[string]asset)}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic("ui: " + err.Error())
	}
	for _, entry := range entries {
		data, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			panic("ui: " + err.Error())
		}
		sum := sha256.Sum256(data)
		ext := path.Ext(entry.Name())
		hashed := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		loaded.urls[entry.Name()] = "/static/" + hashed
		loaded.files[hashed] = asset{assetTypes[ext], data}
	}
	return loaded
}

// url returns the address of a static file.
func (a *assets) url(name string) (string, error) {
	address, ok := a.urls[name]
	if !ok {
		return "", errors.New("no static file " + name)
	}
	return address, nil
}

// ServeAsset serves a static file.
func (u *UI) ServeAsset(w http.ResponseWriter, r *http.Request) error {
	file, ok := u.assets.files[r.PathValue("asset")]
	if !ok {
		return PageNotFound.Wrap(errors.New("no such asset"))
	}
	w.Header().Set("Content-Type", file.mimeType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(file.data) // the only error is that the browser has closed the connection
	return nil
}
