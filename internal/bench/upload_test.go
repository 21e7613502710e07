package bench_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/bench"
)

// peer is a server that stands for one that Carrel is compared with.
type peer struct {
	*httptest.Server
	mu      sync.Mutex
	stored  map[string]int // the sizes of what was uploaded, by its name
	created []string       // what was made before
}

func newPeer(t *testing.T, handler func(*peer, http.ResponseWriter, *http.Request)) *peer {
	t.Helper()
	p := &peer{stored: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(p, w, r) }))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) store(name string, content io.Reader) {
	n, _ := io.Copy(io.Discard, content)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored[name] = int(n)
}

func (p *peer) create(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.created = append(p.created, what)
}

func (p *peer) upload(t *testing.T) bench.Upload {
	t.Helper()
	return bench.Upload{
		Load: bench.Load{Clients: 4, Requests: 40, Folder: t.TempDir()}, URL: p.URL, Size: 3000,
	}
}

// checkUploaded checks that each upload has arrived whole, and that the figures say so.
func (p *peer) checkUploaded(t *testing.T, r bench.Result, scenario string) {
	t.Helper()
	if r.Scenario != scenario || r.Server != p.URL || r.Requests != 40 || r.Failed != 0 || r.PerSecond <= 0 {
		t.Errorf("the figures are wrong: %+v", r)
	}
	if len(p.stored) != 40 {
		t.Errorf("%d files are stored, want 40", len(p.stored))
	}
	for name, size := range p.stored {
		if size != 3000 {
			t.Errorf("%s has %d bytes, want 3000", name, size)
		}
	}
}

func silent(string) {}

func mentions(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(p *peer, w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/files/bench-") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		p.store(r.URL.Path, r.Body)
		w.WriteHeader(http.StatusCreated)
	})
	u := p.upload(t)
	u.URL += "/files/"
	r, err := bench.Put(t.Context(), u, silent)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	r.Server = p.URL
	p.checkUploaded(t, r, "put")
}

// A refused upload counts as failed, with what the server says.
func TestPutRefused(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(p *peer, w http.ResponseWriter, r *http.Request) {
		p.store(r.URL.Path, r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.stored) > 30 {
			http.Error(w, "the disk is full", http.StatusInsufficientStorage)
		}
	})
	r, err := bench.Put(t.Context(), p.upload(t), silent)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 10 {
		t.Errorf("%d uploads failed, want 10", r.Failed)
	}
	mentions(t, r.Err(), "10 of 40 requests failed", "507", "the disk is full")
}

func TestUploadsRefuseWrongFlags(t *testing.T) {
	t.Parallel()
	u := bench.Upload{Load: bench.Load{Clients: 1, Requests: 1}, URL: "127.0.0.1:1", Size: 1}
	_, err := bench.Put(t.Context(), u, silent)
	mentions(t, err, "is no URL of a server")
	u.URL = "http://127.0.0.1:1"
	_, err = bench.PutObjects(t.Context(), u, bench.S3{Bucket: "b", AccessKey: "a"}, silent)
	mentions(t, err, "none may be empty")
	_, err = bench.CreateRecords(t.Context(), u, bench.PocketBase{Email: "bench@example.org"}, silent)
	mentions(t, err, "give --email and --password of a superuser of PocketBase, or --token")
	u.Size = -1
	_, err = bench.Put(t.Context(), u, silent)
	mentions(t, err, "--size -1")
}

const s3Secret = "secret of the bucket"

// serveS3 is a server of S3 that checks the signature of each request.
func serveS3(p *peer, w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" || signatureOf(r, s3Secret) == "" ||
		!strings.HasSuffix(r.Header.Get("Authorization"), "Signature="+signatureOf(r, s3Secret)) {
		http.Error(w, "<Code>SignatureDoesNotMatch</Code>", http.StatusForbidden)
		return
	}
	switch bucket, key, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
	case bucket == "taken":
		http.Error(w, "<Code>BucketAlreadyExists</Code>", http.StatusConflict)
	case bucket == "mine" && !ok:
		http.Error(w, "<Code>BucketAlreadyOwnedByYou</Code>", http.StatusConflict)
	case !ok:
		p.create(bucket)
	default:
		p.store(key, r.Body)
	}
}

