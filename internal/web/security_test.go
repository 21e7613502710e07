package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web"
)

// signedIn is a visitor whose library is open.
func signedIn(t *testing.T, w *world) *visitor {
	t.Helper()
	v := w.visitor()
	v.get("/create").click("create-library", "email", email, "password", password).click("recovery-saved")
	return v
}

// TestHeaders looks at every route there is, for who is signed in and who is not.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	visitors := map[string]*visitor{"stranger": w.visitor(), "signed in": signedIn(t, w)}
	for _, pattern := range web.Patterns(w.config(w.db, library.PeopleConfig{}, w.url)) {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = http.MethodGet, pattern
		}
		path = strings.NewReplacer("{$}", "", "{file}", "none", "{grant}", "none", "{account}", "none", "{language}", "nl", "{asset}", "none.css").Replace(path)
		for who, v := range visitors {
			t.Run(who+" "+pattern, func(t *testing.T) {
				if strings.HasSuffix(path, "/sign-out") && method == http.MethodPost {
					v = w.visitor()
				}
				r, err := http.NewRequest(method, w.url+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				checkHeaders(t, v.do(r))
			})
		}
	}
}

func checkHeaders(t *testing.T, p *page) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Frame-Options":        "DENY",
		"X-Content-Type-Options": "nosniff",
		"Cache-Control":          "no-store",
		"Referrer-Policy":        "same-origin",
	} {
		if got := p.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	csp := p.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if p.header.Get("Permissions-Policy") == "" {
		t.Error("no Permissions-Policy")
	}
	if p.status >= 400 && p.find("error-reference") == nil {
		t.Errorf("error page (%d) without a reference", p.status)
	}
	for _, cookie := range (&http.Response{Header: p.header}).Cookies() {
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
			t.Errorf("cookie %s", cookie)
		}
	}
}

// TestForms sends one form in all the ways that are not ours.
func TestForms(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		origin, site string
		change       func(url.Values)
		want         int
	}{
		"ours":                     {origin: w.url, want: http.StatusSeeOther},
		"ours, by Sec-Fetch-Site":  {site: "same-origin", want: http.StatusSeeOther},
		"ours, by both":            {origin: w.url, site: "same-origin", want: http.StatusSeeOther},
		"by no header":             {want: http.StatusForbidden},
		"foreign origin":           {origin: "https://evil.example", want: http.StatusForbidden},
		"foreign, said to be ours": {origin: "https://evil.example", site: "same-origin", want: http.StatusForbidden},
		"null origin":              {origin: "null", want: http.StatusForbidden},
		"null origin, same-origin": {origin: "null", site: "same-origin", want: http.StatusForbidden},
		"other port":               {origin: "http://127.0.0.1:1", want: http.StatusForbidden},
		"other scheme":             {origin: strings.Replace(w.url, "http", "https", 1), want: http.StatusForbidden},
		"cross-site":               {origin: w.url, site: "cross-site", want: http.StatusForbidden},
		"same-site":                {site: "same-site", want: http.StatusForbidden},
		"none":                     {site: "none", want: http.StatusForbidden},
		"no token":                 {origin: w.url, change: func(f url.Values) { f.Del("token") }, want: http.StatusForbidden},
		"wrong token":              {origin: w.url, change: func(f url.Values) { f.Set("token", "x") }, want: http.StatusForbidden},
		"field twice":              {origin: w.url, change: func(f url.Values) { f.Add("email", "b@example.org") }, want: http.StatusBadRequest},
		"no text":                  {origin: w.url, change: func(f url.Values) { f.Set("email", "\xff") }, want: http.StatusBadRequest},
		"too large":                {origin: w.url, change: func(f url.Values) { f.Set("x", strings.Repeat("x", 70_000)) }, want: http.StatusRequestEntityTooLarge},
		"unknown field":            {origin: w.url, change: func(f url.Values) { f.Set("x", "y") }, want: http.StatusSeeOther},
	} {
		t.Run(name, func(t *testing.T) {
			v := w.visitor()
			p := v.get("/create")
			path, fields := p.form(p.find("create-library"))
			fields.Set("email", strings.ReplaceAll(name, " ", "")+"@example.org")
			fields.Set("email", strings.ReplaceAll(fields.Get("email"), ",", ""))
			fields.Set("password", password)
			if tt.change != nil {
				tt.change(fields)
			}
			r, err := http.NewRequest(http.MethodPost, path, strings.NewReader(fields.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for header, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site} {
				if value != "" {
					r.Header.Set(header, value)
				}
			}
			p = v.do(r)
			if p.status != tt.want {
				t.Fatalf("status %d, want %d: %s", p.status, tt.want, textOf(p.root))
			}
			if tt.want != http.StatusSeeOther {
				if p.title() != "We could not check this page" {
					t.Errorf("page %q", p.title())
				}
				checkHeaders(t, p)
				if p := v.get("/files"); p.title() != "Sign in to your library" {
					t.Error("a library was created")
				}
			}
		})
	}
}

