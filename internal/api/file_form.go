package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// The limits of a form with a file (RFC 7578).
const (
	// maxFormParts is how many parts a form may have. Android sends two.
	maxFormParts = 8
	// maxFormField is the size of a part that is not the file, which is ignored.
	maxFormField = 64 << 10
	// maxPartHeader is the size of the header of a part, with what is read ahead.
	maxPartHeader = 16 << 10
)

// fileForm reads the file of a form while the form arrives. Other parts are ignored.
type fileForm struct {
	body  *partLimit
	parts *multipart.Reader
	count int
}

// newFileForm returns the form of a request. Android sends two headers Content-Type, of which one is that of the form.
func newFileForm(r *http.Request) (*fileForm, error) {
	for _, value := range r.Header.Values("Content-Type") {
		kind, parameters, err := mime.ParseMediaType(value)
		if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
			continue
		}
		body := &partLimit{Reader: r.Body}
		return &fileForm{body: body, parts: multipart.NewReader(body, parameters["boundary"])}, nil
	}
	return nil, wire.Validation("Content-Type must be multipart/form-data with a boundary")
}

// next returns the content of the file: the first part that has a file name. Its reader comes to its end only after the
// end of the form, so that a form that is cut off is not taken for a whole one.
func (f *fileForm) next() (io.Reader, error) {
	part, err := f.nextFile()
	if errors.Is(err, io.EOF) {
		return nil, wire.Validation("the form has no file")
	}
	if err != nil {
		return nil, err
	}
	return &formFile{form: f, part: part}, nil
}

// nextFile skips parts up to the next one with a file name. It returns io.EOF after the last part.
func (f *fileForm) nextFile() (*multipart.Part, error) {
	for {
		f.body.limit(maxPartHeader)
		part, err := f.parts.NextRawPart()
		f.body.limit(-1)
		switch {
		case err == io.EOF: //nolint:errorlint // one that is wrapped is that of a form without its end
			return nil, io.EOF
		case errors.Is(err, errPartHeader):
			return nil, wire.Validation("the header of a part of the form is too long")
		case err != nil:
			return nil, formError(err)
		}
		if f.count++; f.count > maxFormParts {
			return nil, wire.Validation("the form has too many parts")
		}
		if part.FileName() != "" {
			return part, nil
		}
		n, err := io.Copy(io.Discard, io.LimitReader(part, maxFormField+1))
		if err != nil {
			return nil, formError(err)
		}
		if n > maxFormField {
			return nil, wire.Validation("a field of the form is too long")
		}
	}
}

// formFile reads a part, and at its end the rest of the form.
type formFile struct {
	form *fileForm
	part *multipart.Part
	err  error // of the end
}

func (f *formFile) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.part.Read(p)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		f.err = formError(err)
		return n, f.err
	}
	if _, err = f.form.nextFile(); err == nil {
		err = wire.Validation("the form has more than one file")
	}
	f.err = err
	return n, err
}

// errFormCut says that a form has broken off. It is no io.ErrUnexpectedEOF, which would be taken for the end of the
// encrypted content.
var errFormCut = errors.New("the form is cut off")

// formError returns the error of a form that cannot be read to its end.
func formError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errFormCut
	}
	return &library.BodyError{Err: err}
}

// partLimit bounds what is read for the header of a part; package mime/multipart has no such bound of a useful size.
type partLimit struct {
	io.Reader
	left int // -1 for no bound
}

var errPartHeader = errors.New("header of a part is too long")

func (l *partLimit) limit(n int) { l.left = n }

func (l *partLimit) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, errPartHeader
	}
	if l.left > 0 {
		p = p[:min(len(p), l.left)]
	}
	n, err := l.Reader.Read(p)
	if l.left > 0 {
		l.left -= n
	}
	return n, err
}
