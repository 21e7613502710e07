package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/testenv"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestDrill backs a server up, destroys it and restores it, with the commands of docs/operating.md. Then the person
// signs in, every file is read, and the tokens of the application still write and read.
func TestDrill(t *testing.T) {
	t.Parallel()
	t.Run("SQLite running", func(t *testing.T) {
		t.Parallel()
		d := newDrill(t, newClinic(t))
		d.backUpWhilePushing(t, "SQLite, while the server runs")
		d.pushes(t, "after the first backup")
		bert := d.clinic.person(t, "bert")
		d.run(t, "SQLite, while the server runs") // brings it up to date
		d.clinic.removes(t, bert.deleteLibrary)
		d.run(t, "SQLite, while the server runs")
		if found := d.clinic.foundIn(t, filepath.Join(d.root, "backup")); len(found) > 0 {
			t.Errorf("a backup after a deletion has %v", found)
		}
		d.destroy(t)
		d.restore(t, "Restore with SQLite")
	})
	t.Run("SQLite stopped", func(t *testing.T) {
		t.Parallel()
		d := newDrill(t, newClinic(t))
		d.clinic.process.stop(t, syscall.SIGTERM)
		d.run(t, "SQLite, while the server is stopped")
		d.destroy(t)
		d.restore(t, "Restore with SQLite")
	})
	t.Run("PostgreSQL running", func(t *testing.T) {
		t.Parallel()
		d := newDrill(t, newClinic(t, testenv.Postgres(t)))
		d.backUpWhilePushing(t, "PostgreSQL")
		d.destroy(t)
		d.clinic.database = testenv.Postgres(t)
		d.restore(t, "Restore with PostgreSQL")
	})
	t.Run("PostgreSQL stopped", func(t *testing.T) {
		t.Parallel()
		d := newDrill(t, newClinic(t, testenv.Postgres(t)))
		d.clinic.process.stop(t, syscall.SIGTERM)
		d.run(t, "PostgreSQL")
		d.destroy(t)
		d.clinic.database = testenv.Postgres(t)
		d.restore(t, "Restore with PostgreSQL")
	})
}

// drill is a server with a person, whose backup is in a folder.
type drill struct {
	clinic *clinic
	person *patient
	// root is the folder in which the paths of the documentation lie.
	root string

	mu     sync.Mutex
	pushed map[string]bool // references of pushes that were answered before the last backup began
}

func newDrill(t *testing.T, c *clinic) *drill {
	t.Helper()
	d := &drill{clinic: c, person: c.person(t, "anna"), root: t.TempDir(), pushed: map[string]bool{}}
	for i := range pushedFiles {
		d.pushed[referenceOf("anna", i)] = true
	}
	if err := os.MkdirAll(filepath.Join(d.root, "backup"), 0o700); err != nil {
		t.Fatal(err)
	}
	// The operator keeps the master keys elsewhere.
	key, err := os.ReadFile(filepath.Join(c.data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(d.root, "elsewhere"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.root, "elsewhere", "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// pushes pushes a large and a small file with names.
func (d *drill) pushes(t *testing.T, name string) {
	t.Helper()
	for _, size := range []int{1000, 100 << 10} {
		reference := fmt.Sprintf("%s-%d", name, size)
		err := d.person.writer.Push(t.Context(), digime.PushInput{
			Data: bytes.NewReader(contentOf(reference)), MIMEType: "text/plain", AccountID: "a",
			Reference: []string{reference},
		})
		if err != nil {
			t.Error(err)
			return
		}
		d.mu.Lock()
		d.pushed[reference] = true
		d.mu.Unlock()
	}
}

// backUpWhilePushing runs the commands of a section of the documentation while files are pushed. Those that were pushed
// before are in the backup; those that are pushed meanwhile may be.
func (d *drill) backUpWhilePushing(t *testing.T, section string) {
	t.Helper()
	d.mu.Lock()
	before := len(d.pushed)
	d.mu.Unlock()
	meanwhile := &drill{clinic: d.clinic, person: d.person, pushed: map[string]bool{}}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				meanwhile.pushes(t, fmt.Sprintf("meanwhile-%d", i))
			}
		}
	}()
	func() {
		defer func() {
			close(done)
			<-ended
		}()
		d.run(t, section)
	}()
	if len(meanwhile.pushed) == 0 || before == 0 {
		t.Error("nothing was pushed meanwhile")
	}
}

// run runs the commands of a section of docs/operating.md, with the paths of this drill.
func (d *drill) run(t *testing.T, section string) {
	t.Helper()
	commands := strings.NewReplacer(
		"/var/lib/carrel", d.clinic.data,
		"/backup", filepath.Join(d.root, "backup"),
		"/elsewhere", filepath.Join(d.root, "elsewhere"),
	).Replace(commandsIn(t, section))
	shell := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	shell.Env = append(os.Environ(), "CARREL_DATABASE="+d.clinic.database)
	if !strings.Contains(d.clinic.database, "://") {
		shell.Env = os.Environ()
	}
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", section, err, commands, out)
	}
}

