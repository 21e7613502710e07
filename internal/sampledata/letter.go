package sampledata

import (
	"bytes"
	"fmt"
	"strings"
)

// letter returns a letter of a specialist as a PDF.
func (b *builder) letter() File {
	at := b.day(38, 14, 0)
	content := pdf{
		title: "Brief van de internist over " + personName,
		paragraphs: []string{
			hospitalName + ", afdeling interne geneeskunde",
			"Voorbeeldstad, " + written(at),
			"Aan: " + doctorName + ", " + practiceName,
			"Betreft: mevrouw " + personName + ", geboren 14 maart 1968",
			"Geachte collega,",
			"Uw patiënte was op " + written(b.day(40, 0, 0)) + " bij mij voor de jaarlijkse controle van haar " +
				"diabetes mellitus type 2. Zij voelt zich goed. Haar gewicht is in een jaar ruim twee kilo gedaald.",
			"Het HbA1c is 51 mmol/mol; vorig jaar was dat 56. De bloeddruk is gemiddeld 135/82 mmHg. De nieren " +
				"werken goed: het kreatinine is 72 µmol/L. Aan de ogen en de voeten zag ik geen afwijkingen.",
			"De medicijnen blijven hetzelfde. Ik zie haar over een jaar terug.",
			"Met vriendelijke groet,",
			"dr. P. Probeersel, internist",
			"Deze brief is verzonnen. Hij hoort bij de voorbeeldgegevens van een persoonlijke bibliotheek.",
		},
	}.encode()
	return b.raw("document-letter", "brief-internist.pdf", "letter", "application/pdf", hospitalName, at, content)
}

// pdf is a document of one page: a heading and paragraphs. It is tagged, so that a screen reader can read it.
type pdf struct {
	title      string
	paragraphs []string
}

// The layout of the page, which is A4, in points.
const (
	pdfLeft, pdfTop   = 64, 770
	pdfSize, pdfLine  = 11, 16
	pdfHeading        = 15
	pdfCharactersLine = 84
)

// encode returns the file. Its objects are numbered in the order in which they are added.
func (d pdf) encode() []byte {
	const catalog, pages, page, contents, regular, bold, tree, document, parents, info, firstTag = 1, 2, 3, 4, 5, 6, 7,
		8, 9, 10, 11
	objects := map[int]string{
		catalog: fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /Lang (nl-NL) /MarkInfo << /Marked true >> "+
			"/StructTreeRoot %d 0 R /ViewerPreferences << /DisplayDocTitle true >> >>", pages, tree),
		pages: fmt.Sprintf("<< /Type /Pages /Kids [%d 0 R] /Count 1 >>", page),
		page: fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "+
			"/StructParents 0 /Tabs /S /Resources << /Font << /F1 %d 0 R /F2 %d 0 R >> >> >>",
			pages, contents, regular, bold),
		regular: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		bold:    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
		info:    "<< /Title " + pdfText(d.title) + " /Author " + pdfText(hospitalName) + " >>",
	}
	var stream strings.Builder
	fmt.Fprintf(&stream, "/H1 << /MCID 0 >> BDC BT /F2 %d Tf %d %d Td %s Tj ET EMC\n",
		pdfHeading, pdfLeft, pdfTop, pdfText(d.title))
	y, tags := pdfTop-2*pdfLine, []string{"H1"}
	for _, p := range d.paragraphs {
		fmt.Fprintf(&stream, "/P << /MCID %d >> BDC BT /F1 %d Tf %d TL %d %d Td",
			len(tags), pdfSize, pdfLine, pdfLeft, y)
		for i, line := range wrap(p, pdfCharactersLine) {
			if i > 0 {
				stream.WriteString(" T*")
				y -= pdfLine
			}
			stream.WriteString(" " + pdfText(line) + " Tj")
		}
		stream.WriteString(" ET EMC\n")
		y -= pdfLine * 3 / 2
		tags = append(tags, "P")
	}
	objects[contents] = fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", stream.Len(), stream.String())
	var references []string
	for i, tag := range tags {
		objects[firstTag+i] = fmt.Sprintf("<< /Type /StructElem /S /%s /P %d 0 R /Pg %d 0 R /K %d >>",
			tag, document, page, i)
		references = append(references, fmt.Sprintf("%d 0 R", firstTag+i))
	}
	all := strings.Join(references, " ")
	objects[tree] = fmt.Sprintf("<< /Type /StructTreeRoot /K %d 0 R /ParentTree %d 0 R /ParentTreeNextKey 1 >>",
		document, parents)
	objects[document] = fmt.Sprintf("<< /Type /StructElem /S /Document /P %d 0 R /K [%s] >>", tree, all)
	objects[parents] = fmt.Sprintf("<< /Nums [0 [%s]] >>", all)

	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	table := fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for i := 1; i <= len(objects); i++ {
		table += fmt.Sprintf("%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i, objects[i])
	}
	start := out.Len()
	fmt.Fprintf(&out, "%strailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n",
		table, len(objects)+1, catalog, info, start)
	return out.Bytes()
}

// pdfText returns a string of a PDF. WinAnsiEncoding has the letters of Latin-1 at their own numbers.
func pdfText(text string) string {
	var out strings.Builder
	out.WriteByte('(')
	for _, r := range text {
		switch {
		case r == '(' || r == ')' || r == '\\':
			out.WriteString(`\` + string(r))
		case r < 0x80:
			out.WriteRune(r)
		default:
			fmt.Fprintf(&out, `\%03o`, r)
		}
	}
	out.WriteByte(')')
	return out.String()
}

// wrap breaks a text into lines.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
