package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// explainMisuse makes one sentence of what is wrong with the command line, and says where to find help. The context is
// as far as the command line could be parsed. It returns nil for nil.
func explainMisuse(err error, k *kong.Context) error {
	if err == nil {
		return nil
	}
	command := "carrel"
	if k != nil {
		for _, p := range k.Path {
			if p.Command != nil {
				command = p.Command.FullPath()
			}
		}
	}
	text := strings.ReplaceAll(strings.TrimRight(err.Error(), ". \n"), "\n", "; ")
	if command == "carrel" && strings.HasPrefix(text, "expected one of") {
		text = "a command is missing" // the list of all is long
	}
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	explained := fmt.Errorf("%s For help: %s --help", text, command)
	var misuse *kong.ParseError
	if errors.As(err, &misuse) {
		return exitError{explained, misuse.ExitCode()}
	}
	return explained
}

// contextOf returns how far the command line could be parsed; nil if the error does not say.
func contextOf(err error) *kong.Context {
	var misuse *kong.ParseError
	if errors.As(err, &misuse) {
		return misuse.Context
	}
	return nil
}
