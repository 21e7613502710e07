package fhir

import "testing"

func TestXHTML(t *testing.T) {
	t.Parallel()
	div := func(s string) string { return `<div xmlns="http://www.w3.org/1999/xhtml">` + s + `</div>` }
	for _, s := range []string{
		div("text"), div(""), div("<p>a<br/>b</p><img src='x.png' alt=\"x\"/>"), " \n" + div("x") + "\n",
		div("a &lt; b &amp; c &nbsp;"), div("<!-- a > b --><a href=\"#x\">x</a>"), "<!-- c -->" + div("x"),
		`<div xml:lang="nl" xmlns="http://www.w3.org/1999/xhtml" lang="nl"><div>x</div></div>`,
		`<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>`,
		`<div xmlns="http://www.w3.org/1999/xhtml"/>`,
	} {
		if problem := checkXHTML([]byte(s)); problem != "" {
			t.Errorf("%s\n\t%s", s, problem)
		}
	}
	for _, s := range []string{
		"", "text", "<div>text</div>", `<p xmlns="http://www.w3.org/1999/xhtml">x</p>`,
		`<div xmlns="http://example.org">x</div>`,
		div("<p>x"), div("x</p>"), div("<p><b>x</p></b>"), div("<script>x</script>"), div("<SCRIPT src='x'></SCRIPT>"),
		div("<iframe/>"),
		div("<p onclick='x'>x</p>"), div("<a href=' javascript:x'>x</a>"), div("<p a>x</p>"), div("<p a=b>x</p>"),
		div("<p a='<'>x</p>"),
		div("x") + "y", div("x") + div("y"), div("<!-- x"), div("a < b"), `<div xmlns="http://www.w3.org/1999/xhtml">x`,
		div("<h:script>x</h:script>"), div("<form><input/></form>"), "<", "<div", `<div xmlns="`,
		`<div xmlns="http://www.w3.org/1999/xhtml"/>x`,
	} {
		if checkXHTML([]byte(s)) == "" {
			t.Errorf("%q is accepted", s)
		}
	}
}
