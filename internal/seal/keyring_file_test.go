package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// keyringFile writes a keyring's text to a file, and returns its path.
func keyringFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	return string(must[[]byte](t)(os.ReadFile(path)))
}

// TestKeyringInstallation: the line of the installation is one that older programs ignore. A line that was written in
// part is as good as none.
func TestKeyringInstallation(t *testing.T) {
	t.Parallel()
	const one, two = "0123456789abcdefghjk", "zyxwvtsrqpnmkjhgfedc"
	for name, tt := range map[string]struct {
		text, id string
		refused  bool
	}{
		"none":             {"# a comment\n" + masterKey(1), "", false},
		"one":              {masterKey(1) + "\n# installation " + one, one, false},
		"lines of Windows": {masterKey(1) + "\r\n# installation " + one + "\r\n", one, false},
		"twice the same":   {"# installation " + one + "\n# installation " + one + "\n" + masterKey(1), one, false},
		"in part":          {masterKey(1) + "\n# installation " + one[:12], "", false},
		"no id":            {masterKey(1) + "\n# installation of the hospital", "", false},
		"two":              {masterKey(1) + "\n# installation " + one + "\n# installation " + two, "", true},
	} {
		ring, err := seal.ParseKeyring([]byte(tt.text))
		if (err != nil) != tt.refused {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && ring.Installation() != tt.id {
			t.Errorf("%s: the installation is %q, want %q", name, ring.Installation(), tt.id)
		}
	}
	if id := seal.NewInstallationID(); len(id) != len(one) {
		t.Errorf("a new id is %q", id)
	}
}

func TestRecordInstallation(t *testing.T) {
	t.Parallel()
	first, second := seal.NewInstallationID(), seal.NewInstallationID()
	for _, before := range []string{
		masterKey(1), "# a\n" + masterKey(1) + "\n", masterKey(1) + "\n# installation 0123",
	} {
		path := keyringFile(t, before)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{first, second} { // the first one stays
			if err := seal.RecordInstallation(link, id); err != nil {
				t.Fatal(err)
			}
		}
		if text := readFile(t, path); !strings.HasPrefix(text, before) {
			t.Errorf("the file has changed from %q to %q", before, text)
		}
		if got := must[*seal.Keyring](t)(seal.OpenKeyring(link)).Installation(); got != first {
			t.Errorf("the installation is %q, want %q", got, first)
		}
		if err := seal.ReplaceInstallation(link, second); err != nil {
			t.Fatal(err)
		}
		ring := must[*seal.Keyring](t)(seal.OpenKeyring(path))
		if got := ring.Installation(); got != second || len(ring.Keys()) != 1 {
			t.Errorf("after replacing, the installation is %q, want %q", got, second)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link was replaced: %v, %v", info.Mode(), err)
		}
	}
}

// TestRecordAdoption: the highest number counts, and the file keeps it through every other change.
func TestRecordAdoption(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]int{
		masterKey(1): 0, masterKey(1) + "\n# adopted 1": 1, "# adopted 3\r\n" + masterKey(1) + "\n# adopted 1\n": 3,
		"# adopted x\n#adopted 9\n# adopted 99999999999\n" + masterKey(1): 0,
	} {
		path := keyringFile(t, before)
		adopted := func() int { return must[*seal.Keyring](t)(seal.OpenKeyring(path)).Adopted() }
		if got := adopted(); got != want {
			t.Errorf("%q: adopted %d, want %d", before, got, want)
		}
		for range 2 {
			if err := seal.RecordAdoption(path, 2); err != nil {
				t.Fatal(err)
			}
		}
		if got, text := adopted(), readFile(t, path); got != max(want, 2) || !strings.HasPrefix(text, before) ||
			strings.Count(text, "# adopted 2") > 1 {
			t.Errorf("%q became %q, adopted %d", before, text, got)
		}
		err := errors.Join(seal.AddKey(path), seal.ReplaceInstallation(path, seal.NewInstallationID()),
			seal.RemoveKeys(path, must[*seal.Keyring](t)(seal.OpenKeyring(path)).Keys()))
		if err != nil || adopted() != max(want, 2) {
			t.Errorf("after other changes: adopted %d, %v", adopted(), err)
		}
		if err := seal.RemoveAdoptions(path); err != nil || adopted() != 0 {
			t.Errorf("after removing: adopted %d, %v", adopted(), err)
		}
	}
}

