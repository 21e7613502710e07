package medmij

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// After a restart the cached lists are used while the list server is down.
func TestListCache(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	w.config.CacheFolder = filepath.Join(t.TempDir(), "lists")
	before := w.newUpdatedNetwork()
	want, _, _ := before.DataServices()
	files, err := os.ReadDir(w.config.CacheFolder)
	if err != nil || len(files) != 4 {
		t.Errorf("%v, %v", files, err)
	}
	for _, name := range listNames {
		w.lists.statuses[string(name)] = 503
	}
	n := w.newNetwork()
	if err := n.UpdateLists(t.Context()); err == nil {
		t.Error("the update succeeded without a list server")
	}
	got, _, err := n.DataServices()
	if err != nil || len(got) != 1 || got[0] != want[0] || n.checkReady() != nil {
		t.Errorf("%+v, %v, %v", got, err, n.checkReady())
	}
}

// After a restart a list with a lower number than the cached one is refused.
func TestListCacheOlderList(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	w.config.CacheFolder = filepath.Join(t.TempDir(), "lists")
	w.newUpdatedNetwork()
	w.lists.publish(zal2XML(9))
	if err := w.newNetwork().UpdateLists(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "lower than 10") {
		t.Errorf("an older list after a restart: %v", err)
	}
}

// A broken file in the cache is not used, and is replaced.
func TestListCacheBrokenFile(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	w.config.CacheFolder = filepath.Join(t.TempDir(), "lists")
	w.newUpdatedNetwork()
	if err := os.WriteFile(filepath.Join(w.config.CacheFolder, "MedMij_Zorgaanbiederslijst.xml"), []byte("<half"),
		0o600); err != nil {
		t.Fatal(err)
	}
	w.lists.publish(zal2XML(12, w.service("53")))
	n := w.newNetwork()
	if err := n.checkReady(); !errors.Is(err, errNoLists) || !strings.Contains(w.log.String(), "cannot be used") {
		t.Errorf("a broken file: %v", err)
	}
	if err := n.UpdateLists(t.Context()); err != nil || n.checkReady() != nil {
		t.Errorf("after a broken file: %v, %v", err, n.checkReady())
	}
}

// A list that cannot be cached is used nevertheless, and is cached later.
func TestCacheWriteError(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	w.config.CacheFolder = filepath.Join(t.TempDir(), "lists")
	n := w.newNetwork()
	if err := os.RemoveAll(w.config.CacheFolder); err != nil {
		t.Fatal(err)
	}
	if err := n.UpdateLists(t.Context()); err == nil || !strings.Contains(err.Error(), "cache the list") {
		t.Errorf("without a folder: %v", err)
	}
	if err := n.checkReady(); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	if err := os.Mkdir(w.config.CacheFolder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := n.UpdateLists(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.newNetwork().checkReady(); err != nil {
		t.Errorf("cached later: %v", err)
	}
}
