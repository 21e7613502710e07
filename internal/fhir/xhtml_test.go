package fhir

import (
	"slices"
	"strings"
	"testing"
)

// narrative returns a narrative with a content.
func narrative(content string) string {
	return `<div xmlns="http://www.w3.org/1999/xhtml">` + content + `</div>`
}

func TestXHTML(t *testing.T) {
	t.Parallel()
	div := narrative
	for _, s := range []string{
		div("text"), div(""), div("<p>a<br/>b</p><img src='x.png' alt=\"x\"/>"), " \n" + div("x") + "\n",
		div("a &lt; b &amp; c &gt; &quot;&apos;&#160;&#xA0;&#xa0;&#x10FFFF;&#0000065;"), div("a > b ]] > ]&gt;"),
		div("<!-- a > b --><a href=\"#x\">x</a>"), "<!-- c -->" + div("x") + "<!-- c -->", div("<!----><!-- - -->"),
		`<div xml:lang="nl" xmlns="http://www.w3.org/1999/xhtml" lang="nl"><div>x</div></div>`,
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p class="x">x</h:p></h:div>`,
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p xmlns:h="http://www.w3.org/1999/xhtml"/></h:div>`,
		`<div xmlns="http://www.w3.org/1999/xhtml" xmlns:o="urn:x:y"/>`,
		div(`<p xmlns="http://www.w3.org/1999/xhtml">x</p>`),
		`<div xmlns="http://www.w3.org/1999/xhtml"/>`, "<div\r\n\txmlns = 'http://www.w3.org/1999/xhtml' ></div\n>",
		div(`<table class="grid" style="width: 3px; background: url(x.png)"><tr><td colspan="2">x</td></tr></table>`),
		div("é — 漢 \U0001F600 \uE000 \uFFFD \u0085"), div(strings.Repeat("<b>", 255) + strings.Repeat("</b>", 255)),
		// links
		div(`<a href="http://x.example/?a=1&amp;b=2">x</a>`), div(`<a href="HTTPS://x.example">x</a>`),
		div(`<a href="mailto:a@x.example">x</a>`), div(`<a href="tel:+3110">x</a>`), div(`<img src="cid:1"/>`),
		div(`<a href="">x</a>`), div(`<a href="?a:b">x</a>`), div(`<a href="a/b:c">x</a>`), div(`<a href="#a:b">x</a>`),
		div(`<img src="data:image/png;base64,eA=="/>`), div(`<img src="DATA: image/JPEG,x" alt="x"/>`),
		div(`<img src="data:image/gif"/><img src="data:application/pdf;base64,eA=="/>`),
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:img src="data:image/gif,x"/></h:div>`,
		div(`<a href="Patient/1">x</a>`), div(`<a name="javascript:x">x</a>`), div(`<q cite="http://x.example">x</q>`),
	} {
		if problem := checkXHTML([]byte(s)); problem != "" {
			t.Errorf("%s\n\t%s", s, problem)
		}
	}
}

func TestXHTMLRefuses(t *testing.T) {
	t.Parallel()
	div := narrative
	link := func(value string) string { return div(`<a href="` + value + `">x</a>`) }
	for words, all := range map[string][]string{
		"is not XHTML": {
			"", " ", "text", "<div>text</div>", `<p xmlns="http://www.w3.org/1999/xhtml">x</p>`, "<!-- x -->",
			`<div xmlns="http://example.org">x</div>`, div("x") + "y", div("x") + div("y"), "\u00a0" + div("x"),
			"&#32;" + div(""),
			`<div xmlns="http://www.w3.org/1999/xhtml"/>x`, `<DIV xmlns="http://www.w3.org/1999/xhtml"/>`,
			`<h:div xmlns="http://www.w3.org/1999/xhtml"/>`, `<div xmlns:h="http://www.w3.org/1999/xhtml"/>`,
			`<:div xmlns="http://www.w3.org/1999/xhtml"/>`, `<xml:div xmlns:xml="http://www.w3.org/1999/xhtml"/>`,
			div(`<p xmlns="">x</p>`), div(`<p xmlns="http://www.w3.org/2000/svg">x</p>`),
			`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p xmlns:h="urn:x:y"/></h:div>`,
		},
		"end tag that does not fit": {div("x</p>"), div("<p><b>x</p></b>"), div("</ div>"), div("</p x>"), "</div>",
			div("<p>x")},
		"does not end": {"<div", `<div xmlns="`, `<div xmlns="http://www.w3.org/1999/xhtml">x`,
			div("<!-- x")},
		"begins no tag":             {"<", div("a < b"), div("<1>"), div("<é>")},
		"does not belong there":     {div(`<p class="a"id="b">x</p>`), div("<p<b>"), div("<p/ >"), div("<pé>")},
		"attribute without a value": {div("<p a>x</p>"), div("<p =''>x</p>"), div("<p 'a'='b'>x</p>")},
		"value has no quotes":       {div("<p class=b>x</p>")},
		"has a < in the value":      {div("<p class='<'>x</p>")},
		"attribute twice":           {div(`<p class="a" class="b">x</p>`), div(`<p xmlns:a="u:x" xmlns:a="u:x">x</p>`)},
		"more than 64 attributes":   {div("<p" + manyAttributes("", 70) + ">x</p>")},
		"more than 256 levels":      {div(strings.Repeat("<b>", 300) + strings.Repeat("</b>", 300))},
		"begins no reference":       {div("A & B"), div("a &"), div("<p title='&'>x</p>"), div("& amp;")},
		"an entity that XML": {div("a&nbsp;b"), div("a &amp b"), div("&LT;"), div("&lt"),
			link("http://x.example/?a=1&b=2")},
		"character that XML does not have: write": {div("&#0;"), div("&#x110000;"), div("&#;"), div("&#x;"),
			div("&#xD800;"),
			div("&#xFFFE;"), div("&#X41;"), div("&#65"), div("&#1;"), div("&#99999999999999999999;"), div("&#-1;"),
			div("<p title='&#x1F;'>x</p>"), div("&#6a;")},
		"character that XML does not have: leave": {div("a\x00b"), div("a\x01b"), div("a\uffffb"), div("a\ufffeb"),
			div("<!-- \x02 -->"), link("\x01javascript:x"), div("\x1b")},
		"has ]]>":                {div("a ]]> b")},
		"CDATA section":          {div("<![CDATA[x]]>"), "<!DOCTYPE html>" + div("x"), div("<!x>"), div("<!->")},
		"processing instruction": {div("<?x y?>"), `<?xml version="1.0"?>` + div("x")},
		"comment with --": {div("<!-- a -- b -->"), div("<!-- a --->"), div("<!-- x --!> y -->"),
			"<!-- -- -->" + div("")},
		"comment that begins with": {div("<!--><img src='x'/>-->"), div("<!--->x-->"), "<!-->-->" + div("")},
		"an element that a narrative must not have": {div("<o:p></o:p>"), div("<h:script>x</h:script>"), div("<:p/>"),
			div(`<h:p xmlns:h="http://www.w3.org/1999/xhtml">x</h:p>`), div("<p:q:b/>"),
			`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><p>x</p></h:div>`},
		"has <script>": {div("<script>x</script>")},
		"has <u>":      {div("<u>x</u>")}, "has <applet>": {div("<applet/>")}, "has <video>": {div("<video/>")},
		"which a narrative must not have (txt-1): use basic HTML": {div("<iframe/>"), div("<object/>"), div("<math/>"),
			div("<svg xmlns='http://www.w3.org/2000/svg'/>"), div("<form><input/></form>"), div("<style>x</style>"),
			div("<template/>")},
		"an element that a narrative must not have (txt-1)": {div("<SCRIPT src='x'></SCRIPT>"), div("<P>x</P>"),
			div("below <Jansen >x"), div("<h7/>")},
		"an attribute that a narrative must not have": {div("<p onclick='x'>x</p>"), div("<a target='_blank'>x</a>"),
			div("<img srcset='x'/>"), div("<p CLASS='x'>x</p>"), div("<a ping='x'>x</a>"), div("<img usemap='#x'/>"),
			div("<p o:gfxdata='x'>x</p>"), div("<a xlink:href='#x'>x</a>"),
			div("<p xmlns:x='http://www.w3.org/1999/xlink'><a x:href='javascript:x'>x</a></p>"),
			div("<p xml:base='x'>x</p>"),
			div("<p data-x='x'>x</p>"), div("<p xml:href='x'>x</p>")},
		"declaration of a namespace": {div("<p xmlns:='u:x'>x</p>"), div("<p xmlns:xml='u:x'>x</p>"),
			div("<p xmlns:xmlns='u:x'>x</p>"), div("<p xmlns:a=''>x</p>"), div("<p xmlns:a:b='u:x'>x</p>"),
			div("<p xmlns:a='http://www.w3.org/XML/1998/namespace'>x</p>"), div("<p xmlns:1='u:x'>x</p>")},
		"has a link": {link("javascript:x"), link(" javascript:x"), link("JavaScript:x"), link("java\nscript:x"),
			link("java\tscript:x"), link("java&#10;script:x"), link("java&#x09;script:x"), link("&#106;avascript:x"),
			link("java&#115;cript:x"), link("javascript&#58;x"), link("&#32;javascript:x"), link("\u00a0javascript:x"),
			link("vbscript:x"), link("data:text/html,x"), link("data:image/svg+xml,x"), link("file:///etc/passwd"),
			link("blob:x"), link("ftp://x.example"), link("urn:x:y"), link("about:blank"), link(":x"), link("x:"),
			link("httpsx:x"), link("intent:x"), link("\u007fjavascript:x"), link("verylongscheme:x"),
			div(`<img src="&#x6A;avascript:x" alt="x"/>`), div(`<q cite="javascript:x">x</q>`),
			div(`<img longdesc="javascript:x" src="x"/>`), div(`<img src="data:image/svg+xml,x"/>`),
			div(`<img src="data:text/html,x"/>`), div(`<img src="data:,x"/>`), div(`<img src="data:image/png+xml,x"/>`),
			div(`<img longdesc="data:image/png,x" src="x"/>`), div(`<p src="data:image/png,x">x</p>`),
			link("data:image/png;base64,eA=="), div(`<img src="xdata:image/png,x"/>`),
			div(`<img src="data:image/svg+xml;x=data:image/png,x"/>`)},
		"has a style": {div(`<p style="background:url(javascript:x)">x</p>`),
			div(`<p style="width: expression(x)">x</p>`),
			div(`<p style="width:e\78pression(x)">x</p>`), div(`<p style="width:ex/* */pression(x)">x</p>`),
			div(`<p style="-moz-binding:url(x)">x</p>`), div(`<p style="behavior: url(x)">x</p>`),
			div(`<p style="background:url(java&#10;script:x)">x</p>`), div(`<p style="x:url(VBScript:x)">x</p>`),
			div(`<p style="@import 'x'">x</p>`), div(`<p style="width:\65 xpression(x)">x</p>`)},
	} {
		for _, s := range all {
			if problem := checkXHTML([]byte(s)); !strings.Contains(problem, words) {
				t.Errorf("%q: want %q, found %q", s, words, problem)
			}
		}
	}
}

