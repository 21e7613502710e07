package provider

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
)

// Response is a server's response.
type Response struct {
	Status int
	Header http.Header
	// Body is nil unless all of it was received and it is within the limit.
	Body []byte
	// BodyError says why Body is nil; it is empty if the body was read.
	BodyError BodyError
}

// BodyError is the reason why a response body could not be read. Its text continues a
// sentence: "the answer was cut off".
type BodyError string

// The reasons.
const (
	BodyTruncated BodyError = "was cut off"
	BodyTooLong   BodyError = "is too long"
)

// readBody reads a body of at most limit bytes.
func readBody(from io.Reader, limit int64) ([]byte, BodyError) {
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return nil, BodyTruncated
	case int64(len(body)) > limit:
		return nil, BodyTooLong
	}
	return body, ""
}

// TrimBOM removes a UTF-8 byte order mark, with which some servers begin a body.
// RFC 8259 forbids it in JSON, and encoding/xml takes it for text.
func TrimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }

// jsonBody returns the body if it is JSON, else nil.
func jsonBody(body []byte) []byte {
	if body = TrimBOM(body); len(body) > 0 && json.Valid(body) {
		return body
	}
	return nil
}

// isWebPage reports whether a response is an HTML page.
func isWebPage(r Response) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (mediaType == "text/html" || mediaType == "application/xhtml+xml")
}
