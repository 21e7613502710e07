// Package testenv gives tests what they need from outside Go: a PostgreSQL server, a browser, accessibility rules, a
// validator of XML, reference material. Only tests may import it; internal/arch checks this.
//
// A test skips if what it needs is missing, so that `go test ./...` runs on any machine. `make test` installs
// everything and sets CARREL_TEST_NO_SKIP=1, with which such a test fails instead.
//
// The TestMain of a package that uses [Postgres], or opens tabs with package browsertest, must call [Main].
package testenv

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The environment variables that this package reads.
const (
	noSkipVar   = "CARREL_TEST_NO_SKIP"  // "1": a test fails instead of skipping
	postgresVar = "CARREL_TEST_POSTGRES" // URL of the server to use; without it one is started
	chromiumVar = "CARREL_TEST_CHROMIUM" // path of the browser
	axeVar      = "CARREL_TEST_AXE"      // path of axe.min.js
)

// defaultChromium has no windows, and needs two thirds of the time of the whole browser.
const defaultChromium = "/usr/bin/chromium-headless-shell"

// SkipOrFail skips the test for the given reason, or fails it if CARREL_TEST_NO_SKIP is 1.
func SkipOrFail(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(noSkipVar) == "1" {
		t.Fatalf("%s (and %s=1 forbids to skip)", why, noSkipVar)
	}
	t.Skip(why)
}

// Chromium returns the path of Chromium.
func Chromium(t testing.TB) string {
	t.Helper()
	path := os.Getenv(chromiumVar)
	if path == "" {
		path = defaultChromium
	}
	if _, err := os.Stat(path); err != nil {
		SkipOrFail(t, "no Chromium at "+path+": install it or set "+chromiumVar)
	}
	return path
}

// Axe returns the text of axe.min.js, which checks a page for accessibility.
func Axe(t testing.TB) string {
	t.Helper()
	path := os.Getenv(axeVar)
	if path == "" {
		path = cachedAxe()
	}
	text, err := os.ReadFile(path)
	if err != nil {
		SkipOrFail(t, "no axe.min.js at "+path+": run scripts/install-test-tools or set "+axeVar)
	}
	return string(text)
}

// cachedAxe returns the path at which scripts/install-test-tools installs axe.min.js.
func cachedAxe() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "axe.min.js"
	}
	return filepath.Join(cache, "carrel-test", "node_modules", "axe-core", "axe.min.js")
}

// Root returns the folder that holds the repository's go.mod.
func Root(t testing.TB) string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatalf("finding the repository's root: %v", err)
	}
	return root
}

// Shared returns a path in the folder "shared" beside the repository, such as Shared(t, "contract", "recorded"). That
// folder has reference material that is not part of the repository. If the path does not exist, the test skips, also
// if CARREL_TEST_NO_SKIP is 1.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{Root(t), "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference material at %s: this test compares with it", path)
	}
	return path
}

// findRoot searches the working directory and the folders above it. In a test, the working directory is the folder of
// the package.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in any folder above the test")
		}
		dir = parent
	}
}
