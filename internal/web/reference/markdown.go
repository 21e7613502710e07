package reference

import (
	"html/template"
	"strings"
)

// markdown returns a text of the description as HTML. It knows the parts of CommonMark that the description uses:
// paragraphs, lists with "- ", headings with "## ", `code` and **strong** text.
func markdown(text string) template.HTML {
	var b strings.Builder
	for block := range strings.SplitSeq(text, "\n\n") {
		switch {
		case strings.HasPrefix(block, "## "):
			b.WriteString("<h2>" + string(inline(block[3:])) + "</h2>\n")
		case strings.HasPrefix(block, "- "):
			b.WriteString("<ul>\n")
			for item := range strings.SplitSeq(strings.TrimPrefix(block, "- "), "\n- ") {
				b.WriteString("<li>" + string(inline(item)) + "</li>\n")
			}
			b.WriteString("</ul>\n")
		case block != "":
			b.WriteString("<p>" + string(inline(block)) + "</p>\n")
		}
	}
	return template.HTML(b.String())
}

// inline returns a text with its code and its strong parts.
func inline(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		escaped := template.HTMLEscapeString(part)
		switch {
		case i%2 == 1:
			b.WriteString("<code>" + escaped + "</code>")
		default:
			for j, strong := range strings.Split(escaped, "**") {
				if j%2 == 1 {
					strong = "<strong>" + strong + "</strong>"
				}
				b.WriteString(strong)
			}
		}
	}
	return template.HTML(b.String())
}
