package ui

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// WaitErrorOf returns the error of a person who has tried too often and has to wait; nil if err is another.
func WaitErrorOf(err error) *library.WaitError {
	var wait *library.WaitError
	if errors.As(err, &wait) && wait.After > 0 {
		return wait
	}
	if wait != nil {
		return &library.WaitError{After: time.Second, Creations: wait.Creations}
	}
	return nil
}

// WaitMessage says how long to wait, in whole minutes.
func (t *Texts) WaitMessage(wait *library.WaitError) []Span {
	key, minutes := "sign_in.error.wait", int(math.Ceil(wait.After.Minutes()))
	if wait.Creations {
		key = "create.error.wait"
	}
	return t.Spans(plural(key, minutes), "minutes", minutes)
}

// RenderWait shows a form again to a person who has tried too often.
func (u *UI) RenderWait(w http.ResponseWriter, name string, data Data, wait *library.WaitError) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.After.Seconds()))))
	return u.Render(w, http.StatusTooManyRequests, name, data)
}
