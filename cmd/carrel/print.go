package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// printJSON prints a value as JSON.
func printJSON(v any) error { return encodeJSON(os.Stdout, v) }

func encodeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// views converts each element of a list for printing. The result is never nil, so that JSON has an array.
func views[T, V any](list []T, view func(T) V) []V {
	out := make([]V, 0, len(list))
	for _, t := range list {
		out = append(out, view(t))
	}
	return out
}

// printTable prints a list as a table with a row for each element.
func printTable[V any](list []V, head string, row func(V) string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, head)
	for _, v := range list {
		_, _ = fmt.Fprintln(w, row(v))
	}
	return w.Flush()
}

// detail is a line about one thing.
type detail struct{ name, value string }

// printDetails prints what is known of one thing, a line for each detail that it has.
func printDetails(list []detail) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, d := range list {
		if d.value != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", d.name, strings.ReplaceAll(d.value, "\n", "\n\t"))
		}
	}
	return w.Flush()
}

// plural returns the word for one of something, or the one for several.
func plural[N int | int64](n N, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// count returns a number with its noun, whose plural ends with an s unless it is given.
func count[N int | int64](n N, noun string, several ...string) string {
	nouns := noun + "s"
	if len(several) > 0 {
		nouns = several[0]
	}
	return fmt.Sprintf("%d %s", n, plural(n, noun, nouns))
}