// signatureOf returns the signature that a request has to have, by AWS's Signature Version 4; "" if it has none.
func signatureOf(r *http.Request, secret string) string {
	_, credential, ok := strings.Cut(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=access/")
	scope, rest, ok2 := strings.Cut(credential, ", SignedHeaders=")
	signed, _, ok3 := strings.Cut(rest, ", Signature=")
	if !ok || !ok2 || !ok3 {
		return ""
	}
	canonical := r.Method + "\n" + r.URL.EscapedPath() + "\n\n"
	for name := range strings.SplitSeq(signed, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + signed + "\n" + r.Header.Get("X-Amz-Content-Sha256")
	sum := sha256.Sum256([]byte(canonical))
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func TestPutObjects(t *testing.T) {
	t.Parallel()
	for _, bucket := range []string{"new", "mine"} {
		t.Run(bucket, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, serveS3)
			r, err := bench.PutObjects(t.Context(), p.upload(t),
				bench.S3{Bucket: bucket, AccessKey: "access", SecretKey: s3Secret, Region: "eu-west-1"}, silent)
			if err != nil || r.Err() != nil {
				t.Fatal(err, r.Err())
			}
			p.checkUploaded(t, r, "s3")
			if made := len(p.created) == 1; made != (bucket == "new") {
				t.Errorf("buckets made: %q", p.created)
			}
		})
	}
}

func TestPutObjectsRefused(t *testing.T) {
	t.Parallel()
	p := newPeer(t, serveS3)
	for _, tt := range []struct {
		bucket bench.S3
		want   string
	}{
		{bench.S3{Bucket: "new", AccessKey: "access", SecretKey: "wrong"},
			"make bucket new: the server refuses the keys with status 403: check --access-key, --secret-key and"},
		{bench.S3{Bucket: "taken", AccessKey: "access", SecretKey: s3Secret}, "give another --bucket"},
	} {
		_, err := bench.PutObjects(t.Context(), p.upload(t), tt.bucket, silent)
		mentions(t, err, tt.want)
	}
	other := newPeer(t, func(_ *peer, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	_, err := bench.PutObjects(t.Context(), other.upload(t),
		bench.S3{Bucket: "new", AccessKey: "access", SecretKey: s3Secret}, silent)
	mentions(t, err, "status 404: is --url that of an S3 server?")
}

// servePocketBase is as much of PocketBase as is called.
func servePocketBase(p *peer, w http.ResponseWriter, r *http.Request) {
	const token = "token of the superuser"
	if r.URL.Path == "/api/collections/_superusers/auth-with-password" {
		var given struct{ Identity, Password string }
		if json.NewDecoder(r.Body).Decode(&given) != nil || given.Password != "right" {
			http.Error(w, `{"message":"Failed to authenticate."}`, http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"token":%q}`, token)
		return
	}
	if r.Header.Get("Authorization") != token {
		http.Error(w, `{"message":"Only superusers can perform this action."}`, http.StatusForbidden)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/collections/there":
	case "POST /api/collections":
		var made struct {
			Name   string
			Fields []struct{ Name, Type string }
		}
		if json.NewDecoder(r.Body).Decode(&made) != nil || len(made.Fields) != 1 || made.Fields[0].Name != "file" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.create(made.Name)
	case "POST /api/collections/there/records", "POST /api/collections/new/records":
		file, _, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		name := fmt.Sprint(len(p.stored))
		p.stored[name] = 0
		p.mu.Unlock()
		p.store(name, file)
	default:
		http.NotFound(w, r)
	}
}

func TestCreateRecords(t *testing.T) {
	t.Parallel()
	for _, collection := range []string{"new", "there"} {
		t.Run(collection, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, servePocketBase)
			r, err := bench.CreateRecords(t.Context(), p.upload(t),
				bench.PocketBase{Email: "bench@example.org", Password: "right", Collection: collection}, silent)
			if err != nil || r.Err() != nil {
				t.Fatal(err, r.Err())
			}
			p.checkUploaded(t, r, "pocketbase")
			if made := len(p.created) == 1; made != (collection == "new") {
				t.Errorf("collections made: %q", p.created)
			}
		})
	}
}

func TestCreateRecordsRefused(t *testing.T) {
	t.Parallel()
	p := newPeer(t, servePocketBase)
	for _, tt := range []struct {
		who  bench.PocketBase
		want string
	}{
		{bench.PocketBase{Email: "bench@example.org", Password: "wrong", Collection: "new"},
			"no superuser has this --email and --password: its command `superuser upsert EMAIL PASSWORD` makes one"},
		{bench.PocketBase{Token: "old", Collection: "new"}, "the token is not that of a superuser, or has expired"},
	} {
		_, err := bench.CreateRecords(t.Context(), p.upload(t), tt.who, silent)
		mentions(t, err, tt.want)
	}
	other := newPeer(t, func(_ *peer, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	_, err := bench.CreateRecords(t.Context(), other.upload(t),
		bench.PocketBase{Email: "bench@example.org", Password: "right", Collection: "new"}, silent)
	mentions(t, err, "status 404: is --url that of PocketBase?")
}
