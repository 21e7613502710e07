package medmij

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxListBytes is the longest list.
const maxListBytes = 64 << 20

// maxTextBytes is the longest text of an element.
const maxTextBytes = 4 << 10

// element is an element declaration of an XSD, as data. "A receiver validates against
// the XSD before use" (XML-schema's, Interfaces lijsten).
type element struct {
	name     string
	optional bool
	repeated bool
	// children are the child elements in order; empty for an element with text.
	children []element
	// anyOrder allows the children in any order, each at most once.
	anyOrder bool
	// text checks and stores the text. An element with children and text may have either.
	text func(string) error
	// start and end are called at the start and the end of the element.
	start func()
	end   func() error
}

// schemaDecoder reads a document and checks it against a schema.
type schemaDecoder struct {
	xml   *xml.Decoder
	space string // the namespace of all elements
}

// parse reads a list: XML 1.0 in UTF-8 without document type, entities and attributes.
// schemaOf returns the declaration of the root in a namespace, or false.
func parse(from io.Reader, root string, schemaOf func(space string) (element, bool)) error {
	bounded := &io.LimitedReader{R: from, N: maxListBytes + 1}
	d := xml.NewDecoder(bounded)
	err := parseRoot(d, root, schemaOf)
	if bounded.N <= 0 {
		return fmt.Errorf("longer than %d MiB", maxListBytes>>20)
	}
	if err != nil {
		line, _ := d.InputPos()
		return fmt.Errorf("line %d: %w", line, err)
	}
	return nil
}

func parseRoot(d *xml.Decoder, root string, schemaOf func(string) (element, bool)) error {
	decoder := schemaDecoder{xml: d}
	for first := true; ; first = false {
		token, err := decoder.nextToken()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return errors.New("a processing instruction")
			}
		case xml.CharData:
			if err := checkBlank(t); err != nil {
				return err
			}
		case xml.StartElement:
			e, ok := schemaOf(t.Name.Space)
			if t.Name.Local != root {
				return fmt.Errorf("the root is %s, not %s", quote(t.Name.Local), root)
			}
			if !ok {
				return fmt.Errorf("%s of the namespace %s, which is none of the known releases",
					root, quote(t.Name.Space))
			}
			decoder.space = t.Name.Space
			// Published lists have an xsi:schemaLocation in the root, which XML Schema allows
			// in every document.
			for _, a := range t.Attr {
				if !namespaceDeclaration(a) && a.Name.Space != "http://www.w3.org/2001/XMLSchema-instance" {
					return fmt.Errorf("%s: an attribute", root)
				}
			}
			if err := decoder.readElement(e); err != nil {
				return err
			}
			return decoder.readTrailer()
		}
	}
}

func namespaceDeclaration(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns"
}

// nextToken returns the next token that is not a comment. Directives, such as a document
// type, are errors.
func (d *schemaDecoder) nextToken() (xml.Token, error) {
	for {
		t, err := d.xml.Token()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it ends too early")
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return nil, errors.New("not well-formed XML: " + syntax.Msg)
			}
			return nil, fmt.Errorf("read: %w", err)
		}
		switch t.(type) {
		case xml.Comment:
		case xml.Directive:
			return nil, errors.New("a document type, or another directive")
		default:
			return t, nil
		}
	}
}

// readTrailer reads what follows the root: only white space and comments.
func (d *schemaDecoder) readTrailer() error {
	for {
		t, err := d.xml.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("not well-formed XML after the root")
		}
		switch t := t.(type) {
		case xml.Comment:
		case xml.CharData:
			if err := checkBlank(t); err != nil {
				return err
			}
		default:
			return errors.New("something after the root")
		}
	}
}

// readElement reads an element whose start has been read.
func (d *schemaDecoder) readElement(e element) error {
	if e.start != nil {
		e.start()
	}
	if err := d.readContent(e); err != nil {
		return err
	}
	if e.end != nil {
		if err := e.end(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// readContent reads the content and the end of an element.
func (d *schemaDecoder) readContent(declared element) error {
	var text strings.Builder
	order := childOrder{parent: declared, seen: make([]int, len(declared.children))}
	hasChildren := false
	for {
		token, err := d.nextToken()
		if err != nil {
			return fmt.Errorf("%s: %w", declared.name, err)
		}
		switch t := token.(type) {
		case xml.CharData:
			if text.Len()+len(t) > maxTextBytes {
				return fmt.Errorf("%s: a text that is too long", declared.name)
			}
			text.Write(t)
		case xml.StartElement:
			hasChildren = true
			child, err := order.next(t, d.space)
			if err == nil && declared.text == nil {
				err = checkBlank(xml.CharData(text.String()))
				text.Reset()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", declared.name, err)
			}
			if err := d.readElement(child); err != nil {
				return err
			}
		case xml.EndElement:
			err := declared.checkEnd(text.String(), hasChildren, order)
			if err != nil {
				return fmt.Errorf("%s: %w", declared.name, err)
			}
			return nil
		default:
			return fmt.Errorf("%s: a processing instruction", declared.name)
		}
	}
}

// checkEnd checks the content of an element when it ends.
func (e element) checkEnd(text string, hasChildren bool, order childOrder) error {
	if e.text != nil && !hasChildren {
		return e.text(text)
	}
	if err := checkBlank(xml.CharData(text)); err != nil {
		return err
	}
	return order.complete()
}

// childOrder checks the order and the number of child elements.
type childOrder struct {
	parent   element
	position int
	seen     []int
}

// next returns the declaration of the child that starts.
func (o *childOrder) next(t xml.StartElement, space string) (element, error) {
	if t.Name.Space != space {
		return element{}, fmt.Errorf("%s is of another namespace", quote(t.Name.Local))
	}
	for _, a := range t.Attr {
		if !namespaceDeclaration(a) {
			return element{}, fmt.Errorf("%s: an attribute", quote(t.Name.Local))
		}
	}
	from := o.position
	if o.parent.anyOrder {
		from = 0
	}
	for i := from; i < len(o.parent.children); i++ {
		child := o.parent.children[i]
		if child.name == t.Name.Local {
			if o.seen[i] > 0 && !child.repeated {
				return element{}, fmt.Errorf("a second %s", child.name)
			}
			o.seen[i]++
			o.position = i
			return child, nil
		}
		if o.seen[i] == 0 && !child.optional && !o.parent.anyOrder {
			return element{}, fmt.Errorf("%s where %s must come", quote(t.Name.Local), child.name)
		}
	}
	return element{}, fmt.Errorf("%s is not expected here", quote(t.Name.Local))
}

// complete checks that no child is missing.
func (o *childOrder) complete() error {
	for i, child := range o.parent.children {
		if o.seen[i] == 0 && !child.optional {
			return fmt.Errorf("%s is missing", child.name)
		}
	}
	return nil
}

func checkBlank(t xml.CharData) error {
	if strings.TrimLeft(string(t), " \t\r\n") != "" {
		return errors.New("text where only elements may be")
	}
	return nil
}

// quote returns a text of a list for an error message, truncated.
func quote(s string) string {
	const maxQuoted = 60
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "…"
	}
	return fmt.Sprintf("%q", s)
}
