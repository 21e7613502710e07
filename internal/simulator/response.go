package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// maxRequestBody is the longest request body.
const maxRequestBody = 16 << 20

// endlessBytes is the length of an endless response.
const endlessBytes = 100 << 20

const htmlBody = "<!doctype html><html lang=\"nl\"><title>Even geduld</title><p>Deze site is in onderhoud.</p></html>\n"

// response is a response that has not been sent, so that a failure can still change it.
type response struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
	filed       int // the number of filed resources
}

// write sends the response.
func (a response) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.contentType != "" && len(a.body) > 0 {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // it fails if the client has closed the connection
}

// htmlResponse returns a response with an HTML page, as from a proxy or a captive portal.
func htmlResponse(status int) response {
	return response{status: status, contentType: "text/html; charset=utf-8", body: []byte(htmlBody)}
}

// jsonResponse returns a response with a JSON body.
func jsonResponse(status int, contentType string, v any) response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return response{status: http.StatusInternalServerError} // unreachable: v has only JSON types
	}
	return response{status: status, contentType: contentType, body: b.Bytes()}
}

// writeEndless sends a response that is longer than a client should read.
func writeEndless(w http.ResponseWriter, contentType string, begin []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(begin)
	blanks := bytes.Repeat([]byte{' '}, 64<<10)
	for sent := 0; err == nil && sent < endlessBytes; sent += len(blanks) {
		_, err = w.Write(blanks)
	}
}

// writeTruncated sends half of the body and resets the connection.
func (a response) writeTruncated(w http.ResponseWriter) {
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)+1))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2]) // the connection is reset in any case
	_ = http.NewResponseController(w).Flush()
	abortConnection(w)
}

// abortConnection resets the connection of a request.
func abortConnection(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http then closes the connection
	}
	resetConn(c)
}

// waitOrAbort waits for d and reports whether the client has kept the connection open. If not, it
// resets the connection.
func waitOrAbort(w http.ResponseWriter, r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		abortConnection(w)
		return false
	}
}
