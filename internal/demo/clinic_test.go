package demo_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/server/servertest"
	"github.com/carrelhq/carrel/internal/testenv"
)

var shots = flag.String("shots", "", "folder for pictures of the clinic")

func TestMain(m *testing.M) { testenv.Main(m) }

// A person at the clinic, in a real browser: they push a letter into a new library,
// let the clinic read it, and are told so.
func TestClinic(t *testing.T) {
	s := servertest.Start(t)
	var clinic http.Handler
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { clinic.ServeHTTP(w, r) }))
	defer site.Close()
	credentials, err := demo.Register(t.Context(), s.Clients, s.URL, servertest.Callback, site.URL+demo.CallbackPath)
	if err != nil {
		t.Fatal(err)
	}
	if clinic, err = demo.NewClinic(credentials); err != nil {
		t.Fatal(err)
	}

	b := open(t)
	b.do(chromedp.Navigate(site.URL))
	b.picture("start")
	b.click("clinic-push")
	b.do(chromedp.SendKeys(testID("email"), "anna@example.org"), chromedp.SendKeys(testID("password"), "four random words make it"))
	b.click("create-library")
	b.click("recovery-saved")
	b.click("allow")
	b.sees("clinic-notice", "The letter is in your library.")
	b.click("clinic-read")
	b.click("allow") // the browser is signed in, and is asked all the same
	b.sees("clinic-notice", "You let us read 1 of your files.")
	b.sees("clinic-files", demo.LetterName)
	b.picture("read")

	b.do(chromedp.Evaluate[chromedp.Void](testenv.Axe(t)))
	broken, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" ")))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range broken {
		t.Errorf("accessibility: %s", rule)
	}
}

// A callback that nobody asked for is refused: anyone could sign a visitor in to a
// library of theirs.
func TestClinicRefusesForeignCallback(t *testing.T) {
	s := servertest.Start(t)
	credentials := s.Credentials
	credentials.Clinic = servertest.Callback
	clinic, err := demo.NewClinic(credentials)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(clinic)
	defer site.Close()
	answer, err := http.Get(site.URL + demo.CallbackPath + "?success=true&code=stolen&state=")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.Request.URL.Path != "/" || answer.StatusCode != http.StatusOK {
		t.Errorf("ended at %s with %d", answer.Request.URL, answer.StatusCode)
	}
}

// tab is a browser's tab.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(testenv.Chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // without a deadline: that would end the browser
		t.Fatal(err)
	}
	timed, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	return &tab{t, timed}
}

func testID(id string) chromedp.CSS { return chromedp.CSS("[data-testid='" + id + "']") }

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// click presses a control and waits for the next page.
func (b *tab) click(id string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, chromedp.Click(testID(id)))); err != nil {
		b.t.Fatalf("click %s: %v", id, err)
	}
}

// sees wants a text on the page.
func (b *tab) sees(id, text string) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("[data-testid='`+id+`']")?.innerText ?? document.body.innerText`))
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.Contains(got, text) {
		b.t.Fatalf("%s shows %q, want %q", id, got, text)
	}
}

// picture keeps what is shown, if pictures are asked for.
func (b *tab) picture(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	for _, width := range []int64{360, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*shots, "clinic-"+name+"-"+map[int64]string{360: "360", 1280: "1280"}[width]+".png"), png, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}
