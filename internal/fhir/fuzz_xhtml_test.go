package fhir

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// FuzzXHTML tests that a narrative that is accepted is well-formed for encoding/xml, has no
// element or attribute outside the lists, and has nothing that runs when an HTML parser reads
// it.
func FuzzXHTML(f *testing.F) {
	for _, s := range []string{
		narrative("x"), narrative(`<p class="a" title='&amp;'>x<br/></p>`), narrative("<!-- x -->&#65;&lt;]]"),
		narrative(`<a href="https://x.example/?a=1&amp;b=2">x</a>`), narrative(`<img src="java&#115;cript:x"/>`),
		narrative(`<p style="width:e\78pression(x)">x</p>`), narrative("<!--><img onerror='x'/>-->"),
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p xmlns:o="urn:x:y">x</h:p></h:div>`,
		narrative("<![CDATA[><img src='x' onerror='x'/>]]>"), narrative("<?x ><script>x</script>?>"),
		narrative("<table><p>x</p><tr><td><b>x</b></td></tr></table><pre>\nx</pre>"),
		narrative(`<p xml:lang="nl">x</p>`),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// A body that is not UTF-8 is refused before.
		if utf8.ValidString(s) {
			checkIfAccepted(t, s)
		}
	})
}

// FuzzMarkup is FuzzXHTML for narratives that consist of parts of markup, which reaches more.
func FuzzMarkup(f *testing.F) {
	parts := []string{
		"<p", "<a", "<img", "<table>", "<td>", "<pre>", "<br/>", "</p>", "</a>", "</td>", "</table>", "</pre>", ">",
		"/>",
		"/", "<", "</", ` class="x"`, ` title='x`, `'`, `"`, " href=", ` src="`, ` style="`, " xmlns", ":x", `="`, " ",
		"\n",
		"javascript", "script", ":", "http", "//", "#", "&", "#", "x", "106;", "6a;", ";", "amp;", "lt;", "gt;",
		"nbsp;",
		"<!--", "--", "-", "-->", "!>", "<!", "<![CDATA[", "]]>", "<?", "?>", "onclick", "=", "expression(", "/*", "*/",
		`\`,
		xhtmlNamespace, "<h:p", "é", "<script>", "</div>", "<div",
	}
	for _, s := range []string{"", "\x00\x0c\x22\x07", "\x01\x15\x13\x1d\x1f\x13\x0c\x08", "\x2d\x22\x30"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, chosen []byte) {
		var b strings.Builder
		for _, k := range chosen {
			b.WriteString(parts[int(k)%len(parts)])
		}
		checkIfAccepted(t, narrative(b.String()))
	})
}

// checkIfAccepted checks a narrative in which no fault is found with other parsers.
func checkIfAccepted(t *testing.T, s string) {
	t.Helper()
	if checkXHTML([]byte(s)) == "" {
		checkAsXML(t, s)
		checkAsHTML(t, s)
	}
}

// checkAsXML reads a narrative with encoding/xml.
func checkAsXML(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		start := d.InputOffset()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("encoding/xml refuses %q: %v", s, err)
		}
		switch token := token.(type) {
		case xml.ProcInst, xml.Directive:
			t.Fatalf("accepted with %T: %q", token, s)
		case xml.CharData:
			if strings.HasPrefix(s[start:], "<![") {
				t.Fatalf("accepted with a CDATA section: %q", s)
			}
		case xml.StartElement:
			if token.Name.Space != xhtmlNamespace || !isNarrativeElement([]byte(token.Name.Local)) {
				t.Fatalf("accepted with the element %v: %q", token.Name, s)
			}
			names := map[xml.Name]bool{}
			for _, a := range token.Attr {
				if names[a.Name] {
					t.Fatalf("accepted with the attribute %v twice: %q", a.Name, s)
				}
				names[a.Name] = true
				if isLinkAttribute([]byte(a.Name.Local)) {
					checkLink(t, a.Value)
				}
			}
		}
	}
}

// checkAsHTML reads a narrative with an HTML parser.
func checkAsHTML(t *testing.T, s string) {
	t.Helper()
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(s), body)
	if err != nil {
		t.Fatalf("the HTML parser refuses %q: %v", s, err)
	}
	for len(nodes) > 0 {
		n := nodes[len(nodes)-1]
		nodes = slices.AppendSeq(nodes[:len(nodes)-1], n.ChildNodes())
		if n.Type != html.ElementNode {
			continue
		}
		_, local, prefixed := strings.Cut(n.Data, ":")
		if !prefixed {
			local = n.Data
		}
		if !isNarrativeElement([]byte(local)) {
			t.Fatalf("HTML has the element %s in %q", n.Data, s)
		}
		for _, a := range n.Attr {
			if !isNarrativeAttribute([]byte(a.Key)) && !strings.HasPrefix(a.Key, "xml") {
				t.Fatalf("HTML has the attribute %s in %q", a.Key, s)
			}
			if isLinkAttribute([]byte(a.Key)) {
				checkLink(t, a.Val)
			}
		}
	}
}

// checkLink checks the scheme of a link as the WHATWG's URL standard reads it.
func checkLink(t *testing.T, link string) {
	t.Helper()
	link = strings.TrimFunc(link, func(r rune) bool { return r <= ' ' })
	link = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(link)
	scheme, _, found := strings.Cut(link, ":")
	if !found || strings.ContainsAny(scheme, "/?#") {
		return
	}
	if u, err := url.Parse(scheme + ":x"); err != nil || u.Scheme == "" {
		return // no scheme
	}
	low := strings.ToLower(link)
	image := strings.HasPrefix(low, "data:") && !strings.Contains(low, "html") && !strings.Contains(low, "xml")
	if !image && !slices.Contains([]string{"http", "https", "mailto", "tel", "cid"}, strings.ToLower(scheme)) {
		t.Fatalf("accepted with the link %q", link)
	}
}

// FuzzStyle tests that a style that is accepted has no script in a form that is easy to read.
func FuzzStyle(f *testing.F) {
	for _, s := range []string{`color: red`, `width:e\78pression(x)`, `x:url(java/**/script:x)`, `\`, `/*`,
		`/**/\65 x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		if plain := plainStyle(s); len(plain) > 3*len(s) {
			t.Fatalf("%q becomes %q", s, plain)
		}
		if !runsScript(s) && bytes.Contains(bytes.ToLower(s), []byte("javascript:")) &&
			!bytes.ContainsAny(s, "\\*") {
			t.Fatalf("%q is accepted", s)
		}
	})
}