// TestFormOfAnotherLogin refuses a page that was shown to somebody else in the same
// browser: what it says would not be true.
func TestFormOfAnotherLogin(t *testing.T) {
	w := newWorld(t)
	v := signedIn(t, w)
	old := v.get("/settings")
	v.get("/files").click("sign-out")
	v.get("/create").click("create-library", "email", "bob@example.org", "password", password).click("recovery-saved")
	path, fields := old.form(old.find("sign-out"))
	if p := v.post(path, fields); p.status != http.StatusForbidden {
		t.Errorf("status %d", p.status)
	}
	if p := v.get("/files"); p.title() != "Your files" {
		t.Errorf("bob is no longer signed in: %q", p.title())
	}
}

func TestCookiesBlocked(t *testing.T) {
	w := newWorld(t)
	v := w.visitor()
	p := v.get("/create")
	path, fields := p.form(p.find("create-library"))
	fields.Set("email", email)
	fields.Set("password", password)
	v.client.Jar = nil
	p = v.post(path, fields)
	if p.status != http.StatusBadRequest || p.title() != "Your browser blocks cookies" {
		t.Errorf("%d %q", p.status, p.title())
	}
}

// TestSignOut ends the login at the server: the old cookie opens nothing.
func TestSignOut(t *testing.T) {
	w := newWorld(t)
	v := signedIn(t, w)
	base, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	stolen := v.client.Jar.Cookies(base)
	before := cookieValue(stolen, "carrel_login")
	p := v.get("/files").click("sign-out")
	if p.title() != "Sign in to your library" {
		t.Fatalf("after signing out: %q", p.title())
	}
	thief := w.visitor()
	thief.client.Jar.SetCookies(base, stolen)
	if p := thief.get("/files"); p.title() != "Sign in to your library" {
		t.Errorf("the old cookie opens %q", p.title())
	}
	p.click("sign-in", "email", email, "password", password)
	if after := cookieValue(v.client.Jar.Cookies(base), "carrel_login"); after == "" || after == before {
		t.Error("no fresh cookie after signing in")
	}
}

