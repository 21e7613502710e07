package simulator

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/internal/testenv"
)

var shots = flag.String("shots", "", "folder for pictures of every page")

// tab is a browser tab.
type tab struct {
	*testing.T
	ctx context.Context
}

func openTab(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(testenv.Chromium(t)),
		chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{t, ctx}
	b.must(chromedp.Do(ctx)) // without a deadline: that would end the browser
	timed, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	b.ctx = timed
	return b
}

func (b *tab) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *tab) visit(address string) {
	b.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.Navigate(address)))
}

func testID(id string) chromedp.CSS { return chromedp.CSS("[data-testid='" + id + "']") }

// click clicks the element with the data-testid and waits for the next page.
func (b *tab) click(id string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, chromedp.Click(testID(id))))
	b.must(err)
}

func (b *tab) eval(script string) string {
	b.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	b.must(err)
	return got
}

// look checks the page with axe, in both colour schemes and several widths. What does not
// depend on the colours is checked once.
func (b *tab) look(name string) {
	b.Helper()
	for _, scheme := range []string{"light", "dark"} {
		rules := "{}"
		if scheme == "dark" {
			rules = `{runOnly: {type: "rule", values: ["color-contrast"]}}`
		}
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		b.must(err)
		if b.eval("typeof axe") == "undefined" {
			b.must(chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](testenv.Axe(b)+";0")))
		}
		var found []string
		b.must(json.Unmarshal([]byte(b.eval(`axe.run(`+rules+`).then(r => JSON.stringify(r.violations.map(v =>
			v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; "))))`)), &found))
		for _, v := range found {
			b.Errorf("%s %s: %s", name, scheme, v)
		}
		if scheme == "dark" && *shots == "" {
			continue
		}
		for _, width := range []int64{320, 360, 1280} {
			b.must(chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 800)))
			over, err := chromedp.Run(b.ctx,
				chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
			b.must(err)
			if over > 0 {
				b.Errorf("%s: %d pixels too wide at %d", name, over, width)
			}
			if *shots != "" {
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				b.must(err)
				b.must(os.WriteFile(filepath.Join(*shots, fmt.Sprintf("sim-%s-%s-%d.png", name, scheme, width)),
					picture, 0o600))
			}
		}
	}
}

// A person approves in a browser without scripts and returns to the client. The
// Content-Security-Policy of the page applies to the target of its form too.
func TestPersonInBrowser(t *testing.T) {
	b := openTab(t)
	n := startSimulator(t)
	var back []string
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" {
			back = append(back, r.URL.Query().Get("code")+r.URL.Query().Get("error"))
		}
		_, _ = fmt.Fprint(w, "<!doctype html><title>Back at the client</title>")
	}))
	t.Cleanup(client.Close)
	where := func(provider, service, lng string) string {
		q := authorizationParams(provider, service)
		q.Set("redirect_uri", client.URL+"/callback")
		q.Set("lng", lng)
		return n.service(provider, service).AuthorizeURL + "?" + q.Encode()
	}
	b.visit(where("huisartslinde", "53", "en"))
	b.look("ask-en")
	b.click("language-nl")
	b.look("ask-nl")
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true})
	b.must(err)
	b.must(chromedp.Do(b.ctx, chromedp.SendKeys(testID("sim-user"), "Anna")))
	b.click("sim-approve")
	b.visit(where("huisartslinde", "53", "en"))
	b.click("sim-deny")
	if len(back) != 2 || len(back[0]) < 40 || back[1] != "access_denied" {
		t.Fatalf("came back with %q", back)
	}
	_, err = chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: false})
	b.must(err)

	n.s.SetBehaviour("", Behaviour{Authorize: AuthorizeNever})
	b.visit(where("huisartslinde", "53", "nl"))
	b.look("end-nl")
	n.s.SetBehaviour("", Behaviour{})
	c := n.connect("huisartslinde", "53")
	c.send(http.MethodPost, "", measurementsBundle("batch", "run"))
	c.send(http.MethodGet, "/Patient?patient=1", nil)
	b.visit(n.s.FrontURL() + "/?lng=en")
	b.click("sim-set-huisartslinde")
	if title := b.eval("document.title"); title != "Practice providers" {
		t.Errorf("%q", title)
	}
	b.must(chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("details").open = true;0`)))
	b.look("home")
	if text := b.eval("document.body.innerText"); !strings.Contains(text, "Blood pressure 120/80") {
		t.Error("what arrived is not shown")
	}
}
