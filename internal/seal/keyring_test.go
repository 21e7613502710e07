package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/internal/seal"
)

func masterKey(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func parseKeyring(t testing.TB, lines ...string) *seal.Keyring {
	t.Helper()
	return must[*seal.Keyring](t)(seal.ParseKeyring([]byte(strings.Join(lines, "\n"))))
}

func TestKeyringText(t *testing.T) {
	t.Parallel()
	key := masterKey(7)
	for name, test := range map[string]struct {
		text string
		keys int // 0: refused
	}{
		"one key":                     {key, 1},
		"with its line ended":         {key + "\n", 1},
		"lines of Windows":            {"# keys\r\n" + key + "\r\n", 1},
		"comments and empty lines":    {"# a\n\n  \n" + key + "\n# b\n", 1},
		"spaces around":               {"  " + key + "\t", 1},
		"three keys":                  {masterKey(1) + "\n" + masterKey(2) + "\n" + masterKey(3), 3},
		"nothing":                     {"", 0},
		"comments only":               {"# " + key, 0},
		"31 bytes":                    {base64.StdEncoding.EncodeToString(make([]byte, 31)), 0},
		"33 bytes":                    {base64.StdEncoding.EncodeToString(make([]byte, 33)), 0},
		"not base64":                  {strings.Repeat("!", 44), 0},
		"hexadecimal":                 {strings.Repeat("a7", 32), 0},
		"two keys on a line":          {key + " " + key, 0},
		"a good key and a broken one": {key + "\n" + key[:40], 0},
		"half a key":                  {key[:22], 0},
	} {
		t.Run(name, func(t *testing.T) {
			ring, err := seal.ParseKeyring([]byte(test.text))
			if (err == nil) != (test.keys > 0) {
				t.Error(err)
			}
			if err != nil && strings.Contains(err.Error(), key[:10]) {
				t.Errorf("the error repeats the key: %v", err)
			}
			if err == nil {
				if _, err := ring.Open("p", ring.Seal("p", []byte("text"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestKeyringErrorNamesTheLine(t *testing.T) {
	t.Parallel()
	_, err := seal.ParseKeyring([]byte("# first\n" + masterKey(7) + "\nbroken"))
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("the error does not name line 3: %v", err)
	}
}

func TestKeyringOpensWhatItSealed(t *testing.T) {
	t.Parallel()
	ring := parseKeyring(t, string(seal.NewKeyringText()))
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(r, "text")
		purpose, other := rapid.String().Draw(r, "purpose"), rapid.String().Draw(r, "other")
		box := ring.Seal(purpose, text)
		if got, err := ring.Open(purpose, box); err != nil || !bytes.Equal(got, text) {
			r.Fatalf("got %x, %v; want %x", got, err, text)
		}
		if _, err := ring.Open(other, box); other != purpose && !errors.Is(err, seal.ErrCannotOpen) {
			r.Fatalf("opens for purpose %q, sealed for %q: %v", other, purpose, err)
		}
		if bytes.Equal(ring.Seal(purpose, text), box) {
			r.Fatal("two boxes of the same are alike")
		}
	})
}

func TestAlteredKeyringBox(t *testing.T) {
	t.Parallel()
	ring := parseKeyring(t, masterKey(1))
	altered(ring.Seal("p", []byte("text")), func(what string, box []byte) {
		if _, err := ring.Open("p", box); !errors.Is(err, seal.ErrCannotOpen) {
			t.Errorf("%s: %v, want ErrShut", what, err)
		}
	})
}

// TestSeveralMasterKeys: the newest key encrypts and all decrypt; a key that was
// removed opens nothing.
func TestSeveralMasterKeys(t *testing.T) {
	t.Parallel()
	old, both, fresh := parseKeyring(t, masterKey(1)), parseKeyring(t, masterKey(1), masterKey(2)),
		parseKeyring(t, masterKey(2))
	boxes := map[string][]byte{"old": old.Seal("p", []byte("t")), "both": both.Seal("p", []byte("t")),
		"fresh": fresh.Seal("p", []byte("t"))}
	for _, test := range []struct {
		by    string
		ring  *seal.Keyring
		opens []string
	}{
		{"old", old, []string{"old"}},
		{"both", both, []string{"old", "both", "fresh"}},
		{"fresh", fresh, []string{"both", "fresh"}},
	} {
		for made, box := range boxes {
			_, err := test.ring.Open("p", box)
			want := strings.Contains(" "+strings.Join(test.opens, " ")+" ", " "+made+" ")
			if (err == nil) != want || err != nil && !errors.Is(err, seal.ErrCannotOpen) {
				t.Errorf("keyring %s, box of keyring %s: %v", test.by, made, err)
			}
		}
	}
}

// createKeyring makes a keyring's file and opens it.
func createKeyring(t testing.TB, path string) *seal.Keyring {
	t.Helper()
	if created, err := seal.CreateKeyring(path); err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	return must[*seal.Keyring](t)(seal.OpenKeyring(path))
}

func TestCreateKeyring(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "folder", "keyring")
	if _, err := seal.OpenKeyring(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file is opened: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("opening a missing file made its folder: %v", err)
	}
	ring := createKeyring(t, path)
	if created, err := seal.CreateKeyring(path); err != nil || created {
		t.Errorf("created again: %t, %v", created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil || folder.Mode().Perm()&0o077 != 0 {
		t.Errorf("folder has mode %v, %v", folder.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v; want the keyring alone", entries, err)
	}
	again := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	if _, err := again.Open("p", ring.Seal("p", []byte("text"))); err != nil {
		t.Errorf("opened again: %v", err)
	}
	other := createKeyring(t, filepath.Join(t.TempDir(), "keyring"))
	if _, err := other.Open("p", ring.Seal("p", []byte("text"))); err == nil {
		t.Error("two servers made the same key")
	}
}

func TestOpenKeyringRefuses(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o604, 0o660, 0o644, 0o620, 0o610, 0o777} {
		path := filepath.Join(t.TempDir(), "keyring")
		if err := os.WriteFile(path, seal.NewKeyringText(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenKeyring(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	path := filepath.Join(t.TempDir(), "keyring")
	if err := os.WriteFile(path, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenKeyring(path); err == nil || strings.Contains(err.Error(), "half a k") {
		t.Errorf("a broken file: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "half a k" {
		t.Error("a broken keyring was replaced: everything it encrypted is lost")
	}
	if _, err := seal.OpenKeyring(filepath.Join(path, "below a file")); err == nil {
		t.Error("a path that cannot be is opened")
	}
}

const keyringPath = "CARREL_TEST_KEYRING_PATH"

// TestKeyringOfManyProcesses starts several processes at once on a path without a
// keyring: all of them read the same key.
func TestKeyringOfManyProcesses(t *testing.T) {
	if path := os.Getenv(keyringPath); path != "" { // one of the processes
		_, _ = os.Stdin.Read(make([]byte, 1)) // wait for the others
		if _, err := seal.CreateKeyring(path); err != nil {
			t.Fatal(err)
		}
		ring := must[*seal.Keyring](t)(seal.OpenKeyring(path))
		fmt.Printf("box %s\n", base64.StdEncoding.EncodeToString(ring.Seal("p", []byte("text"))))
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	start, ready, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outputs := make([]bytes.Buffer, 6)
	var processes []*exec.Cmd
	for i := range outputs {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKeyringOfManyProcesses$")
		cmd.Env, cmd.Stdin = append(os.Environ(), keyringPath+"="+path), start
		cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, cmd)
	}
	_ = ready.Close() // all of them read the end of the pipe at once
	for i, cmd := range processes {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, &outputs[i])
		}
	}
	ring := must[*seal.Keyring](t)(seal.OpenKeyring(path))
	for i := range outputs {
		_, text, _ := strings.Cut(outputs[i].String(), "box ")
		text, _, _ = strings.Cut(text, "\n")
		box, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(box) == 0 {
			t.Fatalf("process %d said %s", i, &outputs[i])
		}
		if _, err := ring.Open("p", box); err != nil {
			t.Errorf("process %d used another key: %v", i, err)
		}
	}
}
