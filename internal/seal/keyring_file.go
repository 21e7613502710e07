package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A keySource has the keys of a keyring. If they are those of a file, it reads the file
// again after a change, so that a server that runs learns of a new key.
type keySource struct {
	mu      sync.Mutex
	keys    masked[[]masterKey]
	checked time.Time

	path string // empty for keys that are not in a file
	// loading is held while the file is read, and mu is not: to accept a file takes a query, and whoever
	// holds a connection of the database may be waiting for the keys.
	loading sync.Mutex
	changed time.Time // when the file was written last
	// accept says whether a changed file is still the one of the database; nil accepts every file.
	accept func(*Keyring) error
	// refused is when a file was written that was refused; zero if the file is the one that was read.
	refused time.Time
}

// ErrOtherKeyring says that the keyring's file is not the one of the database any more, so that it is not used.
var ErrOtherKeyring = errors.New("the file has become one of other master keys, which do not open the secrets of " +
	"this server: put the right file back. Until then the server goes on with the keys that it has")

// checkFileEvery bounds how often the file is looked at.
const checkFileEvery = time.Second

// KeyringDelay is how long after a change of a keyring's file every server that has opened the file
// uses the change.
const KeyringDelay = 2 * checkFileEvery

func (s *keySource) value() []masterKey {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	due := s.path != "" && time.Since(s.checked) >= checkFileEvery
	if due {
		s.checked = time.Now()
	}
	s.mu.Unlock()
	if due && s.loading.TryLock() { // otherwise another call is at it
		s.reload()
		s.loading.Unlock()
	}
	return s.current()
}

func (s *keySource) current() []masterKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys.value()
}

// named returns the keys with an id. If there is none, it looks at the file at once: another server
// may use a key already that was added within the last second.
func (s *keySource) named(id [4]byte) (named []masterKey) {
	pick := func(keys []masterKey) {
		for _, k := range keys {
			if k.id == id {
				named = append(named, k)
			}
		}
	}
	if pick(s.value()); len(named) > 0 || s == nil || s.path == "" {
		return named
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	s.reload()
	pick(s.current())
	return named
}

// reload reads the file if it was written to. A file that cannot be read changes nothing. Nor does one
// that is not accepted: somebody has put an older file in place, or that of another server, and what is
// sealed with its keys nobody else opens. The caller holds loading.
func (s *keySource) reload() {
	info, err := os.Stat(s.path)
	if err != nil || info.ModTime().Equal(s.changed) {
		s.refused = time.Time{}
		return
	}
	if info.ModTime().Equal(s.refused) {
		return
	}
	text, err := readKeyringFile(s.path)
	if err != nil {
		return
	}
	keys, err := parseKeys(text)
	if err != nil {
		return
	}
	if s.accept != nil {
		err := s.accept(&Keyring{keys: &keySource{keys: maskedOf(keys)}})
		if errors.Is(err, ErrCannotOpen) {
			s.refused = info.ModTime()
		}
		if err != nil {
			return
		}
	}
	s.changed, s.refused = info.ModTime(), time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = maskedOf(keys)
}

// AcceptOnly has the keyring use a changed file only if accept returns no error for its keys. A file for
// which the error matches [ErrCannotOpen] is refused until it changes again; after any other error it is
// looked at again.
func (r *Keyring) AcceptOnly(accept func(changed *Keyring) error) {
	r.keys.loading.Lock()
	defer r.keys.loading.Unlock()
	r.keys.accept = accept
}

// CheckFile returns [ErrOtherKeyring] if the keyring's file has been replaced by one that is not used.
func (r *Keyring) CheckFile() error {
	r.keys.value()
	if r.keys == nil {
		return nil
	}
	r.keys.loading.Lock()
	defer r.keys.loading.Unlock()
	if r.keys.refused.IsZero() {
		return nil
	}
	return fmt.Errorf("keyring %s: %w", r.keys.path, ErrOtherKeyring)
}

// InspectFile returns the error that opening the keyring's file again would have: that it is gone, that others may read
// it, or that it has no keys. It returns nil for a keyring that is in no file.
func (r *Keyring) InspectFile() error {
	if r.keys == nil || r.keys.path == "" {
		return nil
	}
	_, err := OpenKeyring(r.keys.path)
	return err
}

// OpenKeyring reads the keyring in a file. A file that others may read is refused. The
// error matches [fs.ErrNotExist] if there is no file. A server that has opened the file
// uses a key that is added to it within a second.
func OpenKeyring(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	text, err := readKeyringFile(path)
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	r, err := ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("open keyring %s: %w", path, err)
	}
	r.keys.path, r.keys.checked, r.keys.changed = path, time.Now(), info.ModTime()
	return r, nil
}

func readKeyringFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&forbidden(info) != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s has mode %04o, so that others than its owner may read or change it: chmod 600 it "+
			"(or 640, for a file of root that the group of the server reads)", path, mode)
	}
	return os.ReadFile(path)
}

