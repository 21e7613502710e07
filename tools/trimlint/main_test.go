package main

import (
	"slices"
	"testing"
)

func TestEnabledNames(t *testing.T) {
	const head = "version: \"2\"\n"
	for _, tt := range []struct {
		name, text string
		want       []string
		ok         bool
	}{
		{"linters and formatters", head + "linters: {default: none, enable: [errcheck, revive]}\n" +
			"formatters: {enable: [gofmt]}\n", []string{"errcheck", "revive", "gofmt"}, true},
		{"the default linters", head + "linters: {enable: [revive]}\n", nil, false},
		{"no YAML", "{", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := enabledNames([]byte(tt.text))
			if (err == nil) != tt.ok || !slices.Equal(got, tt.want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestTrim(t *testing.T) {
	const in = `package builder

import (
	"github.com/golangci/golangci-lint/v2/pkg/config"
	"github.com/golangci/golangci-lint/v2/pkg/goformatters/gofmt"
	"github.com/golangci/golangci-lint/v2/pkg/goformatters/swaggo"
	"github.com/golangci/golangci-lint/v2/pkg/golinters"
	err113 "github.com/golangci/golangci-lint/v2/pkg/golinters/goerr113"
	"github.com/golangci/golangci-lint/v2/pkg/golinters/revive"
)

// Build builds them.
func Build(c *config.Config) (all []any) {
	settings := &c.Err113
	for _, name := range []string{gofmt.Name, swaggo.Name} {
		if name == gofmt.Name {
			all = append(all, gofmt.New(c))
		}
		if name == swaggo.Name {
			all = append(all, swaggo.New(c))
		}
	}
	return append(all, []any{
		linter.NewConfig(err113.New(settings)).
			WithURL("x"),
		linter.NewConfig(golinters.NewTypecheck()),
		linter.NewConfig(revive.New(&c.Revive)).WithURL("y"),
	}...)
}
`
	const want = `package builder

import (
	"github.com/golangci/golangci-lint/v2/pkg/config"
	"github.com/golangci/golangci-lint/v2/pkg/goformatters/gofmt"

	"github.com/golangci/golangci-lint/v2/pkg/golinters"

	"github.com/golangci/golangci-lint/v2/pkg/golinters/revive"
)

func Build(c *config.Config) (all []any) {

	for _, name := range []string{gofmt.Name} {
		if name == gofmt.Name {
			all = append(all, gofmt.New(c))
		}

	}
	return append(all, []any{

		linter.NewConfig(golinters.NewTypecheck()),
		linter.NewConfig(revive.New(&c.Revive)).WithURL("y"),
	}...)
}
`
	got, err := trim([]byte(in), []string{"revive", "gofmt"})
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := trim([]byte("no Go"), nil); err == nil {
		t.Error("trims what is no Go")
	}
}
