package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// maxRequestBody is how much of a request is read.
const maxRequestBody = 16 << 20

// endlessBytes is how much an answer holds that does not end in time.
const endlessBytes = 100 << 20

const htmlBody = "<!doctype html><html lang=\"nl\"><title>Even geduld</title><p>Deze site is in onderhoud.</p></html>\n"

// response is what will be said, so that a fault can still spoil it.
type response struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
	filed       int // entries that were filed
}

// send says it.
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
	_, _ = w.Write(a.body) // the client's loss only
}

// jsonResponse is an answer with a JSON body.
func jsonResponse(status int, contentType string, v any) response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return response{status: http.StatusInternalServerError} // cannot be: it was JSON before
	}
	return response{status: status, contentType: contentType, body: b.Bytes()}
}

// sendEndless sends more than anybody should read.
func writeEndless(w http.ResponseWriter, contentType string, begin []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(begin)
	blanks := bytes.Repeat([]byte{' '}, 64<<10)
	for sent := 0; err == nil && sent < endlessBytes; sent += len(blanks) {
		_, err = w.Write(blanks)
	}
}

// sendHalf says that more will come than does, and cuts the connection.
func (a response) writeTruncated(w http.ResponseWriter) {
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)+1))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2]) // it is cut in any case
	_ = http.NewResponseController(w).Flush()
	abortConnection(w)
}

// hangUp cuts the connection without another word.
func abortConnection(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the same, as net/http has it
	}
	resetConn(c)
}

// sleep waits, and says whether anybody is still there afterwards; if not, the
// connection is cut.
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
