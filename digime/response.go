package digime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// The largest responses that are read into memory, in bytes. A list of 100,000 files has about 10 MB.
const (
	maxJSON = 4 << 20
	maxList = 64 << 20
)

// A jsonResponse is the target of a JSON response of at most limit bytes.
type jsonResponse struct {
	v     any
	limit int64
}

func (j jsonResponse) read(resp *http.Response) error {
	text, err := readJSON(resp, j.limit)
	if err != nil {
		return err
	}
	if len(text) == 0 {
		return fmt.Errorf("%w: it is empty", ErrInvalidResponse)
	}
	if err := json.Unmarshal(text, j.v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	return nil
}

// readAcknowledgement accepts the response to a call that returns nothing: it is empty, or JSON whose content does not
// matter.
func readAcknowledgement(resp *http.Response) error {
	text, err := readJSON(resp, maxErrorBody)
	if err == nil && len(text) > 0 && !json.Valid(text) {
		err = errNotJSON
	}
	return err
}

var errNotJSON = fmt.Errorf("%w: it is not JSON", ErrInvalidResponse)

// readJSON reads a response, which is JSON or empty, and closes its body. A network that answers in place of the
// server, as those of hotels do, sends a page and often the status 200, so the type is checked. The caller checks the
// form.
func readJSON(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, bodyError(resp, err)
	}
	text = bytes.TrimSpace(text)
	switch kind := resp.Header.Get("Content-Type"); {
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrInvalidResponse, limit)
	case isPage(kind), len(text) == 0 && kind != "" && !isJSON(kind):
		return nil, pageError(kind)
	}
	return text, nil
}

// bodyError is the error of a response whose body cannot be read to its end.
func bodyError(resp *http.Response, err error) error {
	if resp.Request.Context().Err() != nil {
		return &networkError{fmt.Errorf("read response: %w", err)}
	}
	return &networkError{fmt.Errorf("%w: it was cut: %w", ErrInvalidResponse, err)}
}

// pageError is the error of a response that has not the type of what was asked for.
func pageError(contentType string) error {
	return fmt.Errorf("%w: it has the type %q; does a network answer in place of the server?", ErrInvalidResponse,
		contentType)
}

func isPage(contentType string) bool {
	kind := mediaType(contentType)
	return kind == "text/html" || kind == "application/xhtml+xml"
}

func isJSON(contentType string) bool {
	kind := mediaType(contentType)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

func mediaType(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return kind
}

// missing is the error of a response that lacks something.
func missing(what string) error { return fmt.Errorf("%w: it has no %s", ErrInvalidResponse, what) }
