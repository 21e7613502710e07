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

// Letter is a sample letter of the clinic, LetterName its file name.
//
//go:embed letter.pdf
var Letter []byte

// LetterName is the sample letter's file name.
const LetterName = "letter.pdf"

// CallbackPath is where people come back to the clinic.
const CallbackPath = "/callback"

//go:embed templates job.go
var files embed.FS

// Clinic is the demo clinic: a web application that pushes a letter into a visitor's
// library, shows what they let it read, and sends a measurement to their care provider.
// What it does with the SDK is in job.go;
// the page shows that very code.
type Clinic struct {
	library  string // where visitors have their libraries
	write    *digime.Contract
	read     *digime.Contract
	provider *digime.Contract
	callback string
	practice string // where practice providers show what arrived
	visits   visits
	page     *template.Template
	code     map[string]string
}

// NewClinic returns the clinic's handler.
func NewClinic(c Credentials) (http.Handler, error) {
	client, err := digime.New(string(c.ApplicationID), digime.WithServer(c.PublicURL))
	if err != nil {
		return nil, err
	}
	clinic := &Clinic{library: c.PublicURL, callback: c.Clinic, practice: c.Providers}
	for kind, into := range map[string]**digime.Contract{WriteContract: &clinic.write, ReadContract: &clinic.read, ProviderContract: &clinic.provider} {
		key := c.Contracts[kind]
		if *into, err = client.ParseContract(string(key.ContractID), []byte(key.PrivateKey)); err != nil {
			return nil, err
		}
	}
	if clinic.page, err = template.ParseFS(files, "templates/clinic.html"); err != nil {
		return nil, fmt.Errorf("parse the clinic's page: %w", err)
	}
	if clinic.code, err = functions("job.go"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", clinic.home)
	mux.HandleFunc("GET /clinic.css", clinic.style)
	mux.HandleFunc("POST /push", clinic.begin(pushLetter))
	mux.HandleFunc("POST /read", clinic.begin(readFiles))
	mux.HandleFunc("POST /send", clinic.sendForm)
	mux.HandleFunc("POST /reconnect", clinic.reconnectForm)
	mux.HandleFunc("GET "+CallbackPath, clinic.back)
	mux.HandleFunc("GET /files/{name}", clinic.file)
	return guard(mux), nil
}

// guard refuses posts from other sites and bounds the rest.
func guard(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		h := w.Header()
		h.Set(
			"Content-Security-Policy",
			"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
		)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	}))
}

// view is what the clinic's page shows.
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
	v := c.visits.of(w, r)
	v.mu.Lock()
	c.look(r.Context(), v)
	show := view{Library: c.library, Notice: v.notice, Fault: v.fault, Pushed: v.pushed, Files: v.files, Code: c.code,
		Measured: v.measured, Lowest: lowest, Highest: highest, Sent: v.sent, Practice: c.practice}
	v.notice, v.fault = "", ""
	v.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := c.page.Execute(w, show); err != nil {
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
	}
}

func (c *Clinic) style(w http.ResponseWriter, _ *http.Request) {
	css, err := files.ReadFile("templates/clinic.css")
	if err != nil {
		http.Error(w, "not there", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(css) // the browser's loss only
}

// begin does a job at once where the visitor has consented, and asks them otherwise.
func (c *Clinic) begin(j job) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := c.visits.of(w, r)
		v.mu.Lock()
		defer v.mu.Unlock()
		http.Redirect(w, r, c.start(r.Context(), v, j), http.StatusSeeOther)
	}
}

// start begins a job, and returns where the visitor goes.
func (c *Clinic) start(ctx context.Context, v *visit, j job) string {
	v.again = false
	if v.users[j] != nil {
		return c.do(ctx, v, j)
	}
	auth, err := c.ask(ctx, j, v.before())
	if err != nil {
		v.fault = err.Error()
		return "/"
	}
	v.asked, v.job = auth, j
	return auth.URL
}

// back takes a visitor who comes back from their library, and does what they came for.
func (c *Clinic) back(w http.ResponseWriter, r *http.Request) {
	v := c.visits.of(w, r)
	v.mu.Lock()
	defer v.mu.Unlock()
	next := "/"
	if err := c.arrive(r.Context(), v, r.URL.Query()); err != nil {
		v.fault = err.Error()
	} else {
		next = c.do(r.Context(), v, v.job)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// arrive takes what a visitor brings back. Only an answer to what they were asked counts:
// anyone can send a browser here.
func (c *Clinic) arrive(ctx context.Context, v *visit, query url.Values) error {
	asked := v.asked
	v.asked = digime.Authorization{}
	back, err := asked.ParseCallback(query)
	switch {
	case asked.State == "" || errors.Is(err, digime.ErrStateMismatch):
		return errors.New("this is not the answer to a question of ours")
	case err != nil:
		return err
	case asked.Verifier.IsZero(): // they have connected their provider again, and our token goes on
		v.again = true
		return nil
	}
	user, err := c.welcome(ctx, v.job, back)
	if err == nil && v.job == sendOn {
		v.to, err = c.connected(ctx, user, back)
	}
	if err == nil {
		v.users[v.job] = user
	}
	return err
}

// do does a job for a visitor and notes how it went. It returns where they go next.
func (c *Clinic) do(ctx context.Context, v *visit, j job) string {
	var err error
	switch j {
	case pushLetter:
		if err = c.push(ctx, v.users[j], Letter, LetterName); err == nil {
			v.pushed, v.notice = true, "The letter is in your library."
		}
	case readFiles:
		if v.files, err = c.list(ctx, v.users[j]); err == nil {
			v.notice = fmt.Sprintf("You let us read %d of your files.", len(v.files))
		}
	case sendOn:
		return c.sendMeasured(ctx, v)
	}
	if err != nil {
		delete(v.users, j) // revoked, perhaps: ask anew the next time
		v.fault = err.Error()
	}
	return "/"
}

// file hands a file of the visitor's library on to them, as it arrives.
func (c *Clinic) file(w http.ResponseWriter, r *http.Request) {
	v := c.visits.of(w, r)
	v.mu.Lock()
	user := v.users[readFiles]
	v.mu.Unlock()
	if user == nil {
		http.Error(w, "Let us read your files first.", http.StatusForbidden)
		return
	}
	file, err := c.open(r.Context(), user, r.PathValue("name"))
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
		panic(http.ErrAbortHandler) // cut: the browser must not take it for whole
	}
}

// functions cuts a source file of this package into its functions, by name: the page
// shows the code that runs.
func functions(source string) (map[string]string, error) {
	text, err := files.ReadFile(source)
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

func when(t time.Time) string { return t.Local().Format("2 January 2006, 15:04") }
