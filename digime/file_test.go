package digime_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

var plainMetadata = wire.RawMetadata{MIMEType: "text/plain", Accounts: []wire.DescriptorAccount{{AccountID: "1"}}}

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

func readSession(t *testing.T, l *fakeLibrary) *digime.Session {
	t.Helper()
	session, err := l.user(t, l.Read).ReadSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func TestReadFile(t *testing.T) {
	l := start(t)
	long := strings.Repeat("a long text. ", 100_000)
	l.files = []fakeFile{
		{name: "plain", metadata: plainMetadata, content: []byte(long)},
		{name: "empty", metadata: plainMetadata},
		{name: "gzip", metadata: plainMetadata, compression: "gzip", content: gzipped(long)},
		{name: "brotli", metadata: plainMetadata, compression: "brotli", content: brotlied(long)},
		{name: "unknown", metadata: plainMetadata, compression: "zstd", content: []byte(long)},
		{name: "cut.gzip", metadata: plainMetadata, compression: "gzip", content: gzipped(long)[:100]},
		{name: "no.gzip", metadata: plainMetadata, compression: "gzip", content: []byte(long)},
		{name: "more.gzip", metadata: plainMetadata, compression: "gzip", content: append(gzipped(long), "more"...)},
		{name: "cut.brotli", metadata: plainMetadata, compression: "brotli", content: brotlied(long)[:20]},
		{name: "more.brotli", metadata: plainMetadata, compression: "brotli", content: append(brotlied(long), "more"...)},
	}
	session := readSession(t, l)
	for name, test := range map[digime.FileName]struct {
		want string
		err  error
	}{
		"plain": {long, nil}, "empty": {"", nil}, "gzip": {long, nil}, "brotli": {long, nil}, "unknown": {long, nil},
		"cut.gzip": {err: digime.ErrCorrupt}, "no.gzip": {err: digime.ErrCorrupt}, "more.gzip": {err: digime.ErrCorrupt},
		"cut.brotli": {err: digime.ErrCorrupt}, "more.brotli": {err: digime.ErrCorrupt},
	} {
		file, err := session.ReadFile(t.Context(), name)
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
	file, err := session.ReadFile(t.Context(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Transfer != wire.EnvelopeSize(int64(len(long))) || file.Metadata.Raw.MIMEType != "text/plain" {
		t.Errorf("transfer %d, metadata %+v", file.Transfer, file.Metadata.Raw)
	}
}

// Every way in which a stream can be wrong is an error before its end.
func TestReadFileDamaged(t *testing.T) {
	l := start(t)
	metadata, err := wire.FileMetadata{Raw: &plainMetadata}.EncodeHeader()
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte{0xEE}, 100_000)
	var whole, foreign bytes.Buffer
	if _, err := wire.SealEnvelope(&whole, &l.Read.key.PublicKey, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.SealEnvelope(&foreign, &l.Write.key.PublicKey, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	answer := func(metadata, length string, body []byte) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("X-Metadata", metadata)
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			_, _ = w.Write(body)
		}
	}
	session := readSession(t, l)
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter)
		want   error
	}{
		"cut, length known":      {answer(metadata, "100288", whole.Bytes()[:50_000]), digime.ErrCut},
		"cut within a block":     {answer(metadata, "", whole.Bytes()[:50_001]), digime.ErrCut},
		"cut between blocks":     {answer(metadata, "", whole.Bytes()[:50_000]), digime.ErrCorrupt},
		"cut within the header":  {answer(metadata, "", whole.Bytes()[:100]), digime.ErrCut},
		"empty":                  {answer(metadata, "", nil), digime.ErrCut},
		"impossible length":      {answer(metadata, "289", whole.Bytes()[:289]), digime.ErrCut},
		"another contract's":     {answer(metadata, "", foreign.Bytes()), digime.ErrWrongKey},
		"no metadata":            {answer("", "", whole.Bytes()), nil},
		"metadata that are none": {answer("e30=", "", whole.Bytes()), nil},
	} {
		l.answerOnce("/file", test.answer)
		file, err := session.ReadFile(t.Context(), "file")
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

func TestReadFileMetadata(t *testing.T) {
	l := start(t)
	l.files = []fakeFile{{name: "file", metadata: plainMetadata}}
	session := readSession(t, l)
	metadata, modified, err := session.ReadFileMetadata(t.Context(), "file")
	if err != nil || metadata.Raw == nil || metadata.Raw.MIMEType != "text/plain" || modified.Year() != 2026 {
		t.Errorf("metadata %+v, modified %v, error %v", metadata, modified, err)
	}
	if r := l.seen("/file")[0]; r.method != http.MethodHead {
		t.Errorf("method %s", r.method)
	}
	if _, _, err := session.ReadFileMetadata(t.Context(), "a/b?c"); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if r := l.seen("a%2Fb%3Fc"); len(r) != 1 {
		t.Error("a name was not escaped")
	}
}

// A file of any size takes the same few buffers.
func TestReadFileMemory(t *testing.T) {
	l := start(t)
	l.files = []fakeFile{{name: "file", metadata: plainMetadata, content: make([]byte, 16<<20)}}
	session := readSession(t, l)
	buf := make([]byte, 32<<10)
	read := func() {
		file, err := session.ReadFile(t.Context(), "file")
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
