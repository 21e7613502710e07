package demo

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// Letter is a sample letter, a PDF file.
//
//go:embed letter.pdf
var Letter []byte

// LetterName is the sample letter's file name.
const LetterName = "letter.pdf"

// CallbackPath is the path of the clinic's redirect URI.
const CallbackPath = "/callback"

//go:embed templates sdk_calls.go
var embedded embed.FS

// Clinic is the demo clinic: a web application that pushes a letter into a visitor's library, lists what they let it
// read, and sends a measurement to their care provider. Its calls of the SDK are in sdk_calls.go, and its page shows
// that file's functions.
type Clinic struct {
	library  string // URL of the server
	write    *digime.Contract
	read     *digime.Contract
	provider *digime.Contract
	callback string // redirect URI
	practice string // URL of the page that shows what the practice providers received
	browsers browserStates
	page     *template.Template
	code     map[string]string // functions of sdk_calls.go by name
}

// NewClinic returns the clinic's handler.
func NewClinic(c Credentials) (http.Handler, error) {
	client, err := digime.New(string(c.ApplicationID), digime.WithServer(c.PublicURL))
	if err != nil {
		return nil, err
	}
	clinic := &Clinic{library: c.PublicURL, callback: c.Clinic, practice: c.Providers}
	for name, contract := range map[string]**digime.Contract{
		WriteContract: &clinic.write, ReadContract: &clinic.read, ProviderContract: &clinic.provider,
	} {
		key := c.Contracts[name]
		if *contract, err = client.ParseContract(string(key.ContractID), []byte(key.PrivateKey)); err != nil {
			return nil, err
		}
	}
	if clinic.page, err = template.ParseFS(embedded, "templates/clinic.html"); err != nil {
		return nil, fmt.Errorf("parse the clinic's page: %w", err)
	}
	if clinic.code, err = splitFunctions("sdk_calls.go"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", clinic.home)
	mux.HandleFunc("GET /clinic.css", clinic.style)
	mux.HandleFunc("POST /push", clinic.taskHandler(pushLetter))
	mux.HandleFunc("POST /read", clinic.taskHandler(readFiles))
	mux.HandleFunc("POST /send", clinic.sendForm)
	mux.HandleFunc("POST /reconnect", clinic.reconnectForm)
	mux.HandleFunc("GET "+CallbackPath, clinic.handleCallback)
	mux.HandleFunc("GET /files/{name}", clinic.file)
	return withSecurityHeaders(mux), nil
}

// withSecurityHeaders sets security headers, refuses cross-origin POST requests, and bounds bodies.
func withSecurityHeaders(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		h := w.Header()
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	}))
}

// view is the data of the clinic's page.
type view struct {
	Library string
	Notice  string
	Fault   string
	Pushed  bool
	Files   []fileView
	Code    map[string]string

	Measured        pressure
	Lowest, Highest int
	Sent            *sentView
	Practice        string
}

type fileView struct{ Name, Title, MIMEType, When string }

func (c *Clinic) home(w http.ResponseWriter, r *http.Request) {
	b := c.browsers.get(w, r)
	b.mu.Lock()
	c.updateDelivery(r.Context(), b)
	show := view{Library: c.library, Notice: b.notice, Fault: b.fault, Pushed: b.pushed, Files: b.files, Code: c.code,
		Measured: b.measured, Lowest: lowest, Highest: highest, Sent: b.sent, Practice: c.practice}
	b.notice, b.fault = "", ""
	b.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := c.page.Execute(w, show); err != nil {
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
	}
}

func (c *Clinic) style(w http.ResponseWriter, _ *http.Request) {
	css, err := embedded.ReadFile("templates/clinic.css")
	if err != nil {
		http.Error(w, "not there", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(css) // fails only if the browser has gone
}

// taskHandler runs a task if the visitor has consented to it, and otherwise asks for their consent first.
func (c *Clinic) taskHandler(t task) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b := c.browsers.get(w, r)
		b.mu.Lock()
		defer b.mu.Unlock()
		http.Redirect(w, r, c.start(r.Context(), b, t), http.StatusSeeOther)
	}
}

