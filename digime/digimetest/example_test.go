package digimetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// The test of an application that pushes a letter. A function call replaces the person and their browser. In a test,
// replace log.Fatal by t.Fatal and the printed lines by comparisons.
func Example() {
	library := digimetest.NewLibrary()
	defer library.Close()

	app := &clinic{sessions: map[string][]byte{}}
	server := httptest.NewServer(app.routes())
	defer server.Close()
	library.RedirectURL = server.URL + "/callback"
	app.redirectURL = library.RedirectURL

	client, err := digime.New(library.ApplicationID, digime.WithServer(library.URL), digime.WithRetries(0))
	if err != nil {
		log.Fatal(err)
	}
	app.contract, err = client.ParseContract(library.WriteContract.ID, library.WriteContract.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}

	// The application sends the person to their library, and the person consents there.
	page := get(server.URL + "/start").Header.Get("Location")
	back, err := library.Allow(page)
	if err != nil {
		log.Fatal(err)
	}
	if resp := get(back.String()); resp.StatusCode != http.StatusOK {
		log.Fatalf("the callback answers %s", resp.Status)
	}
	letter := library.Files()[0]
	fmt.Printf("%s: %s\n", letter.Metadata.Raw.Reference, letter.Content)

	// The person refuses.
	back, err = library.Deny(get(server.URL + "/start").Header.Get("Location"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("refused:", get(back.String()).Status)

	// The network of a hotel answers in place of the library.
	library.FailNext(digimetest.EndpointPush, digimetest.LoginPage())
	back, err = library.Allow(get(server.URL + "/start").Header.Get("Location"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in a hotel:", get(back.String()).Status)
	fmt.Println(len(library.Files()), "file has arrived")
	// Output:
	// [letter.txt]: Dear Zoë, all is well.
	// refused: 403 Forbidden
	// in a hotel: 502 Bad Gateway
	// 1 file has arrived
}

// clinic is the application.
type clinic struct {
	contract    *digime.Contract
	redirectURL string

	mu       sync.Mutex
	sessions map[string][]byte // a real application has a cookie for each browser; this one has one browser
}

func (c *clinic) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /start", c.start)
	mux.HandleFunc("GET /callback", c.callback)
	return mux
}

func (c *clinic) start(w http.ResponseWriter, r *http.Request) {
	auth, err := c.contract.Authorize(r.Context(), digime.AuthorizeOptions{RedirectURL: c.redirectURL})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	stored, err := json.Marshal(auth)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c.mu.Lock()
	c.sessions["browser"] = stored
	c.mu.Unlock()
	http.Redirect(w, r, auth.URL, http.StatusSeeOther)
}

func (c *clinic) callback(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	stored := c.sessions["browser"]
	c.mu.Unlock()
	var auth digime.Authorization
	if err := json.Unmarshal(stored, &auth); err != nil {
		http.Error(w, "Please start again.", http.StatusBadRequest)
		return
	}
	callback, err := auth.ParseCallback(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if err := c.push(r.Context(), callback); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

func (c *clinic) push(ctx context.Context, callback digime.Callback) error {
	token, err := c.contract.Exchange(ctx, callback)
	if err != nil {
		return err
	}
	return c.contract.User(token).Push(ctx, digime.PushInput{
		Data: strings.NewReader("Dear Zoë, all is well."), MIMEType: "text/plain", AccountID: "patient-42",
		Reference: []string{"letter.txt"},
	})
}

// get requests an address and does not follow redirects.
func get(address string) *http.Response {
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(address)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

// The errors that an application should be prepared for.
func ExampleLibrary_FailNext() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, user := context.Background(), library.User(library.ReadContract)

	library.FailNext(digimetest.EndpointSession, digimetest.Status(503, "Retry-After", "5"))
	_, err := user.StartSession(ctx, digime.SessionOptions{})
	var e *digime.Error
	fmt.Println(errors.As(err, &e), e.RetryAfter)

	library.AddFile(digimetest.File{Name: "scan", Content: make([]byte, 100_000)})
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	library.FailNext(digimetest.EndpointFile, digimetest.CutBody())
	file, err := session.OpenFile(ctx, "scan")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	_, err = io.Copy(io.Discard, file)
	fmt.Println(errors.Is(err, digime.ErrTruncated))

	library.Revoke()
	_, err = user.ListAccounts(ctx)
	fmt.Println(errors.Is(err, digime.ErrRevoked))
	// Output:
	// true 5s
	// true
	// true
}

// An application that keeps the settings of a person in a storage, and what it should be prepared for.
func ExampleLibrary_AddStorage() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, user := context.Background(), library.User(library.WriteContract)
	id := library.AddStorage()

	// The application finds the storage of the person, also after its access token has expired.
	library.ExpireAccessTokens()
	storage, err := user.GetStorage(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := storage.Upload(ctx, "settings/Person 42.json", strings.NewReader(`{"letters":"nl"}`)); err != nil {
		log.Fatal(err)
	}
	kept := library.StorageFiles(id)[0]
	fmt.Printf("%s: %s, %d bytes at the server\n", kept.Path, kept.Content, len(kept.Encrypted))

	// There is no more room: the file that is there stays.
	library.FailNext(digimetest.EndpointStorageFile, digimetest.QuotaExceeded())
	err = storage.Upload(ctx, "settings/Person 42.json", strings.NewReader(`{"letters":"en"}`))
	fmt.Println("no room:", errors.Is(err, digime.ErrQuotaExceeded))

	// The connection ends in the middle of a download.
	library.FailNext(digimetest.EndpointStorageFile, digimetest.CutBody())
	file, err := storage.OpenFile(ctx, "settings/Person 42.json")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	_, err = io.Copy(io.Discard, file)
	fmt.Println("cut:", errors.Is(err, digime.ErrTruncated))

	// The server refuses the signed token of a call.
	library.FailNext(digimetest.EndpointStorageFolder, digimetest.Refuse(digime.Error{
		Code: digime.CodeUnauthorized, Status: http.StatusUnauthorized,
	}))
	_, err = storage.ListFiles(ctx, digime.StorageListOptions{Recursive: true})
	fmt.Println("refused:", errors.Is(err, digime.ErrUnauthorized))
	// Output:
	// settings/Person 42.json: {"letters":"nl"}, 304 bytes at the server
	// no room: true
	// cut: true
	// refused: true
}
