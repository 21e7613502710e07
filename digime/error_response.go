package digime

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxErrorBody is the largest part of an error's body that is read, unless the body may contain a provider's response.
const maxErrorBody = 1 << 20

// errorOf returns the [*Error] of a response that is not a success. The body has precedence over the headers, which
// are all that a response to HEAD has, and the headers over the status. Secrets that the server repeats are masked.
func errorOf(resp *http.Response, body []byte, now time.Time, secrets []string) *Error {
	e := errorInBody(body)
	if e.Code == "" {
		e.Code = ErrorCode(resp.Header.Get("X-Error-Code"))
		e.Message = decodeHeader(resp.Header.Get("X-Error-Message"))
		e.Reference = resp.Header.Get("X-Error-Reference")
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	for _, s := range secrets {
		if s != "" {
			e.Message = strings.ReplaceAll(e.Message, s, mask)
		}
	}
	e.Status = resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	return e
}

// errorInBody reads {"error":{code,message,reference}} and the form that the protocol's file storage uses,
// {"error":code,"message":message}. For any other body it returns an error without a code.
func errorInBody(body []byte) *Error {
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return &Error{}
	}
	var e Error
	if json.Unmarshal(outer.Error, &e) == nil {
		return &e
	}
	var code ErrorCode
	if json.Unmarshal(outer.Error, &code) == nil {
		return &Error{Code: code, Message: outer.Message}
	}
	return &Error{}
}

// decodeHeader decodes a message that is percent-encoded beyond printable ASCII.
func decodeHeader(s string) string {
	if text, err := url.PathUnescape(s); err == nil {
		return text
	}
	return s
}

// retryAfter reads either form of the header. It returns 0 if the header is absent or in the past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 && seconds < 1<<31 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
