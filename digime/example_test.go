package digime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// The main job: a person consents, and a letter is pushed into their library and read back.
func Example() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx := context.Background()

	client, err := digime.New(library.ApplicationID, digime.WithServer(library.URL))
	if err != nil {
		log.Fatal(err)
	}

	// authorize asks a person for their consent to a contract. In an application the part after Authorize belongs to
	// the handler of the redirect URL.
	authorize := func(contract *digime.Contract, link digime.UserAccessToken) digime.UserAccessToken {
		auth, err := contract.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: library.RedirectURL, Link: link})
		if err != nil {
			log.Fatal(err)
		}
		back, err := library.Allow(auth.URL) // the person, in their browser
		if err != nil {
			log.Fatal(err)
		}
		callback, err := auth.ParseCallback(back.Query())
		if err != nil {
			log.Fatal(err)
		}
		token, err := contract.Exchange(ctx, callback)
		if err != nil {
			log.Fatal(err)
		}
		return token
	}

	write, err := client.ParseContract(library.WriteContract.ID, library.WriteContract.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	writeToken := authorize(write, digime.UserAccessToken{})
	err = write.User(writeToken).Push(ctx, digime.PushInput{
		Data:      strings.NewReader("Dear Zoë, all is well."),
		MIMEType:  "text/plain",
		AccountID: "patient-42",
		Reference: []string{"letter.txt"},
	})
	if err != nil {
		log.Fatal(err)
	}

	read, err := client.ParseContract(library.ReadContract.ID, library.ReadContract.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	user := read.User(authorize(read, writeToken)) // the library of the same person
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for file, err := range session.Files(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", file.Metadata.Raw.Reference[0], text)
	}
	// Output: letter.txt: Dear Zoë, all is well.
}

func ExampleNew() {
	client, err := digime.New("clinicApp") // at digi.me itself
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client)

	client, err = digime.New("clinicApp", digime.WithServer("https://library.example.org"), digime.WithRetries(5))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client)
	// Output:
	// application clinicApp at https://api.digi.me/v1.7/
	// application clinicApp at https://library.example.org/v1.7/
}

func ExampleWithHTTPClient() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyFromEnvironment
	client, err := digime.New("clinicApp", digime.WithHTTPClient(&http.Client{Transport: transport}))
	fmt.Println(client, err)
	// Output: application clinicApp at https://api.digi.me/v1.7/ <nil>
}