// start runs a task, or starts the authorization for it. It returns the URL to redirect the visitor to.
func (c *Clinic) start(ctx context.Context, b *browserState, t task) string {
	b.reconnected = false
	if b.users[t] != nil {
		return c.run(ctx, b, t)
	}
	auth, err := c.authorize(ctx, t, b.anyUser())
	if err != nil {
		b.fault = err.Error()
		return "/"
	}
	b.pending, b.task = auth, t
	return auth.URL
}

// handleCallback handles the redirect from the library, and then runs the task that the authorization was for.
func (c *Clinic) handleCallback(w http.ResponseWriter, r *http.Request) {
	b := c.browsers.get(w, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	next := "/"
	if err := c.acceptCallback(r.Context(), b, r.URL.Query()); err != nil {
		b.fault = err.Error()
	} else {
		next = c.run(r.Context(), b, b.task)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// acceptCallback takes the user from a callback. It refuses a callback that does not answer the pending authorization,
// because any web site can send a browser here.
func (c *Clinic) acceptCallback(ctx context.Context, b *browserState, query url.Values) error {
	pending := b.pending
	b.pending = digime.Authorization{}
	callback, err := pending.ParseCallback(query)
	switch {
	case pending.State == "" || errors.Is(err, digime.ErrStateMismatch):
		return errors.New("this callback does not answer a request of this clinic")
	case err != nil:
		return err
	case pending.Verifier.IsZero(): // the visitor has connected the provider again; the token stays valid
		b.reconnected = true
		return nil
	}
	user, err := c.exchange(ctx, b.task, callback)
	if err == nil && b.task == sendMeasurement {
		b.provider, err = c.connectedAccount(ctx, user, callback)
	}
	if err == nil {
		b.users[b.task] = user
	}
	return err
}

// run runs a task and records its result for the page. It returns the URL to redirect the visitor to.
func (c *Clinic) run(ctx context.Context, b *browserState, t task) string {
	var err error
	switch t {
	case pushLetter:
		if err = c.push(ctx, b.users[t], Letter, LetterName); err == nil {
			b.pushed, b.notice = true, "The letter is in your library."
		}
	case readFiles:
		if b.files, err = c.listFiles(ctx, b.users[t]); err == nil {
			b.notice = fmt.Sprintf("You let us read %d of your files.", len(b.files))
		}
	case sendMeasurement:
		return c.runSend(ctx, b)
	}
	if err != nil {
		delete(b.users, t) // the consent may have been revoked: ask for it again the next time
		b.fault = err.Error()
	}
	return "/"
}

// file streams a file of the visitor's library to the browser.
func (c *Clinic) file(w http.ResponseWriter, r *http.Request) {
	b := c.browsers.get(w, r)
	b.mu.Lock()
	user := b.users[readFiles]
	b.mu.Unlock()
	if user == nil {
		http.Error(w, "Let us read your files first.", http.StatusForbidden)
		return
	}
	file, err := c.openFile(r.Context(), user, r.PathValue("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = file.Close() }()
	name := "file"
	if raw := file.Metadata.Raw; raw != nil && len(raw.Reference) > 0 {
		name = raw.Reference[0]
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler) // so that the browser does not take the truncated file for complete
	}
}

// splitFunctions returns the text of each method of Clinic in an embedded source file, by name.
func splitFunctions(source string) (map[string]string, error) {
	text, err := embedded.ReadFile(source)
	if err != nil {
		return nil, fmt.Errorf("read the clinic's code: %w", err)
	}
	code := map[string]string{}
	for _, part := range strings.Split(string(text), "\n\n") {
		_, rest, ok := strings.Cut(part, "func (c *Clinic) ")
		name, _, called := strings.Cut(rest, "(")
		if ok && called {
			code[name] = strings.ReplaceAll(part, "\t", "    ")
		}
	}
	return code, nil
}

func formatTime(t time.Time) string { return t.Local().Format("2 January 2006, 15:04") }
