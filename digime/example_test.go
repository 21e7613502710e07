package digime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// The main job: a person agrees, a letter is pushed into their library and read
// back.
func Example() {
	library := startLibrary()
	defer library.Close()
	ctx := context.Background()

	client, err := digime.New(library.ApplicationID, digime.At(library.URL))
	if err != nil {
		log.Fatal(err)
	}

	// agree asks a person for their consent to a contract. In an application the
	// part after Authorize is the handler of the callback.
	agree := func(contract *digime.Contract, link digime.UserAccessToken) digime.UserAccessToken {
		auth, err := client.Authorize(ctx, contract, digime.AuthorizeOptions{Callback: library.Callback, Link: link})
		if err != nil {
			log.Fatal(err)
		}
		query, err := library.agree(auth.URL) // the person, in their browser
		if err != nil {
			log.Fatal(err)
		}
		back, err := digime.ParseCallback(query)
		if err != nil {
			log.Fatal(err)
		}
		if back.State != auth.State {
			log.Fatal("this is not the person whom we sent")
		}
		token, err := client.Exchange(ctx, contract, back.Code, auth.Verifier)
		if err != nil {
			log.Fatal(err)
		}
		return token
	}

	write, err := digime.ParseContract(library.Write.ID, library.Write.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	writeToken := agree(write, digime.UserAccessToken{})
	err = client.User(write, writeToken).Push(ctx, digime.Push{
		Data:      strings.NewReader("Dear Zoë, all is well."),
		MIMEType:  "text/plain",
		AccountID: "patient-42",
		Reference: []string{"letter.txt"},
	})
	if err != nil {
		log.Fatal(err)
	}

	read, err := digime.ParseContract(library.Read.ID, library.Read.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	user := client.User(read, agree(read, writeToken)) // the same person's library
	session, err := user.ReadSession(ctx, digime.SessionOptions{})
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

	client, err = digime.New("clinicApp", digime.At("https://library.example.org"), digime.Retries(5))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client)
	// Output:
	// application clinicApp at https://api.digi.me/v1.7/
	// application clinicApp at https://library.example.org/v1.7/
}

func ExampleHTTPClient() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyFromEnvironment
	client, err := digime.New("clinicApp", digime.HTTPClient(&http.Client{Transport: transport}))
	fmt.Println(client, err)
	// Output: application clinicApp at https://api.digi.me/v1.7/ <nil>
}

func ExampleObserve() {
	library := startLibrary()
	defer library.Close()
	client, err := digime.New(library.ApplicationID, digime.At(library.URL), digime.Observe(func(_ context.Context, a digime.Attempt) {
		// For example a Prometheus histogram: durations.WithLabelValues(a.Method,
		// a.Path, strconv.Itoa(a.Status)).Observe(a.Duration.Seconds()).
		fmt.Println(a.Method, a.Path, a.Status, a.Duration > 0)
	}))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.ContractDetails(context.Background(), library.writeContract()); err != nil {
		log.Fatal(err)
	}
	// Output: GET permission-access/contract 200 true
}

func ExampleParseContract() {
	_, err := digime.ParseContract("writeContract", []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	fmt.Println(err)
	// Output: contract writeContract: this PEM block is a PUBLIC KEY, not a private key
}

func ExampleClient_Authorize() {
	library := startLibrary()
	defer library.Close()
	client, contract := library.exampleClient(), library.writeContract()

	sources := digime.SourcesScope{DataType: []string{"vaccinations"}, OrganizationType: "hospital"}
	auth, err := client.Authorize(context.Background(), contract, digime.AuthorizeOptions{
		Callback:     library.Callback,
		SourcesScope: &sources,
		Locale:       "nl",
	})
	if err != nil {
		log.Fatal(err)
	}
	// Keep auth in the person's own session, and redirect them to auth.URL.
	fmt.Println(strings.HasPrefix(auth.URL, library.URL+"/apps/saas/authorize?code="), auth.Verifier)
	// Output: true [secret]
}

func ExampleParseCallback() {
	// What a browser brings back when the person would rather not.
	request, err := http.NewRequest("GET", "https://clinic.example/callback?success=false&errorCode=USER_CANCEL&state=abc", nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = digime.ParseCallback(request.URL.Query())
	var failed *digime.CallbackError
	if errors.As(err, &failed) && failed.Code == digime.UserCancel {
		fmt.Println("Perhaps another time.")
	}
	// Output: Perhaps another time.
}

func ExampleClient_Exchange() {
	library := startLibrary()
	defer library.Close()
	client, contract := library.exampleClient(), library.writeContract()

	// A code that was used before, or that was never given.
	_, err := client.Exchange(context.Background(), contract, digime.NewSecret("code"), digime.NewSecret("verifier"))
	fmt.Println(errors.Is(err, digime.ErrInvalidToken))
	// Output: true
}

func ExampleOnTokenChange() {
	library := startLibrary()
	defer library.Close()
	client, contract := library.exampleClient(), library.writeContract()
	token := library.token(library.Write)

	user := client.User(contract, token, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		fmt.Println("store the new token of", token.UserID)
		return nil // an error would end the calls that wait for the token
	}))

	library.expire(token)
	err := user.Push(context.Background(), digime.Push{Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1"})
	fmt.Println(err)
	// Output:
	// store the new token of person-1
	// <nil>
}

// How far a transfer is, seen by wrapping its reader.
func ExampleUser_Push_progress() {
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Write)

	scan := make([]byte, 1<<20)
	data := &countingReader{ReadSeeker: bytes.NewReader(scan), total: len(scan)}
	err := user.Push(context.Background(), digime.Push{Data: data, MIMEType: "image/tiff", AccountID: "patient-42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(data)
	// Output: 100%
}

// countingReader counts what is read. It is a Seeker as well, so that the data
// can be sent again, and counts anew then.
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
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Read)

	err := user.Push(context.Background(), digime.Push{Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1"})
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
	fmt.Println(string(text), err)
	// Output:
	// consent c of user u, access token [secret] until 2026-11-25T05:56:43Z, refresh token no token
	// {"accessToken":{"value":"opaque","expiry":1795586203},"refreshToken":{"value":"","expiry":0},"user":{"id":"u"},"consentid":"c"} <nil>
}

func ExampleSecret() {
	code := digime.NewSecret("abc123")
	fmt.Println(code, code.Reveal())
	// Output: [secret] abc123
}
