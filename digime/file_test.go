package digime_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
	"github.com/carrelhq/carrel/digime/wire"
)

func gzipped(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.Bytes()
}

func brotlied(text string) []byte {
	var out bytes.Buffer
	w := brotli.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.Bytes()
}

func startSession(t *testing.T, l testLibrary) *digime.Session {
	t.Helper()
	session, err := l.reader(t).StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// addFile adds a text with the given compression to the library.
func addFile(l testLibrary, name digime.FileName, compression string, content []byte) {
	l.AddFile(digimetest.File{Name: name, Content: content, Metadata: digime.FileMetadata{
		Raw: &digime.RawMetadata{MIMEType: "text/plain"}, Compression: compression,
		LastModified: time.Date(2026, 11, 24, 5, 56, 43, 0, time.UTC),
	}})
}

func TestOpenFile(t *testing.T) {
	l := start(t)
	long := strings.Repeat("a long text. ", 100_000)
	addFile(l, "plain", "", []byte(long))
	addFile(l, "empty", "", nil)
	addFile(l, "gzip", "gzip", gzipped(long))
	addFile(l, "brotli", "brotli", brotlied(long))
	addFile(l, "unknown", "zstd", []byte(long))
	addFile(l, "cut.gzip", "gzip", gzipped(long)[:100])
	addFile(l, "no.gzip", "gzip", []byte(long))
	addFile(l, "more.gzip", "gzip", append(gzipped(long), "more"...))
	addFile(l, "cut.brotli", "brotli", brotlied(long)[:20])
	addFile(l, "more.brotli", "brotli", append(brotlied(long), "more"...))
	session := startSession(t, l)
	for name, test := range map[digime.FileName]struct {
		want string
		err  error
	}{
		"plain": {long, nil}, "empty": {"", nil}, "gzip": {long, nil}, "brotli": {long, nil}, "unknown": {long, nil},
		"cut.gzip": {err: digime.ErrCorrupt}, "no.gzip": {err: digime.ErrCorrupt},
		"more.gzip":  {err: digime.ErrCorrupt},
		"cut.brotli": {err: digime.ErrCorrupt}, "more.brotli": {err: digime.ErrCorrupt},
	} {
		file, err := session.OpenFile(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var content strings.Builder
		_, err = io.Copy(&content, file)
		if !errors.Is(err, test.err) || test.err == nil && (err != nil || content.String() != test.want) {
			t.Errorf("%s: %d bytes, error %v, want %v", name, content.Len(), err, test.err)
		}
		if err != nil && !strings.Contains(err.Error(), string(name)) {
			t.Errorf("%s: error %q does not name the file", name, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	file, err := session.OpenFile(t.Context(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.ContentLength != wire.EnvelopeSize(int64(len(long))) || file.Metadata.Raw.MIMEType != "text/plain" {
		t.Errorf("content length %d, metadata %+v", file.ContentLength, file.Metadata.Raw)
	}
}

// Every way in which a stream can be wrong is an error before its end.
func TestOpenFileDamaged(t *testing.T) {
	l := start(t)
	metadata, err := wire.FileMetadata{Raw: &wire.RawMetadata{MIMEType: "text/plain"}}.EncodeHeader()
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte{0xEE}, 100_000)
	var whole, foreign bytes.Buffer
	if _, err := wire.SealEnvelope(&whole, publicKey(t, l.ReadContract), bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.SealEnvelope(&foreign, publicKey(t, l.WriteContract), bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	answer := func(metadata, length string, body []byte) digimetest.Failure {
		return digimetest.Respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Metadata", metadata)
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			_, _ = w.Write(body)
		})
	}
	session := startSession(t, l)
	for name, test := range map[string]struct {
		answer digimetest.Failure
		want   error
	}{
		"cut, length known":      {answer(metadata, "100288", whole.Bytes()[:50_000]), digime.ErrTruncated},
		"cut within a block":     {answer(metadata, "", whole.Bytes()[:50_001]), digime.ErrTruncated},
		"cut between blocks":     {answer(metadata, "", whole.Bytes()[:50_000]), digime.ErrCorrupt},
		"cut within the header":  {answer(metadata, "", whole.Bytes()[:100]), digime.ErrTruncated},
		"empty":                  {answer(metadata, "", nil), digime.ErrTruncated},
		"impossible length":      {answer(metadata, "289", whole.Bytes()[:289]), digime.ErrTruncated},
		"another contract's":     {answer(metadata, "", foreign.Bytes()), digime.ErrWrongKey},
		"no metadata":            {answer("", "", whole.Bytes()), nil},
		"metadata that are none": {answer("e30=", "", whole.Bytes()), nil},
	} {
		l.FailNext(digimetest.EndpointFile, test.answer)
		file, err := session.OpenFile(t.Context(), "file")
		var got []byte
		if err == nil {
			got, err = io.ReadAll(file)
			_ = file.Close()
		}
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		if len(got) >= len(content) {
			t.Errorf("%s: %d bytes of %d were handed out", name, len(got), len(content))
		}
	}
}

func TestGetFileMetadata(t *testing.T) {
	l := start(t)
	addFile(l, "file", "", nil)
	session := startSession(t, l)
	metadata, err := session.GetFileMetadata(t.Context(), "file")
	if err != nil || metadata.Raw == nil || metadata.Raw.MIMEType != "text/plain" ||
		metadata.LastModified.Year() != 2026 {
		t.Errorf("metadata %+v, error %v", metadata, err)
	}
	if r := l.Requests(digimetest.EndpointFile)[0]; r.Method != http.MethodHead {
		t.Errorf("method %s", r.Method)
	}
	if _, err := session.GetFileMetadata(t.Context(), "a/b?c"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if requestsFor(l, "a%2Fb%3Fc") != 1 {
		t.Error("a name was not escaped")
	}
}

// A file of any size takes the same few buffers.
func TestOpenFileMemory(t *testing.T) {
	l := start(t)
	addFile(l, "file", "", make([]byte, 16<<20))
	session := startSession(t, l)
	buf := make([]byte, 32<<10)
	read := func() {
		file, err := session.OpenFile(t.Context(), "file")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for {
			if _, err := file.Read(buf); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	read() // fills the pools
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 3<<20 {
		t.Errorf("reading 16 MiB allocates %d KiB on both sides together", n>>10)
	}
}

// Nothing goes on after a file is closed, however much of it was copied, and into whatever.
func TestOpenFileCopyBrokenOff(t *testing.T) {
	l := start(t)
	content := bytes.Repeat([]byte("0123456789abcde\n"), 1<<18)
	addFile(l, "file", "", content)
	session := startSession(t, l)
	full := errors.New("disk is full")
	for _, size := range []int{0, 1000, 1 << 20, len(content) - 1, len(content)} {
		file, err := session.OpenFile(t.Context(), "file")
		if err != nil {
			t.Fatal(err)
		}
		w := &limitedWriter{left: size, err: full}
		n, err := io.Copy(w, file)
		if n != int64(size) || !bytes.Equal(w.got.Bytes(), content[:size]) {
			t.Errorf("copied %d bytes, want %d", n, size)
		}
		if size < len(content) != errors.Is(err, full) || size < len(content) != (err != nil) {
			t.Errorf("error %v after %d bytes", err, size)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		stacks := make([]byte, 1<<20)
		if stacks = stacks[:runtime.Stack(stacks, true)]; bytes.Contains(stacks, []byte("envelopeReader")) {
			t.Errorf("after %d bytes somebody still reads:\n%s", size, stacks)
		}
	}
}

type limitedWriter struct {
	got  bytes.Buffer
	left int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n, _ := w.got.Write(p[:w.left])
		w.left = 0
		return n, w.err
	}
	w.left -= len(p)
	return w.got.Write(p)
}

func publicKey(t *testing.T, c digimetest.Contract) *rsa.PublicKey {
	t.Helper()
	key, err := wire.ParsePrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}
