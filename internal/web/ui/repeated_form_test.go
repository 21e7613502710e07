package ui_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/ui"
)

// formOf is a form that a browser sends.
func formOf(ctx context.Context, u *ui.UI, browser, value string) (form *http.Request) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/sign-in", nil)
	r.AddCookie(&http.Cookie{Name: "carrel_visit", Value: browser})
	r.PostForm = url.Values{"email": {value}}
	u.LoadBrowser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { form = r })).
		ServeHTTP(httptest.NewRecorder(), r)
	return form
}

// TestOnce sends one form twice, while its work is being done and afterwards.
func TestOnce(t *testing.T) {
	t.Parallel()
	u := ui.New(ui.Config{PublicURL: &url.URL{Scheme: "http", Host: "localhost"}, Zone: time.UTC})
	var times atomic.Int32
	begun, goOn := make(chan struct{}, 1), make(chan struct{})
	send := func(r *http.Request, keep time.Duration, fault error) (int32, error) {
		return ui.Once(u, r, keep, func(ctx context.Context) (int32, error) {
			n := times.Add(1)
			begun <- struct{}{}
			<-goOn
			return n, errors.Join(fault, ctx.Err())
		})
	}
	type result struct {
		n   int32
		err error
	}
	results := make(chan result, 2)
	press := func(r *http.Request, keep time.Duration, fault error) {
		n, err := send(r, keep, fault)
		results <- result{n, err}
	}

	// The browser gives the first answer up when the button is pressed again.
	ctx, cancel := context.WithCancel(t.Context())
	go press(formOf(ctx, u, "browser", "a"), time.Hour, nil)
	<-begun
	go press(formOf(t.Context(), u, "browser", "a"), time.Hour, nil)
	cancel()
	close(goOn)
	for range 2 {
		if got := <-results; got != (result{1, nil}) {
			t.Errorf("pressed twice: %+v", got)
		}
	}
	if n, err := send(formOf(t.Context(), u, "browser", "a"), time.Hour, nil); n != 1 || err != nil {
		t.Errorf("a moment later: %d, %v", n, err)
	}
	// Another browser, another value, and a form whose work has failed or is not kept, do it anew.
	want := int32(1)
	fault := errors.New("wrong")
	for _, tt := range []struct {
		browser, value string
		fault          error
	}{
		{"other", "a", nil}, {"browser", "b", fault}, {"browser", "b", fault}, {"browser", "c", nil},
		{"browser", "c", nil},
	} {
		want++
		n, err := send(formOf(t.Context(), u, tt.browser, tt.value), 0, tt.fault)
		<-begun
		if n != want || !errors.Is(err, tt.fault) {
			t.Errorf("%+v: %d, %v, want %d", tt, n, err, want)
		}
	}
}
