package medmij

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxList bounds a list.
const maxListBytes = 64 << 20

// maxText bounds the text of one element.
const maxTextBytes = 4 << 10

// element is what a list may hold in one place: the sequence of its XSD, as data.
// "A receiver validates against the XSD before use" (XML-schema's, Interfaces lijsten).
type element struct {
	name     string
	optional bool
	repeated bool
	// of are the elements within, in this order; empty for an element with text.
	children []element
	// anyOrder says that those within may come in any order, each at most once.
	anyOrder bool
	// text takes the text. Beside of, the element may hold either.
	text func(string) error
	// begin and end are told of the element.
	start func()
	end   func() error
}

// walker reads a document by its schema.
type schemaDecoder struct {
	d     *xml.Decoder
	space string
}

// parse reads one list: XML 1.0 in UTF-8, one root of a namespace that open knows,
// no document type, no entities, no attributes. open returns the schema for the
// namespace, or false.
func parse(from io.Reader, root string, open func(namespace string) (element, bool)) error {
	bounded := &io.LimitedReader{R: from, N: maxListBytes + 1}
	d := xml.NewDecoder(bounded)
	err := parseRoot(d, root, open)
	if bounded.N <= 0 {
		return fmt.Errorf("longer than %d MiB", maxListBytes>>20)
	}
	if err != nil {
		line, _ := d.InputPos()
		return fmt.Errorf("line %d: %w", line, err)
	}
	return nil
}

func parseRoot(d *xml.Decoder, root string, open func(string) (element, bool)) error {
	w := schemaDecoder{d: d}
	for first := true; ; first = false {
		token, err := w.nextToken()
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
			e, ok := open(t.Name.Space)
			if t.Name.Local != root {
				return fmt.Errorf("the root is %s, not %s", quote(t.Name.Local), root)
			}
			if !ok {
				return fmt.Errorf("%s of the namespace %s, which is none of the known releases", root, quote(t.Name.Space))
			}
			w.space = t.Name.Space
			// Published lists say in the root where their schema is, by an attribute of
			// XML Schema itself, which every schema allows.
			for _, a := range t.Attr {
				if !namespaceDeclaration(a) && a.Name.Space != "http://www.w3.org/2001/XMLSchema-instance" {
					return fmt.Errorf("%s: an attribute", root)
				}
			}
			if err := w.readElement(e); err != nil {
				return err
			}
			return w.readTrailer()
		}
	}
}

func namespaceDeclaration(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns"
}

// next returns the next token that is no comment, and refuses document types.
func (w *schemaDecoder) nextToken() (xml.Token, error) {
	for {
		t, err := w.d.Token()
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

// rest reads what follows the root: nothing but space and comments.
func (w *schemaDecoder) readTrailer() error {
	for {
		t, err := w.d.Token()
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

// within reads an element whose start has been read.
func (w *schemaDecoder) readElement(e element) error {
	if e.start != nil {
		e.start()
	}
	if err := w.readContent(e); err != nil {
		return err
	}
	if e.end != nil {
		if err := e.end(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func (w *schemaDecoder) readContent(e element) error {
	var text strings.Builder
	seq := childOrder{e: e, seen: make([]int, len(e.children))}
	children := false
	for {
		token, err := w.nextToken()
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		switch t := token.(type) {
		case xml.CharData:
			if text.Len()+len(t) > maxTextBytes {
				return fmt.Errorf("%s: a text that is too long", e.name)
			}
			text.Write(t)
		case xml.StartElement:
			children = true
			child, err := seq.next(t, w.space)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			if e.text == nil && text.Len() > 0 {
				if err := checkBlank(xml.CharData(text.String())); err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
				text.Reset()
			}
			if err := w.readElement(child); err != nil {
				return err
			}
		case xml.EndElement:
			if e.text != nil && !children {
				if err := e.text(text.String()); err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
				return nil
			}
			if err := checkBlank(xml.CharData(text.String())); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			if err := seq.complete(); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			return nil
		default:
			return fmt.Errorf("%s: a processing instruction", e.name)
		}
	}
}

// order checks a sequence.
type childOrder struct {
	e        element
	position int
	seen     []int
}

// take finds the element that starts among those that may come next.
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
	if o.e.anyOrder {
		from = 0
	}
	for i := from; i < len(o.e.children); i++ {
		child := o.e.children[i]
		if child.name == t.Name.Local {
			if o.seen[i] > 0 && !child.repeated {
				return element{}, fmt.Errorf("a second %s", child.name)
			}
			o.seen[i]++
			o.position = i
			return child, nil
		}
		if o.seen[i] == 0 && !child.optional && !o.e.anyOrder {
			return element{}, fmt.Errorf("%s where %s must come", quote(t.Name.Local), child.name)
		}
	}
	return element{}, fmt.Errorf("%s is not expected here", quote(t.Name.Local))
}

// complete checks that nothing is missing.
func (o *childOrder) complete() error {
	for i, child := range o.e.children {
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

// quote shows a name that a list has where it must not, cut to a bearable length.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