func cookieValue(cookies []*http.Cookie, name string) string {
	for _, c := range cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// TestWait slows down guesses, and says so.
func TestWait(t *testing.T) {
	w := newWorld(t)
	signedIn(t, w)
	v := w.visitor()
	p := v.get("/sign-in")
	for range 3 {
		p = p.click("sign-in", "email", email, "password", "a wrong password")
		if p.status != http.StatusUnprocessableEntity || !strings.Contains(p.text("error"), "not right") {
			t.Fatalf("wrong password: %d %s", p.status, textOf(p.root))
		}
	}
	for range 20 {
		if p = p.click("sign-in", "email", email, "password", "a wrong password"); p.status == http.StatusTooManyRequests {
			break
		}
	}
	if p.status != http.StatusTooManyRequests || p.header.Get("Retry-After") == "" || !strings.Contains(p.text("error"), "Too many tries. Wait 1 minute, then") {
		t.Errorf("after twenty: %d %v %s", p.status, p.header, textOf(p.root))
	}
	if got := attr(p.find("email"), "value"); got != email {
		t.Errorf("address kept: %q", got)
	}
}

// TestTaken says that an address cannot be used, and overwrites nothing.
func TestTaken(t *testing.T) {
	w := newWorld(t)
	signedIn(t, w)
	v := w.visitor()
	p := v.get("/create").click("create-library", "email", email, "password", "quite another password")
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(textOf(p.root), "We cannot create a library with this email address.") {
		t.Fatalf("%d %s", p.status, textOf(p.root))
	}
	if p = v.get("/sign-in").click("sign-in", "email", email, "password", password); p.title() != "Your files" {
		t.Errorf("the old password opens %q", p.title())
	}
}

func TestClosed(t *testing.T) {
	w := newWorldWith(t, library.PeopleConfig{Closed: true})
	p := w.visitor().get("/create").click("create-library", "email", email, "password", password)
	if p.status != http.StatusUnprocessableEntity || !strings.Contains(textOf(p.root), "Ask Example Hosting.") {
		t.Errorf("%d %s", p.status, textOf(p.root))
	}
}

// TestNoSecretIsLogged goes all the ways with secrets, and reads the log.
func TestNoSecretIsLogged(t *testing.T) {
	w := newWorld(t)
	clinic := w.clinic("Demo Clinic", write)
	v := w.visitor()
	code := w.link(clinic, webCallback, "")
	p := v.get(authorize(code)).click("create-library", "email", email, "password", password)
	recovery := p.text("recovery-code")
	p.click("recovery-saved").click("allow")
	v.get(authorize(code))
	v.get(authorize(code) + "&service=x")
	v.post(authorize(code), url.Values{"password": {password}})
	v.get("/files/" + code)
	base, _ := url.Parse(w.url)
	secrets := []string{code, recovery, password, email}
	for _, c := range v.client.Jar.Cookies(base) {
		if len(c.Value) > 10 {
			secrets = append(secrets, c.Value)
		}
	}
	log := w.log.String()
	if !strings.Contains(log, "reference=") {
		t.Fatal("nothing was logged")
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
}

func TestLocalPath(t *testing.T) {
	w := newWorld(t)
	v := signedIn(t, w)
	for _, path := range []string{"/sign-in?to=//evil.example", "/language/nl?to=https://evil.example/", "/language/nl?to=/%5Cevil.example"} {
		if p := v.get(path); p.url.Host != strings.TrimPrefix(w.url, "http://") || p.status != http.StatusOK {
			t.Errorf("%s leads to %s (%d)", path, p.url, p.status)
		}
	}
}

// TestSignInEndsTheLoginBefore leaves no login behind that nobody could end.
func TestSignInEndsTheLoginBefore(t *testing.T) {
	w := newWorld(t)
	v := signedIn(t, w)
	base, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	before := v.client.Jar.Cookies(base)
	clinic := w.clinic("Demo Clinic", write)
	link := authorize(w.link(clinic, webCallback, ""))
	old := w.visitor().get(link) // a form of its own, sent with anna's cookies
	path, fields := old.form(old.find("create-library"))
	own := v.get("/settings")
	fields.Set("token", attr(find(own.root, func(n *html.Node) bool { return attr(n, "name") == "token" }), "value"))
	fields.Set("email", "bob@example.org")
	fields.Set("password", password)
	if p := v.post(path, fields).followed(); p.find("recovery-code") == nil {
		t.Fatalf("bob: %d %s", p.status, textOf(p.root))
	}
	thief := w.visitor()
	thief.client.Jar.SetCookies(base, before)
	if p := thief.get("/files"); p.title() != "Sign in to your library" {
		t.Errorf("anna's login still opens %q", p.title())
	}
}
