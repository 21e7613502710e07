package ui

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/httpserve"
)

// maxFormSize bounds the body of a form, in bytes.
const maxFormSize = 64 << 10

// LimitBody bounds the size of a request's body.
func LimitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxFormSize)
		next.ServeHTTP(w, r)
	})
}

// LimitRequests shows the page of a busy server to an address that has too many requests under way.
func (u *UI) LimitRequests(limit *httpserve.RequestLimit) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			leave, ok := limit.Acquire(r)
			if !ok {
				if body := httpserve.WriterOf(w).Body(); body != nil {
					body.EndReads() // it is not waited for
				}
				u.handleError(w, r, PageBusy.Wrap(errors.New("the client has too many requests under way")))
				return
			}
			defer leave()
			next.ServeHTTP(w, r)
		})
	}
}

// parseForm parses a form. It refuses fields that no browser sends from a page of this site.
func parseForm(r *http.Request) error {
	err := r.ParseForm()
	hasFile := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
	if err == nil && hasFile {
		err = r.ParseMultipartForm(maxFormSize) // nothing goes to disk: LimitBody allows no more
	}
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			if hasFile {
				return PageBadFile.Wrap(errors.New("file is too large"))
			}
			status = http.StatusRequestEntityTooLarge
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			status = http.StatusRequestTimeout
		}
		return PageBadForm.WithStatus(status).Wrap(errors.New("form does not parse")) // err quotes the form
	}
	for name, values := range r.PostForm {
		if len(values) != 1 || !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return BadForm("form has a field twice, or one that is not UTF-8")
		}
	}
	return nil
}
