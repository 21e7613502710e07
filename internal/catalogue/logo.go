package catalogue

import (
	_ "embed" // the default logo
	"encoding/base64"
	"mime"
	"path"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
)

//go:embed logo.png
var defaultLogoPNG []byte

// defaultLogo is the logo of sources without one, since the iOS client requires a URL.
var defaultLogo = wire.Resource{
	URL:      "data:image/png;base64," + base64.StdEncoding.EncodeToString(defaultLogoPNG),
	MIMEType: "image/png",
}

// logoResource returns the logo of a source.
func logoResource(url string) wire.Resource {
	if url == "" {
		return defaultLogo
	}
	return wire.Resource{URL: url, MIMEType: imageType(url)}
}

// optionalLogo returns a logo, or nil if the URL is empty.
func optionalLogo(url string) *wire.Resource {
	if url == "" {
		return nil
	}
	r := logoResource(url)
	return &r
}

// imageType returns the media type of an image, according to its URL. The default is
// image/png.
func imageType(url string) string {
	if rest, ok := strings.CutPrefix(url, "data:"); ok {
		kind, _, _ := strings.Cut(rest, ",")
		kind, _, _ = strings.Cut(kind, ";")
		return kind
	}
	url, _, _ = strings.Cut(url, "?")
	kind, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(url)), ";")
	if !strings.HasPrefix(kind, "image/") {
		return "image/png"
	}
	return kind
}