// manyAttributes returns attributes for a tag, each with a name of its own.
func manyAttributes(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" " + prefix + "a" + strings.Repeat("a", i) + "='x'")
	}
	return b.String()
}

// The issue repeats nothing of the narrative.
func TestXHTMLRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"<Jansen>", "a <Jansen b", "<p Jansen='x'>", "<p onno='Jansen'>", "&Jansen;",
		"<a href='Jansen:x'>", "<p style='behavior:Jansen'>", "<Jansen:p>", "</Jansen>", "<!--> Jansen -->"} {
		if problem := checkXHTML([]byte(narrative(s))); problem == "" || strings.Contains(problem, "Jansen") ||
			strings.Contains(problem, "onno") {
			t.Errorf("%s: the problem is %q", s, problem)
		}
	}
	if !slices.IsSorted(otherElements) {
		t.Error("otherElements is not sorted, which its binary search needs")
	}
}

// The issue says where in the narrative it is.
func TestXHTMLPosition(t *testing.T) {
	t.Parallel()
	problem := checkXHTML([]byte("<div xmlns='http://www.w3.org/1999/xhtml'>\n<p>é &amp; b & c</p></div>"))
	if want := "(at line 2, column 14 of the narrative)"; !strings.HasSuffix(problem, want) {
		t.Errorf("the problem is %q, want %q", problem, want)
	}
}
