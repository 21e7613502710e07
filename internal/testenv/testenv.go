// Package testenv gives tests what they need from outside Go: a PostgreSQL
// server, a browser, accessibility rules, reference material.
//
// Only test files import it; the test in internal/arch insists on that.
//
// What is missing makes a test skip, so that `go test ./...` runs anywhere.
// `make test` installs everything and sets CARREL_TEST_NO_SKIP=1, which turns
// such a skip into a failure: on a machine that has it all, a test that does
// not run is a mistake, not a convenience.
//
// A package whose tests ask for [Postgres], or open tabs by package browsertest,
// hands its TestMain to [Main].
package testenv

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The environment variables that this package reads. `make test` sets those
// that it needs.
const (
	noSkipVar   = "CARREL_TEST_NO_SKIP"  // "1": a test that would skip fails
	postgresVar = "CARREL_TEST_POSTGRES" // URL of a server to use; without it a private one is started
	chromiumVar = "CARREL_TEST_CHROMIUM" // path of the browser
	axeVar      = "CARREL_TEST_AXE"      // path of axe.min.js
)

const defaultChromium = "/usr/bin/chromium"

// SkipOrFail skips the test, saying why; where skipping is not allowed it
// fails the test instead.
func SkipOrFail(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(noSkipVar) == "1" {
		t.Fatalf("%s (and %s=1 forbids to skip)", why, noSkipVar)
	}
	t.Skip(why)
}

// Chromium returns the path of a Chromium that tests may start.
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

// Axe returns the text of axe.min.js, the accessibility rules that a page is
// checked against.
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

// cachedAxe is where scripts/install-test-tools puts axe.min.js.
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

// Shared returns the path of something in the folder "shared" beside the
// repository, such as Shared(t, "contract", "recorded"). That folder holds
// reference material which is not part of the repository and which a clone
// may well be without, so its absence is a plain skip everywhere.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	path := filepath.Join(append([]string{Root(t), "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference material at %s: this test compares with it", path)
	}
	return path
}

// findRoot goes up from the working directory, which in a test is the
// package's own folder.
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
