package browsertest

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"

	"github.com/carrelhq/carrel/internal/testenv"
)

var shots = flag.String("shots", "", "write a picture of every page into this folder")

// axeOptions has the options of axe for each colour scheme: all rules, and then only those that depend on colours.
var axeOptions = map[string]string{
	"light": `{resultTypes: ["violations"]}`,
	"dark":  `{resultTypes: ["violations"], runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}}`,
}

// widths are the widths of windows in which a page must fit: a desktop, and the narrowest phones.
var widths = []int64{1280, 320, 360}

// Check checks that the page breaks no accessibility rule in either colour scheme, and fits windows of all widths.
func (b *Tab) Check(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.SetColorScheme(scheme)
		b.checkAccessibility(name+" "+scheme, axeOptions[scheme])
		if *shots != "" {
			b.Screenshot(name + " " + scheme)
		}
	}
	for _, width := range widths {
		b.SetWidth(width)
		over, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](
			`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
		b.must(err)
		if over > 0 {
			b.t.Errorf("%s: %d pixels too wide at %d", name, over, width)
		}
	}
}

func (b *Tab) checkAccessibility(name, options string) {
	b.t.Helper()
	const format = `.then(r => JSON.stringify(r.violations.map(
		v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; "))))`
	if b.Eval("typeof axe") == "undefined" {
		b.must(chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](testenv.Axe(b.t)+";0")))
	}
	var violations []string
	b.must(json.Unmarshal([]byte(b.Eval("axe.run("+options+")"+format)), &violations))
	for _, v := range violations {
		b.t.Errorf("%s: %s", name, v)
	}
}

// Screenshot writes pictures of the page into the folder that the flag -shots names; without the flag it does nothing.
func (b *Tab) Screenshot(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	for _, width := range widths {
		b.SetWidth(width)
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		b.must(err)
		file := fmt.Sprintf("%s-%d.png", strings.ReplaceAll(name, " ", "-"), width)
		b.must(os.WriteFile(filepath.Join(*shots, file), picture, 0o600))
	}
}
