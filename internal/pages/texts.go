package pages

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

// texts is everything that the pages say in one language.
type texts struct {
	// Code is the language's code in URLs, cookies and HTML; Name is its own name.
	Code, Name string
	messages   map[string][]piece
	numbers    *message.Printer
}

// piece is a part of a message. Texts are plain text: a piece says what may be made
// of it, the template does the markup.
type piece struct {
	Text string
	// name is that of the {placeholder} that Text is put for.
	name string
	// linked is the number of the [brackets] that the piece stands in, from 1.
	linked int

	mark
}

// mark is what a template puts around a piece.
type mark struct {
	// Href makes it a link, TestID names that for tests.
	Href, TestID string
	// Bold is for names.
	Bold bool
	// Datetime is the machine's form of a time.
	Datetime string
}

// Linked says that the piece stands in brackets.
func (p piece) Linked() bool { return p.linked > 0 }

// marked is a value for a placeholder that has a mark.
type marked struct {
	Text string
	mark
}

// languages are those that the pages speak, the fallback first.
type languages struct {
	all     []*texts
	matcher language.Matcher
}

func loadLanguages() *languages {
	all := []*texts{
		loadTexts(language.English, "English"),
		loadTexts(language.Dutch, "Nederlands"),
	}
	return &languages{all: all, matcher: language.NewMatcher([]language.Tag{language.English, language.Dutch})}
}

// loadTexts reads a catalogue that is part of the program: a fault in it is one of
// the program's.
func loadTexts(tag language.Tag, name string) *texts {
	data, err := textFiles.ReadFile("texts/" + tag.String() + ".json")
	if err != nil {
		panic(fmt.Sprintf("pages: no texts in %s: %v", name, err))
	}
	var catalogue map[string]string
	if err := json.Unmarshal(data, &catalogue); err != nil {
		panic(fmt.Sprintf("pages: texts in %s: %v", name, err))
	}
	t := &texts{Code: tag.String(), Name: name, messages: make(map[string][]piece, len(catalogue)), numbers: message.NewPrinter(tag)}
	for key, text := range catalogue {
		t.messages[key] = parseMessage(text)
	}
	return t
}

// parseMessage cuts a message at its {placeholders} and [brackets].
func parseMessage(text string) []piece {
	var pieces []piece
	links, linked := 0, 0
	add := func(p piece) {
		if p.linked = linked; p.Text != "" || p.name != "" {
			pieces = append(pieces, p)
		}
	}
	for text != "" {
		i := strings.IndexAny(text, "{[]")
		if i < 0 {
			add(piece{Text: text})
			break
		}
		add(piece{Text: text[:i]})
		switch rest := text[i+1:]; text[i] {
		case '[':
			links++
			linked, text = links, rest
		case ']':
			linked, text = 0, rest
		case '{':
			name, after, _ := strings.Cut(rest, "}")
			add(piece{name: name})
			text = after
		}
	}
	return pieces
}

// find looks a language up by a tag as people and programs write it: "nl", "nl-BE",
// "en_GB". It returns nil for one that the pages do not speak.
func (l *languages) find(wanted ...language.Tag) *texts {
	if len(wanted) == 0 {
		return nil
	}
	_, index, confidence := l.matcher.Match(wanted...)
	if confidence == language.No {
		return nil
	}
	return l.all[index]
}

// text is a message as plain text. Its arguments are names and values in turn.
func (t *texts) text(key string, args ...any) string {
	var b strings.Builder
	for _, p := range t.say(key, args...) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// say is a message in pieces, for a template to mark up. Its arguments are names
// and values in turn; those named "link" and "link2" are for its brackets.
func (t *texts) say(key string, args ...any) []piece {
	message, ok := t.messages[key]
	if !ok {
		return []piece{{Text: key}} // a test sees to it that this does not happen
	}
	said := make([]piece, 0, len(message))
	for _, p := range message {
		if p.name != "" {
			value := t.value(p.name, args)
			p.Text, p.mark = value.Text, value.mark
		}
		if p.linked == 0 {
			said = append(said, p)
			continue
		}
		if last := len(said) - 1; last >= 0 && said[last].linked == p.linked {
			said[last].Text += p.Text // one link, not one for each part of it
			continue
		}
		name := "link"
		if p.linked > 1 {
			name = fmt.Sprint("link", p.linked)
		}
		p.mark = t.value(name, args).mark
		said = append(said, p)
	}
	return said
}

// value finds an argument by its name.
func (t *texts) value(name string, args []any) marked {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			switch v := args[i+1].(type) {
			case marked:
				return v
			case int:
				return marked{Text: t.number(v)}
			default:
				return marked{Text: fmt.Sprint(v)}
			}
		}
	}
	return marked{}
}

// count is a message that depends on a number: key.one or key.other.
func (t *texts) count(key string, n int, args ...any) string {
	return t.text(plural(key, n), append([]any{"n", n}, args...)...)
}

func plural(key string, n int) string {
	if n == 1 {
		return key + ".one"
	}
	return key + ".other"
}

func (t *texts) number(n int) string { return t.numbers.Sprint(number.Decimal(n)) }
