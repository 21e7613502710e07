// Package recorded finds the recorded exchanges of a real client, which the tests of this module compare with.
package recorded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the path of something in the folder "shared" beside the repository, such as
// Dir(t, "contract", "recorded"). That folder holds reference material that is not part of the repository:
// a test skips without it.
func Dir(t testing.TB, elem ...string) string {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(append([]string{root, "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference material at %s: this test compares with it", path)
	}
	return path
}

// repository goes up from the working directory, which in a test is the package's own folder, to the folder
// that holds the module.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Dir(dir), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in any folder above the test")
		}
		dir = parent
	}
}
