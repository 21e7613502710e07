package ui

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

//go:embed texts/*.json
var textFiles embed.FS

// Texts is everything that the pages say in one language.
type Texts struct {
	// Code is the language's code in URLs, cookies and HTML; Name is the language's own name.
	Code, Name string
	messages   map[string][]Span
	numbers    *message.Printer
}

// Span is a part of a message. It is plain text; the template turns its markup into HTML.
type Span struct {
	Text string
	Markup

	// placeholder is the name of the {placeholder} that Text stands for.
	placeholder string
	// bracket is the number of the [brackets] that the span stands in, from 1; zero outside.
	bracket int
}

// Markup is what a template makes of a span.
type Markup struct {
	// Href makes it a link, whose data-testid is TestID.
	Href, TestID string
	// Bold is for names.
	Bold bool
	// Datetime makes it a time, and is its machine-readable form.
	Datetime string
}

// InBrackets reports whether the message has the span in brackets.
func (s Span) InBrackets() bool { return s.bracket > 0 }

// Value is a value for a placeholder, with its markup.
type Value struct {
	Text string
	Markup
}

// Bold is a value in bold type.
func Bold(text string) Value { return Value{text, Markup{Bold: true}} }

// Link is a value for brackets: it makes a link of them. TestID may be empty.
func Link(href, testID string) Value { return Value{"", Markup{Href: href, TestID: testID}} }

// loadTexts reads the texts of a language. It panics if they are malformed: they are part of the program.
func loadTexts(tag language.Tag, name string) *Texts {
	data, err := textFiles.ReadFile("texts/" + tag.String() + ".json")
	if err != nil {
		panic(fmt.Sprintf("ui: no texts in %s: %v", name, err))
	}
	var messages map[string]string
	if err := json.Unmarshal(data, &messages); err != nil {
		panic(fmt.Sprintf("ui: texts in %s: %v", name, err))
	}
	t := &Texts{Code: tag.String(), Name: name, messages: map[string][]Span{}, numbers: message.NewPrinter(tag)}
	for key, text := range messages {
		t.messages[key] = parseMessage(text)
	}
	return t
}

// parseMessage cuts a message at its {placeholders} and [brackets].
func parseMessage(text string) []Span {
	var spans []Span
	brackets, bracket := 0, 0
	add := func(s Span) {
		if s.bracket = bracket; s.Text != "" || s.placeholder != "" {
			spans = append(spans, s)
		}
	}
	for text != "" {
		i := strings.IndexAny(text, "{[]")
		if i < 0 {
			add(Span{Text: text})
			break
		}
		add(Span{Text: text[:i]})
		switch rest := text[i+1:]; text[i] {
		case '[':
			brackets++
			bracket, text = brackets, rest
		case ']':
			bracket, text = 0, rest
		case '{':
			name, after, _ := strings.Cut(rest, "}")
			add(Span{placeholder: name})
			text = after
		}
	}
	return spans
}

// Text returns a message as plain text. The arguments are names of placeholders and their values in turn.
func (t *Texts) Text(key string, args ...any) string {
	var b strings.Builder
	for _, s := range t.Spans(key, args...) {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Spans returns a message for a template to mark up. The arguments are names of placeholders and their values in turn;
// the values of "link" and "link2" make links of the message's first and second brackets.
func (t *Texts) Spans(key string, args ...any) []Span {
	parsed, ok := t.messages[key]
	if !ok {
		return []Span{{Text: key}} // a test ensures that this does not happen
	}
	spans := make([]Span, 0, len(parsed))
	for _, span := range parsed {
		if span.placeholder != "" {
			value := t.value(span.placeholder, args)
			span.Text, span.Markup = value.Text, value.Markup
		}
		if span.bracket == 0 {
			spans = append(spans, span)
			continue
		}
		if last := len(spans) - 1; last >= 0 && spans[last].bracket == span.bracket {
			spans[last].Text += span.Text // one link for all parts of a bracket
			continue
		}
		name := "link"
		if span.bracket > 1 {
			name = fmt.Sprint("link", span.bracket)
		}
		span.Markup = t.value(name, args).Markup
		spans = append(spans, span)
	}
	return spans
}

// value finds an argument by its name.
func (t *Texts) value(name string, args []any) Value {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			switch v := args[i+1].(type) {
			case Value:
				return v
			case int:
				return Value{Text: t.number(v)}
			default:
				return Value{Text: fmt.Sprint(v)}
			}
		}
	}
	return Value{}
}

// Count returns the message key.one or key.other, depending on a number, as plain text. The number is the value of the
// placeholder {n}.
func (t *Texts) Count(key string, n int, args ...any) string {
	return t.Text(plural(key, n), append([]any{"n", n}, args...)...)
}

// CountSpans is Count for a template to mark up.
func (t *Texts) CountSpans(key string, n int, args ...any) []Span {
	return t.Spans(plural(key, n), append([]any{"n", n}, args...)...)
}

func plural(key string, n int) string {
	if n == 1 {
		return key + ".one"
	}
	return key + ".other"
}

func (t *Texts) number(n int) string { return t.numbers.Sprint(number.Decimal(n)) }
