package library_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
)

// must is [carreltest.Must]; these tests say it in every line.
func must[T any](v T, err error) func(testing.TB) T { return carreltest.Must(v, err) }