// TestRotateKeyring: a key is added and older ones are removed; the newest never is.
func TestRotateKeyring(t *testing.T) {
	t.Parallel()
	path := keyringFile(t, "# mine\n"+masterKey(1)+"\n"+masterKey(2)) // without a line end
	old := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	box := old.Seal("p", []byte("text"))
	if err := seal.AddKey(path); err != nil {
		t.Fatal(err)
	}
	all := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	if keys := all.Keys(); len(keys) != 3 || !slices.Equal(keys[:2], old.Keys()) || seal.KeyOf(box) != keys[1] {
		t.Fatalf("the keys are %v, before %v", keys, old.Keys())
	}
	if got := seal.KeyOf(all.Seal("p", nil)); got != all.Keys()[2] {
		t.Errorf("a box has key %s, want the newest of %v", got, all.Keys())
	}
	if err := seal.RemoveKeys(path, all.Keys()); err != nil {
		t.Fatal(err)
	}
	left := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	if keys := left.Keys(); len(keys) != 1 || keys[0] != all.Keys()[2] {
		t.Errorf("the keys left are %v, want the newest of %v", keys, all.Keys())
	}
	if !strings.HasPrefix(readFile(t, path), "# mine\n") {
		t.Error("a comment is gone")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, box := range []string{"", "\x01abc", "\x02abcdefg"} {
		if id := seal.KeyOf([]byte(box)); id != "" {
			t.Errorf("%q has the key %s", box, id)
		}
	}
}

// TestKeyringIsReadAgain: a server that runs opens what another has sealed with a key that was added since, and uses
// the key itself. A file that has become unreadable changes nothing.
func TestKeyringIsReadAgain(t *testing.T) {
	t.Parallel()
	path := keyringFile(t, masterKey(1))
	running := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	if err := seal.AddKey(path); err != nil {
		t.Fatal(err)
	}
	other := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	box := other.Seal("p", []byte("text"))
	if _, err := running.Open("p", box); err != nil {
		t.Errorf("a box of the new key: %v", err)
	}
	if !running.VerifyMAC(other.MAC("p"), "p") {
		t.Error("a MAC of the new key does not verify at once")
	}
	if got := seal.KeyOf(running.Seal("p", nil)); got != other.Keys()[1] {
		t.Errorf("a box has key %s, want the newest of %v", got, other.Keys())
	}
	if err := os.WriteFile(path, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(3 * time.Second / 2)
	eventually(t, "the file was looked at again", func() bool {
		if _, err := running.Open("p", box); err != nil {
			t.Fatalf("a broken file took the keys away: %v", err)
		}
		return time.Now().After(deadline)
	})
}

// TestAttackReplacedKeyring: the file of a server that runs is replaced by one of before a rotation, by another
// server's, and by one that lacks the newest key. The server goes on with the keys that it has, and says so; and it
// learns of a rotation when the right file is back.
func TestAttackReplacedKeyring(t *testing.T) {
	t.Parallel()
	path := keyringFile(t, masterKey(1)+"\n"+masterKey(2))
	right := must[[]byte](t)(os.ReadFile(path))
	running := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	box := running.Seal("p", []byte("text"))
	running.AcceptOnly(func(changed *seal.Keyring) error {
		_, err := changed.Open("p", box)
		return err
	})
	after := time.Now()
	replace := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		after = after.Add(time.Minute) // a file system may count in seconds
		if err := os.Chtimes(path, after, after); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"of before": masterKey(1), "another's": masterKey(3), "without the newest": masterKey(1) + "\n" + masterKey(3),
	} {
		replace([]byte(text))
		eventually(t, name+": the server says so", func() bool {
			return errors.Is(running.CheckFile(), seal.ErrOtherKeyring)
		})
		if key := seal.KeyOf(running.Seal("p", nil)); key != running.Keys()[1] || key != seal.KeyOf(box) {
			t.Errorf("%s: the server seals with key %s", name, key)
		}
		replace(right)
		eventually(t, "it is well again", func() bool { return running.CheckFile() == nil })
	}
	if err := seal.AddKey(path); err != nil {
		t.Fatal(err)
	}
	after = after.Add(time.Minute)
	if err := os.Chtimes(path, after, after); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the added key is used", func() bool { return seal.KeyOf(running.Seal("p", nil)) != seal.KeyOf(box) })
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute it does not hold that %s", what)
		}
	}
}

// TestKeyringModes opens files that others may read.
func TestKeyringModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes")
	}
	for _, tt := range []struct {
		mode        fs.FileMode
		opens, root bool // whether it opens, and whether it does if it belongs to root
	}{
		{0o600, true, true}, {0o400, true, true},
		{0o440, false, true}, {0o640, false, true},
		{0o660, false, false}, {0o604, false, false}, {0o644, false, false}, {0o444, false, false},
	} {
		path := filepath.Join(t.TempDir(), "master.key")
		err := errors.Join(os.WriteFile(path, seal.NewKeyringText(), 0o600), os.Chmod(path, tt.mode))
		if err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if _, err := seal.OpenKeyring(path); (err == nil) != tt.root {
				t.Errorf("a file of root with mode %04o: %v", tt.mode, err)
			}
			if err := os.Chown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := seal.OpenKeyring(path); (err == nil) != tt.opens {
			t.Errorf("mode %04o: %v", tt.mode, err)
		}
	}
}
