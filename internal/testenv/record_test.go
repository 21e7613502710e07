package testenv_test

import (
	"fmt"
	"testing"
)

// A recorder is a test that only notes how it ended.
type recorder struct {
	testing.TB
	skipped, failed bool
	why             string
}

// ended is what a recorder panics with to leave the function under test.
type ended struct{}

// record runs f on a test whose end does not end t.
func record(t *testing.T, f func(testing.TB)) (r *recorder) {
	t.Helper()
	r = &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != (ended{}) {
			panic(p)
		}
	}()
	f(r)
	return r
}

func (r *recorder) Skip(args ...any) {
	r.skipped, r.why = true, fmt.Sprint(args...)
	panic(ended{})
}

func (r *recorder) Skipf(format string, args ...any) { r.Skip(fmt.Sprintf(format, args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.failed, r.why = true, fmt.Sprintf(format, args...)
	panic(ended{})
}