func ExampleWithObserver() {
	library := digimetest.NewLibrary()
	defer library.Close()
	client := library.Client(digime.WithObserver(func(_ context.Context, e digime.RequestEvent) {
		// For example, with a Prometheus histogram: durations.WithLabelValues(e.Method, e.Path,
		// strconv.Itoa(e.Status)).Observe(e.Duration.Seconds()).
		fmt.Println(e.Method, e.Path, e.Status, e.Duration > 0)
	}))
	contract, err := client.ParseContract(library.WriteContract.ID, library.WriteContract.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := contract.GetDetails(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: GET permission-access/contract 200 true
}

func ExampleClient_ParseContract() {
	client, err := digime.New("clinicApp")
	if err != nil {
		log.Fatal(err)
	}
	// The private key often comes from an environment variable, with spaces in place of its line breaks. That is
	// accepted. The public key is not.
	_, err = client.ParseContract("writeContract", []byte("-----BEGIN PUBLIC KEY----- AAAA -----END PUBLIC KEY-----"))
	fmt.Println(err)
	// Output: contract writeContract: private key: the PEM holds a public key, not a private key
}

func ExampleContract_Authorize() {
	library := digimetest.NewLibrary()
	defer library.Close()
	contract := writeContract(library)

	auth, err := contract.Authorize(context.Background(), digime.AuthorizeOptions{
		RedirectURL:  library.RedirectURL,
		SourcesScope: digime.SourcesScope{DataType: []string{"vaccinations"}, OrganizationType: "hospital"},
		Locale:       "nl",
	})
	if err != nil {
		log.Fatal(err)
	}
	// Keep auth in the person's own session, and redirect them to auth.URL.
	fmt.Println(strings.HasPrefix(auth.URL, library.URL+"/apps/saas/authorize?code="), auth.Verifier)
	// Output: true [secret]
}

// The handler of the redirect URL, with the Authorization that was stored as JSON in the person's session.
func ExampleAuthorization_ParseCallback() {
	stored := []byte(`{"url":"https://…","state":"abc","verifier":"…"}`)
	handle := func(w http.ResponseWriter, r *http.Request) {
		var auth digime.Authorization
		if err := json.Unmarshal(stored, &auth); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		callback, err := auth.ParseCallback(r.URL.Query())
		var failed *digime.CallbackError
		switch {
		case errors.As(err, &failed) && failed.Code == digime.CallbackUserCancel:
			fmt.Fprint(w, "You have not given us access.")
		case err != nil: // digime.ErrStateMismatch, for example
			http.Error(w, "This is not the answer to our question.", http.StatusBadRequest)
		default:
			fmt.Fprint(w, "Thank you. ", callback.Code) // pass the callback to Exchange
		}
	}
	for _, query := range []string{
		"success=false&errorCode=USER_CANCEL&state=abc",
		"success=true&code=xyz&state=abc",
		"success=true&code=evil&state=def",
	} {
		w := httptest.NewRecorder()
		handle(w, httptest.NewRequest("GET", "/callback?"+query, nil))
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200 You have not given us access.
	// 200 Thank you. [secret]
	// 400 This is not the answer to our question.
}

func ExampleContract_Exchange() {
	library := digimetest.NewLibrary()
	defer library.Close()

	// A code that was used before, or that was never issued.
	callback := digime.Callback{Code: digime.NewSecret("code"), Verifier: digime.NewSecret("verifier")}
	_, err := writeContract(library).Exchange(context.Background(), callback)
	fmt.Println(errors.Is(err, digime.ErrInvalidToken))
	// Output: true
}

func ExampleOnTokenChange() {
	library := digimetest.NewLibrary()
	defer library.Close()

	save := func(_ context.Context, token digime.UserAccessToken) error {
		fmt.Println("store the new token of", token.UserID)
		return nil // an error would end the calls that wait for the token
	}
	user := writeContract(library).User(library.Token(library.WriteContract), digime.OnTokenChange(save))

	library.ExpireAccessTokens()
	err := user.Push(context.Background(), digime.PushInput{
		Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1",
	})
	fmt.Println(err)
	// Output:
	// store the new token of person-1
	// <nil>
}

// The progress of a transfer, observed by wrapping its reader.
func ExampleUser_Push_progress() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.WriteContract)

	scan := make([]byte, 1<<20)
	data := &countingReader{ReadSeeker: bytes.NewReader(scan), total: len(scan)}
	err := user.Push(context.Background(), digime.PushInput{
		Data: data, MIMEType: "image/tiff", AccountID: "patient-42",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(data)
	// Output: 100%
}

// countingReader counts the bytes that are read. It is also an io.Seeker, so that the data can be sent again, and then
// counts again from the start.
type countingReader struct {
	io.ReadSeeker
	done, total int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	r.done += n
	return n, err
}

func (r *countingReader) Seek(offset int64, whence int) (int64, error) {
	at, err := r.ReadSeeker.Seek(offset, whence)
	r.done = int(at)
	return at, err
}

func (r *countingReader) String() string { return fmt.Sprintf("%d%%", 100*r.done/r.total) }

func ExampleError() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.ReadContract)

	err := user.Push(context.Background(), digime.PushInput{
		Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1",
	})
	if errors.Is(err, digime.ErrInsufficientScope) {
		fmt.Println("this contract cannot write")
	}
	var e *digime.Error
	if errors.As(err, &e) {
		fmt.Println(e.Status, e.Code, len(e.Reference), "characters for the operator")
	}
	// Output:
	// this contract cannot write
	// 403 InsufficientScope 32 characters for the operator
}

func ExampleUserAccessToken() {
	token := digime.UserAccessToken{
		AccessToken: digime.Token{Value: digime.NewSecret("opaque"), Expiry: time.Unix(1795586203, 0)},
		UserID:      "u", ConsentID: "c",
	}
	fmt.Println(token)
	text, err := token.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	for _, member := range strings.SplitAfter(string(text), "},") {
		fmt.Println(member)
	}
	// Output:
	// consent c of user u, access token [secret] until 2026-11-25T05:56:43Z, refresh token no token
	// {"accessToken":{"value":"opaque","expiry":1795586203},
	// "refreshToken":{"value":"","expiry":0},
	// "user":{"id":"u"},
	// "consentid":"c"}
}

func ExampleSecret() {
	code := digime.NewSecret("abc123")
	fmt.Println(code, code.Reveal())
	// Output: [secret] abc123
}
