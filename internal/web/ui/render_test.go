package ui_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/ui"
)

// TestTemplates: the template of each page parses in each language.
func TestTemplates(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob("../*/templates")
	if err != nil || len(found) < 3 {
		t.Fatalf("the folders of templates are %v, %v", found, err)
	}
	var folders []fs.FS
	for _, path := range found {
		folders = append(folders, os.DirFS(filepath.Dir(path)))
	}
	u := ui.New(ui.Config{PublicURL: &url.URL{Scheme: "http", Host: "localhost"}, Zone: time.UTC, Templates: folders})
	if n := u.LoadPages(); n < 40 {
		t.Errorf("there are %d pages in all languages", n)
	}
}
