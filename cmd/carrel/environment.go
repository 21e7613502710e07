package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// variablePrefix begins the name of each environment variable of the program.
const variablePrefix = "CARREL_"

// unknownVariables returns a sentence for each environment variable that looks like a setting and is none.
func unknownVariables(known, environment []string) (sentences []string) {
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(known, name) || isForeign(name) {
			continue
		}
		hint := ""
		if nearest := nearestTo(name, known); nearest != "" {
			hint = ": did you mean " + nearest + "?"
		}
		sentences = append(sentences, "there is no setting "+name+", so this variable has no effect"+hint)
	}
	slices.Sort(sentences)
	return sentences
}

// isForeign reports whether a variable is not meant for the program: those of tests, and those that Kubernetes sets for
// a service named carrel.
func isForeign(name string) bool {
	name = strings.TrimPrefix(name, variablePrefix)
	return strings.HasPrefix(name, "TEST_") || strings.HasPrefix(name, "SERVICE_") || name == "PORT" ||
		strings.HasPrefix(name, "PORT_")
}

// knownVariables lists the environment variables of all commands.
func knownVariables(n *kong.Node) (names []string) {
	for _, f := range n.Flags {
		names = append(names, f.Envs...)
	}
	for _, child := range n.Children {
		names = append(names, knownVariables(child)...)
	}
	return append(names, "CARREL_MASTER_KEYS")
}

// unsetEmpty unsets the environment variables of the program that are empty, as a container's settings are that were
// left out: an empty path would be the current folder.
func unsetEmpty() {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value == "" && strings.HasPrefix(name, variablePrefix) {
			_ = os.Unsetenv(name)
		}
	}
}

// maxEdits is the distance up to which a name counts as a misspelling of another.
const maxEdits = 3

// nearestTo returns the name that differs least; empty if all differ much.
func nearestTo(name string, names []string) (nearest string) {
	least := maxEdits + 1
	for _, other := range names {
		if n := edits(name, other); n < least {
			nearest, least = other, n
		}
	}
	return nearest
}

// edits returns how many letters have to be added, removed or replaced to make one text of another.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// warnOfUnknownVariables says which environment variables have no effect: in the log of a server, and otherwise on the
// standard error.
func warnOfUnknownVariables(k *kong.Context, c *cli) {
	sentences := unknownVariables(knownVariables(k.Model.Node), os.Environ())
	for _, s := range sentences {
		if strings.HasPrefix(k.Command(), "serve") {
			newLog(c.Serve.LogFormat).Warn(s)
		} else {
			fmt.Fprintln(os.Stderr, "carrel: warning:", s)
		}
	}
}
