package ui

import (
	"log/slog"
	"net/http"

	"github.com/carrelhq/carrel/internal/httpserve"
)

// LogRequests writes a log line of each request. That of an error page is written with the error, by [UI.Wrap].
func (u *UI) LogRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { // also if the answer was broken off by a panic
			httpserve.WriterOf(w).Log(r, u.Log, slog.LevelInfo, "page", slog.String("method", r.Method))
		}()
		next.ServeHTTP(w, r)
	})
}
