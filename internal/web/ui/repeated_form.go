package ui

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"time"
)

// A person presses a button twice, and the browser sends the form twice. For most forms the second press finds that
// there is nothing left to do. Where each press would do its work anew, such as to sign in, the page does it with
// [Once], so that it is done, and stands in the person's activity, one time.

// RepeatedLogin is how long the result of a form that signs in or makes a recovery code is kept, for [Once]. A browser
// that has signed in has other cookies, and so sends another form.
const RepeatedLogin = 10 * time.Second

var errPanicked = errors.New("the work of the form has panicked")

// repeats are the forms whose work is being done, or was done a moment ago.
type repeats struct {
	mu    sync.Mutex
	forms map[formKey]*formWork
}

// formKey is a hash of a form and of who sent it: of the browser, of its login, and of everything that it says.
type formKey [sha256.Size]byte

// formWork is the work of a form. Result and err are set when done is closed.
type formWork struct {
	done   chan struct{}
	result any
	err    error
}

func keyOf(r *http.Request) formKey {
	b := BrowserOf(r)
	text := b.LoginSecret.Reveal() + "\x00" + r.URL.RequestURI() + "\x00" + r.PostForm.Encode()
	return sha256.Sum256([]byte(b.mac(text)))
}

// Once does the work of a form, and returns its result. If the same browser sends the same form while that work is
// being done, or for so long after it has succeeded, Once returns the same result and does not do it again. The work
// goes on if the browser closes the connection, which it does when the button is pressed again.
func Once[T any](
	u *UI, r *http.Request, keep time.Duration, work func(context.Context) (T, error),
) (T, error) {
	key := keyOf(r)
	u.repeats.mu.Lock()
	form, repeated := u.repeats.forms[key]
	if !repeated {
		form = &formWork{done: make(chan struct{})}
		u.repeats.forms[key] = form
	}
	u.repeats.mu.Unlock()
	if repeated {
		select {
		case <-form.done:
		case <-r.Context().Done():
			var none T
			return none, r.Context().Err()
		}
		result, _ := form.result.(T)
		return result, form.err
	}
	form.err = errPanicked // until the work is done
	defer func() {
		if form.err == nil && keep > 0 {
			time.AfterFunc(keep, func() { u.repeats.forget(key) })
		} else {
			u.repeats.forget(key)
		}
		close(form.done)
	}()
	ctx := context.WithoutCancel(r.Context())
	if deadline, ok := r.Context().Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	result, err := work(ctx)
	form.result, form.err = result, err
	return result, err
}

func (s *repeats) forget(key formKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.forms, key)
}
