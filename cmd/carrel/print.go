package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
)

// printJSON prints one value for a program.
func printJSON(v any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// views is what is printed of each of a list; never nil, so that JSON has an array.
func views[T, V any](list []T, view func(T) V) []V {
	out := make([]V, 0, len(list))
	for _, t := range list {
		out = append(out, view(t))
	}
	return out
}

// printTable prints a list for a person.
func printTable[V any](list []V, head string, row func(V) string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, head)
	for _, v := range list {
		_, _ = fmt.Fprintln(w, row(v))
	}
	return w.Flush()
}
