package pages

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

// assets are the static files, each under a name that has the hash of its content,
// so that browsers may keep it for ever.
type assets struct {
	addresses map[string]string // by plain name
	files     map[string]asset  // by name with hash
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
	a := &assets{addresses: make(map[string]string), files: make(map[string]asset)}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic("pages: " + err.Error()) // they are part of the program
	}
	for _, entry := range entries {
		data, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			panic("pages: " + err.Error())
		}
		sum := sha256.Sum256(data)
		ext := path.Ext(entry.Name())
		hashed := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		a.addresses[entry.Name()] = "/static/" + hashed
		a.files[hashed] = asset{assetTypes[ext], data}
	}
	return a
}

// address is where a static file is served.
func (a *assets) address(name string) (string, error) {
	address, ok := a.addresses[name]
	if !ok {
		return "", errors.New("no static file " + name)
	}
	return address, nil
}

func (s *site) serveAsset(w http.ResponseWriter, r *http.Request) error {
	file, ok := s.assets.files[r.PathValue("asset")]
	if !ok {
		return faultNotFound.because(errors.New("no such asset"))
	}
	w.Header().Set("Content-Type", file.mimeType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(file.data) // a browser that has gone needs no answer
	return nil
}
