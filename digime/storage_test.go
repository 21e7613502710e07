package digime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
	"github.com/carrelhq/carrel/digime/wire"
)

// storage returns the storage of the person, for the write contract.
func (l testLibrary) storage(t testing.TB, options ...digime.Option) *digime.Storage {
	t.Helper()
	return l.contract(t, l.WriteContract, options...).Storage(l.AddStorage())
}

func upload(t testing.TB, s *digime.Storage, path, content string) {
	t.Helper()
	if err := s.Upload(t.Context(), path, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func download(ctx context.Context, s *digime.Storage, path string) (string, error) {
	file, err := s.OpenFile(ctx, path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	return string(content), err
}

// A storage becomes that of the person who consents, and is found with their token.
func TestStorageBelongsToWhoConsents(t *testing.T) {
	l, ctx := start(t), t.Context()
	k := l.write(t)
	made, err := k.CreateStorage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	user := l.writer(t)
	if _, err := user.GetStorage(ctx); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("before the consent: error %v", err)
	}
	options := digime.AuthorizeOptions{RedirectURL: l.RedirectURL, Storage: made.ID()}
	auth, err := k.Authorize(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(auth.URL, string(made.ID())) || !strings.Contains(auth.URL, "&storageRef=") {
		t.Errorf("the page is at %s", auth.URL)
	}
	if _, err := l.Allow(auth.URL); err != nil {
		t.Fatal(err)
	}
	l.ExpireAccessTokens()
	got, err := user.GetStorage(ctx)
	if err != nil || got.ID() != made.ID() {
		t.Fatalf("storage %s, error %v", got.ID(), err)
	}
	options.Storage = "unknown"
	if _, err := k.Authorize(ctx, options); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("an unknown storage: error %v", err)
	}
	if text := fmt.Sprintf("%v %+v %s", got, got, got); strings.Contains(text, string(got.ID())) {
		t.Errorf("printed %s", text)
	}
}

// Each size around the blocks of the cipher, by each kind of reader.
func TestStorageReturnsWhatWasUploaded(t *testing.T) {
	l, ctx := start(t), t.Context()
	s := l.storage(t)
	for _, size := range []int{0, 1, 15, 16, 17, 64 << 10, 1 << 20} {
		content := bytes.Repeat([]byte("0123456789abcdefg"), size/17+1)[:size]
		for name, data := range map[string]io.Reader{
			"seeker": bytes.NewReader(content), "stream": io.MultiReader(bytes.NewReader(content)),
			"single bytes": iotest.OneByteReader(bytes.NewReader(content)),
		} {
			if err := s.Upload(ctx, "a file", data); err != nil {
				t.Fatalf("%d bytes, %s: %v", size, name, err)
			}
			stored := l.StorageFiles(s.ID())
			if len(stored) != 1 || int64(len(stored[0].Encrypted)) != wire.EnvelopeSize(int64(size)) {
				t.Fatalf("%d bytes, %s: %d files", size, name, len(stored))
			}
			file, err := s.OpenFile(ctx, "/A FILE")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(file)
			if err != nil || !bytes.Equal(got, content) || !bytes.Equal(stored[0].Content, content) ||
				file.ContentLength != int64(len(stored[0].Encrypted)) || time.Since(file.UpdatedAt) > time.Minute {
				t.Errorf("%d bytes, %s: %d bytes are read, error %v", size, name, len(got), err)
			}
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	h := l.Requests(digimetest.EndpointStorageFile)[0].Header
	if h.Get("Transfer-Encoding") != "chunked" || h.Get("Content-Type") != octets {
		t.Errorf("header %v", h)
	}
}

func TestStorageList(t *testing.T) {
	l, ctx := start(t), t.Context()
	s := l.storage(t)
	paths := []string{"Settings.json", "Letters/Brief 1.txt", "letters/2026/Zoë?#%41&+.txt", "/twice//slash.txt"}
	for _, path := range paths {
		upload(t, s, path, path)
	}
	for _, test := range []struct {
		options digime.StorageListOptions
		want    string
	}{
		{digime.StorageListOptions{}, "settings.json=Settings.json@/"},
		{digime.StorageListOptions{Folder: "LETTERS"}, "letters/brief 1.txt=Brief 1.txt@/Letters/"},
		{digime.StorageListOptions{Folder: "/letters/", Recursive: true},
			"letters/2026/zoë?#%41&+.txt=Zoë?#%41&+.txt@/letters/2026/ letters/brief 1.txt=Brief 1.txt@/Letters/"},
		{digime.StorageListOptions{Folder: "none"}, ""},
		{digime.StorageListOptions{Folder: "letter"}, ""},
	} {
		files, err := s.ListFiles(ctx, test.options)
		var got []string
		for _, f := range files {
			got = append(got, f.Path+"="+f.Name+"@"+f.Folder)
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%+v: %q, error %v, want %q", test.options, got, err, test.want)
		}
	}
	files, err := s.ListFiles(ctx, digime.StorageListOptions{Recursive: true})
	if err != nil || len(files) != len(paths) {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, f := range files { // what is listed can be read
		got, err := download(ctx, s, f.Path)
		if err != nil || !strings.HasSuffix(strings.ReplaceAll(got, "//", "/"), f.Folder[1:]+f.Name) {
			t.Errorf("%s: %q, error %v", f.Path, got, err)
		}
	}
}

func TestStorageDeletes(t *testing.T) {
	l, ctx := start(t), t.Context()
	s := l.storage(t)
	for _, path := range []string{"a", "f/b", "f/g/c", "fg"} {
		upload(t, s, path, "x")
	}
	left := func() (paths []string) {
		for _, f := range l.StorageFiles(s.ID()) {
			paths = append(paths, f.Path)
		}
		return paths
	}
	for _, test := range []struct {
		delete func() error
		left   string
	}{
		{func() error { return s.DeleteFile(ctx, "A") }, "[f/b f/g/c fg]"},
		{func() error { return s.DeleteFolder(ctx, "f/g") }, "[f/b fg]"},
		{func() error { return s.DeleteFolder(ctx, "f/") }, "[fg]"},
		{func() error { return s.DeleteFolder(ctx, "/") }, "[]"},
	} {
		if err := test.delete(); err != nil || fmt.Sprint(left()) != test.left {
			t.Errorf("left %v, error %v, want %s", left(), err, test.left)
		}
	}
	if err := s.DeleteFile(ctx, "a"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("deleted twice: error %v", err)
	}
}

// Nothing is sent for an argument that no storage could take.
func TestStorageArguments(t *testing.T) {
	l, ctx := start(t), t.Context()
	s := l.storage(t)
	var none *digime.Contract
	empty := strings.NewReader("")
	other, err := digime.New("app", digime.WithBaseURL(l.URL+"/v1.7"), digime.WithOnboardURL(l.URL+"/apps/saas"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := other.ParseContract(l.WriteContract.ID, l.WriteContract.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"no path":      func() error { return s.Upload(ctx, "", empty) },
		"a folder":     func() error { return s.Upload(ctx, "a/", empty) },
		"only slashes": func() error { return s.DeleteFile(ctx, "//") },
		"a parent":     func() error { return s.Upload(ctx, "a/../b", empty) },
		"a dot":        func() error { _, err := s.OpenFile(ctx, "./b"); return err },
		"a control":    func() error { return s.Upload(ctx, "a\nb", empty) },
		"not UTF-8":    func() error { return s.Upload(ctx, "a\xff", empty) },
		"no data":      func() error { return s.Upload(ctx, "a", nil) },
		"no folder":    func() error { return s.DeleteFolder(ctx, "") },
		"no contract":  func() error { return none.Storage(s.ID()).DeleteFile(ctx, "a") },
		"zero Storage": func() error { return new(digime.Storage).Upload(ctx, "a", empty) },
		"no id":        func() error { return l.write(t).Storage("").DeleteFile(ctx, "a") },
		"a path as id": func() error { return l.write(t).Storage("a/b").DeleteFile(ctx, "a") },
		"no URL":       func() error { return elsewhere.Storage(s.ID()).DeleteFile(ctx, "a") },
		"nobody's list": func() error {
			_, err := none.Storage("a").ListFiles(ctx, digime.StorageListOptions{})
			return err
		},
	} {
		if err := call(); !errors.Is(err, digime.ErrValidation) {
			t.Errorf("%s: error %v, want ErrValidation", name, err)
		}
	}
	if n := l.count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Each way in which a storage can fail, and what a caller finds.
func TestStorageFailures(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 20_000)
	get := func(l testLibrary, s *digime.Storage) error { _, err := download(t.Context(), s, "f"); return err }
	put := func(l testLibrary, s *digime.Storage) error {
		return s.Upload(t.Context(), "f", strings.NewReader("new"))
	}
	for name, test := range map[string]struct {
		failure digimetest.Failure
		call    func(testLibrary, *digime.Storage) error
		want    error
	}{
		"a cut download":  {digimetest.CutBody(), get, digime.ErrTruncated},
		"a login page":    {digimetest.LoginPage(), get, digime.ErrInvalidResponse},
		"a file's page":   {digimetest.LoginPage(), put, digime.ErrInvalidResponse},
		"no room":         {digimetest.QuotaExceeded(), put, digime.ErrQuotaExceeded},
		"a full disk":     {refuse("StorageFull", 507), put, digime.ErrStorageFull},
		"an old token":    {refuse("Unauthorized", 401), put, digime.ErrUnauthorized},
		"no consent":      {refuse("InsufficientScope", 403), get, digime.ErrInsufficientScope},
		"another content": {respondType(200, octets, strings.Repeat("x", 320)), get, digime.ErrWrongKey},
		"a part of it":    {respondType(206, octets, content), get, digime.ErrInvalidResponse},
		"another key": {digimetest.Status(503), func(l testLibrary, s *digime.Storage) error {
			_, err := download(t.Context(), l.read(t).Storage(s.ID()), "f") // the 503 is repeated
			return err
		}, digime.ErrWrongKey},
		"an unknown storage": {nil, func(l testLibrary, _ *digime.Storage) error {
			return put(l, l.write(t).Storage("unknown"))
		}, digime.ErrNotFound},
		"a wrong clock": {nil, func(l testLibrary, s *digime.Storage) error {
			past := digime.WithClock(func() time.Time { return time.Now().Add(-time.Hour) })
			return put(l, l.contract(t, l.WriteContract, past).Storage(s.ID()))
		}, digime.ErrUnauthorized},
		"data that cannot be read": {nil, func(_ testLibrary, s *digime.Storage) error {
			return s.Upload(t.Context(), "f", iotest.ErrReader(errBroken))
		}, errBroken},
		"long data that cannot be read": {nil, func(_ testLibrary, s *digime.Storage) error {
			data := io.MultiReader(strings.NewReader(strings.Repeat(content, 4)), iotest.ErrReader(errBroken))
			return s.Upload(t.Context(), "f", data)
		}, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			s := l.storage(t)
			upload(t, s, "f", content)
			if test.failure != nil {
				l.FailNext(digimetest.EndpointStorageFile, test.failure)
			}
			err := test.call(l, s)
			if !errors.Is(err, test.want) || strings.Contains(err.Error(), string(s.ID())) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if files := l.StorageFiles(s.ID()); len(files) != 1 || string(files[0].Content) != content {
				t.Errorf("the file has changed")
			}
		})
	}
}

const octets = "application/octet-stream"

func refuse(code digime.ErrorCode, status int) digimetest.Failure {
	return digimetest.Refuse(digime.Error{Code: code, Status: status})
}

var errBroken = errors.New("the data is broken")

// A server that answers before it has read all ends the upload, and Upload returns when nothing reads the data.
func TestStorageUploadRefusedEarly(t *testing.T) {
	l := start(t)
	s := l.storage(t)
	l.FailNext(digimetest.EndpointStorageFile, digimetest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusInsufficientStorage)
		_, _ = io.WriteString(w, `{"error":"QuotaExceeded","message":"no room"}`)
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := s.Upload(ctx, "f", zeroes{})
	if err == nil || ctx.Err() != nil {
		t.Errorf("error %v, context %v", err, ctx.Err())
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What the public Node SDK uploads for an empty stream has no key, and is read as an empty file.
func TestStorageReadsEmptyStreams(t *testing.T) {
	l := start(t)
	s := l.storage(t)
	l.FailNext(digimetest.EndpointStorageFile, respondType(200, "application/octet-stream", strings.Repeat("x", 16)))
	if got, err := download(t.Context(), s, "f"); err != nil || got != "" {
		t.Errorf("%q, error %v", got, err)
	}
}