// commandsIn returns the commands of a section of docs/operating.md.
func commandsIn(t *testing.T, section string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "\n### "+section+"\n")
	text, _, _ = strings.Cut(text, "\n#")
	_, commands, hasCommands := strings.Cut(text, "\n```\n")
	commands, _, ends := strings.Cut(commands, "\n```\n")
	if !found || !hasCommands || !ends {
		t.Fatalf("docs/operating.md has no commands in a section %q", section)
	}
	return commands
}

// destroy kills the server, unless it was stopped, and removes its data folder.
func (d *drill) destroy(t *testing.T) {
	t.Helper()
	d.clinic.process.kill()
	if err := os.RemoveAll(d.clinic.data); err != nil {
		t.Fatal(err)
	}
}

// restore restores the backup and checks that all is there.
func (d *drill) restore(t *testing.T, section string) {
	t.Helper()
	d.run(t, section)
	d.clinic.start(t)
	page := d.clinic.browser(t).SignIn("/sign-in", d.person.email)
	if page.Title() != "Your files" {
		t.Fatalf("the person signs in and sees %q: %s", page.Title(), page.Text())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	read := d.person.readFiles(t)
	files := filesOn(page)
	if len(files) == 0 {
		t.Errorf("the person sees no file: %s", page.Text())
	}
	for _, path := range files {
		if download := page.Browser.Get(path + "/download"); download.Status != http.StatusOK || download.Body == "" {
			t.Errorf("the person cannot download %s: %d", path, download.Status)
		}
	}
	for reference := range d.pushed {
		if !read[reference] {
			t.Errorf("%s was pushed before the backup and is not there", reference)
		}
	}
	if len(d.pushed) < pushedFiles {
		t.Error("too little was pushed")
	}
	reference := "after-the-restore-2000"
	err := d.person.writer.Push(t.Context(), digime.PushInput{
		Data: bytes.NewReader(contentOf(reference)), MIMEType: "text/plain", AccountID: "a",
		Reference: []string{reference},
	})
	if err != nil {
		t.Errorf("push after the restore: %v", err)
	}
	if !d.person.readFiles(t)[reference] {
		t.Error("what was pushed after the restore is not there")
	}
	d.clinic.process.stop(t, syscall.SIGTERM)
	d.check(t)
}

// filesOn returns the addresses of the files on the person's list.
func filesOn(page *webtest.Page) (paths []string) {
	for _, link := range regexp.MustCompile(`href="(/files/[^"/?]+)"`).FindAllStringSubmatch(page.Body, -1) {
		paths = append(paths, link[1])
	}
	return paths
}

// check checks all that was restored.
func (d *drill) check(t *testing.T) {
	t.Helper()
	out, err := carrel(t.Context(), "check", "--all", "--data", d.clinic.data, "--database", d.clinic.database).
		CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\nall is well\n") {
		t.Errorf("carrel check says %q (%v)", out, err)
	}
}

// A backup of a data folder whose contents are missing says so, and keeps what the earlier backup has.
func TestBackupWithoutContents(t *testing.T) {
	t.Parallel()
	d := newDrill(t, newClinic(t))
	d.clinic.process.stop(t, syscall.SIGTERM)
	d.run(t, "SQLite, while the server runs")
	before := filesBelow(t, filepath.Join(d.root, "backup"))
	blobs := filepath.Join(d.clinic.data, "blobs")
	if err := os.Rename(blobs, blobs+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(blobs, 0o700); err != nil { // the point at which a disk was not mounted
		t.Fatal(err)
	}
	backup := func(want string) {
		t.Helper()
		out, err := carrel(t.Context(), "backup", "--data", d.clinic.data, filepath.Join(d.root, "backup", "carrel")).
			CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("the backup says %q (%v)", out, err)
		}
	}
	backup("another folder of large contents")
	const mark = "installation"
	if err := os.Link(filepath.Join(blobs+"-elsewhere", mark), filepath.Join(blobs, mark)); err != nil {
		t.Fatal(err)
	}
	backup("the contents of 4 files are not in the data folder")
	if after := filesBelow(t, filepath.Join(d.root, "backup")); after != before {
		t.Errorf("the backup has %d files, before %d", after, before)
	}
}

func filesBelow(t *testing.T, folder string) (n int) {
	t.Helper()
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