// forbidden returns the permissions that a keyring's file must not have. Only the server may read it,
// and root gives it to the server, for example as a mounted secret, by a group.
func forbidden(info fs.FileInfo) fs.FileMode {
	if ownedByRoot(info) {
		return 0o037
	}
	return 0o077
}

// temporaryPattern is that of the names of temporary files beside a keyring's file.
const temporaryPattern = ".keyring-*"

var temporaryName = regexp.MustCompile(`^\.keyring-[0-9]+$`)

// RemoveTemporary removes the temporary files beside a keyring's file that were written before a time:
// a process that was killed has left them, and they may have keys.
func RemoveTemporary(path string, before time.Time) error {
	folder := filepath.Dir(path)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	for _, e := range entries {
		info, infoErr := e.Info()
		if infoErr != nil || !temporaryName.MatchString(e.Name()) || !info.Mode().IsRegular() ||
			!info.ModTime().Before(before) {
			continue
		}
		if e := os.Remove(filepath.Join(folder, e.Name())); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("remove temporary keyrings: %w", err)
	}
	return nil
}

// CreateKeyring makes a file with a random key, readable by its owner only, unless the
// file exists. It reports whether it did. Of two processes that do so at once, one does.
func CreateKeyring(path string) (created bool, err error) {
	created, err = createKeyringFile(path)
	if err != nil {
		return false, fmt.Errorf("make keyring: %w", err)
	}
	return created, nil
}

// createKeyringFile writes a new keyring to a temporary file and links it to path.
func createKeyringFile(path string) (bool, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(dir, temporaryPattern) // mode 0600
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(NewKeyringText())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return false, err
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, syncFolder(dir)
}

func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a folder cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// RecordInstallation adds the line of an installation to a keyring's file, unless it has one. What
// is in the file stays as it is.
func RecordInstallation(path, id string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("add installation to keyring: %w", err)
	}
	if has, err := parseInstallation(text); err != nil || has != "" {
		return err
	}
	if err := appendLine(path, text, []byte("# installation "+id+"\n")); err != nil {
		return fmt.Errorf("add installation to keyring: %w", err)
	}
	return nil
}

// ReplaceInstallation makes a keyring's file name another installation.
func ReplaceInstallation(path, id string) error {
	return editKeyring(path, func(text []byte) []byte {
		text = installationLine.ReplaceAll(text, nil)
		return append(endLine(text), "# installation "+id+"\n"...)
	})
}

// RecordAdoption adds the line of an adoption to a keyring's file, unless it has one of that number
// or of a higher one.
func RecordAdoption(path string, number int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("add adoption to keyring: %w", err)
	}
	if parseAdopted(text) >= number {
		return nil
	}
	if err := appendLine(path, text, fmt.Appendf(nil, "# adopted %d\n", number)); err != nil {
		return fmt.Errorf("add adoption to keyring: %w", err)
	}
	return nil
}

// RemoveAdoptions removes the lines of adoptions from a keyring's file.
func RemoveAdoptions(path string) error {
	return editKeyring(path, func(text []byte) []byte { return adoptedLine.ReplaceAll(text, nil) })
}

// AddKey adds a random key to a keyring's file, as the newest one.
func AddKey(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("add master key: %w", err)
	}
	if err := appendLine(path, text, newKeyLine()); err != nil {
		return fmt.Errorf("add master key: %w", err)
	}
	return nil
}

// RemoveKeys removes the keys with the ids from a keyring's file. It leaves the newest key.
func RemoveKeys(path string, ids []KeyID) error {
	return editKeyring(path, func(text []byte) []byte {
		lines := bytes.SplitAfter(text, []byte("\n"))
		newest := -1
		for i, line := range lines {
			if _, err := parseKeys(line); err == nil {
				newest = i
			}
		}
		var kept []byte
		for i, line := range lines {
			keys, err := parseKeys(line)
			if err == nil && i != newest && slices.Contains(ids, keys[0].name()) {
				continue
			}
			kept = append(kept, line...)
		}
		return kept
	})
}

// appendLine adds a line at the end of a file, in one write. It follows links and keeps owner and
// mode.
func appendLine(path string, text, line []byte) error {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = append([]byte("\n"), line...)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Sync(), f.Close())
}

func endLine(text []byte) []byte {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return append(text, '\n')
	}
	return text
}

// editKeyring replaces a keyring's file by what edit makes of its text. The new file has the owner
// of the old one.
func editKeyring(path string, edit func([]byte) []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("change keyring: %w", err)
	}
	text, err := readKeyringFile(path)
	if err != nil {
		return fmt.Errorf("change keyring: %w", err)
	}
	text = edit(text)
	if _, err := ParseKeyring(text); err != nil {
		return fmt.Errorf("change keyring %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), temporaryPattern) // mode 0600
	if err != nil {
		return fmt.Errorf("change keyring: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it no longer exists if it was renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = copyOwner(path, f.Name())
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("change keyring: %w", err)
	}
	return nil
}
