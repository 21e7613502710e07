package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// cloudCall is a call of the file storage that has been authenticated.
type cloudCall struct {
	*library.CloudRequest
	storage storage.Storage
	path    storage.Path
}

// cloudPattern is the path of all calls of the file storage, for the log: the id of a storage is half of what it takes
// to reach it.
const cloudPattern = CloudBase + "clouds/{storage}/files/apps/{application}/{path...}"

// cloud answers the calls of the file storage. They are dispatched here, since a path may have several slashes in a
// row, and names of any letters.
func (a *api) cloud(w http.ResponseWriter, r *http.Request) error {
	handlers := map[string]func(http.ResponseWriter, *http.Request, *cloudCall) error{
		http.MethodGet: a.readStorage, http.MethodPost: a.upload, http.MethodDelete: a.deleteFromStorage,
	}
	h, known := handlers[r.Method]
	path, ok := parseCloudPath(r.URL)
	if !ok || !known {
		return notFound("Call")
	}
	httpserve.WriterOf(w).SetPattern(r.Method + " " + cloudPattern)
	req, err := a.verifyCloud(r)
	if err != nil {
		return err
	}
	return a.share(r, req.ID(), func() error {
		if a.CloudTokensOnce {
			if err := a.Clients.UseOnce(r.Context(), req); err != nil {
				return unauthorized(err)
			}
		}
		call, err := a.openStorage(r, req, path)
		if err != nil {
			return err
		}
		return h(w, r, call)
	})
}

// verifyCloud verifies the token of a call. It refuses all that is wrong with it in the same way, which is not that of
// the other calls.
func (a *api) verifyCloud(r *http.Request) (*library.CloudRequest, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return nil, unauthorized(library.InvalidRequest("the call must have one Authorization header"))
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, unauthorized(library.InvalidRequest("the call must have a Bearer token"))
	}
	req, err := a.Clients.VerifyCloud(r.Context(), strings.TrimSpace(token))
	return req, unauthorized(err)
}

// unauthorized returns the error for a token that was refused, and any other error as it is. A token of an unknown
// client, or with a wrong signature, gets no reason.
func unauthorized(err error) error {
	var refusal *library.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	message := "Bearer token refused"
	if refusal.Kind != library.RefusedClient && !errors.Is(err, wire.ErrTokenSignature) {
		message += ": " + refusal.Subject
	}
	e := &wire.Error{Code: wire.CodeUnauthorized, Status: http.StatusUnauthorized, Message: message}
	return e.Because(errors.New(err.Error())) // for the log; the refusal itself is answered in another way elsewhere
}

// openStorage finds the storage of a call. The application in the path must be the token's, as a whole: some clients
// leave out the slash behind it.
func (a *api) openStorage(r *http.Request, req *library.CloudRequest, p cloudPath) (*cloudCall, error) {
	if p.application != string(req.Application.ID) {
		return nil, notFound("Storage")
	}
	opened, err := a.Storages.Open(r.Context(), req, storage.ID(p.storage))
	if err != nil {
		return nil, err
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	return &cloudCall{req, opened, path}, nil
}

// upload stores a file, of known or unknown length.
func (a *api) upload(w http.ResponseWriter, r *http.Request, c *cloudCall) error {
	var file storage.File
	err := a.transfer(r, c, (*httpserve.Body).EndReads, func(ctx context.Context) (err error) {
		file, err = a.Storages.Upload(ctx, c.storage, c.path, r.Body, r.ContentLength)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, wire.StorageUpload{ID: file.ID})
	return nil
}

// transfer runs a transfer, and breaks it off if the person's consent ends meanwhile.
func (a *api) transfer(
	r *http.Request, c *cloudCall, end func(*httpserve.Body), transfer func(ctx context.Context) error,
) error {
	ctx, done := a.watch(r, end, func(ctx context.Context) (context.Context, func()) {
		return a.Storages.Watch(ctx, c.storage, c.ID())
	})
	defer done()
	err := transfer(ctx)
	if err != nil && errors.Is(context.Cause(ctx), library.ErrEnded) {
		return errors.Join(storage.ErrNoConsent, err)
	}
	return err
}

// readStorage answers with a file, or with the list of a folder.
func (a *api) readStorage(w http.ResponseWriter, r *http.Request, c *cloudCall) error {
	if c.path.IsFolder() {
		return a.listStorage(w, r, c)
	}
	file, content, err := a.Storages.Download(r.Context(), c.storage, c.path)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(file.Size, 10))
	h.Set("Last-Modified", file.CreatedAt.UTC().Format(http.TimeFormat))
	h.Set("Cache-Control", "no-store")
	err = a.transfer(r, c, (*httpserve.Body).Abort, func(context.Context) error {
		_, err := io.Copy(w, content)
		return err
	})
	if err != nil {
		return errors.Join(errBrokenOff, err)
	}
	return nil
}

// listStorage answers with the list of a folder, a part at a time. Total is its last member, since it is known last.
func (a *api) listStorage(w http.ResponseWriter, r *http.Request, c *cloudCall) error {
	recursive, err := queryFlag(r, "recursive")
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, 32<<10)
	total := 0
	write := func(text string) { _, _ = out.WriteString(text) } // Flush returns the error
	err = a.Storages.List(r.Context(), c.storage, c.path, recursive, func(f storage.File) error {
		entry, err := json.Marshal(c.entry(f))
		if err != nil {
			return err
		}
		write([]string{`{"files":[`, ","}[min(total, 1)])
		total++
		_, err = out.Write(entry)
		return err
	})
	if err != nil {
		return brokenOff(w, err)
	}
	if total == 0 {
		write(`{"files":[`)
	}
	write(`],"total":` + strconv.Itoa(total) + "}")
	return brokenOff(w, out.Flush())
}

// entry returns a file as the list has it. Clients cut off everything up to the application.
func (c *cloudCall) entry(f storage.File) wire.StorageEntry {
	application := "/apps/" + string(c.Application.ID)
	return wire.StorageEntry{ID: f.ID, Name: f.Name, OriginalName: f.OriginalName,
		Path: strings.ToLower(application) + f.Folder, OriginalPath: application + f.OriginalFolder}
}

// deleteFromStorage deletes a file, or a folder with all that is in it. Clients hand on the status with its reason.
func (a *api) deleteFromStorage(w http.ResponseWriter, r *http.Request, c *cloudCall) error {
	if err := a.Storages.Delete(r.Context(), c.storage, c.Client, c.path); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// maxCloudBody is the largest body of an error of the file storage: the Node SDK takes one for a file, and fails on a
// longer one.
const maxCloudBody = 271

// cloudError returns the body of an error of the file storage, with as much of its message as fits.
func cloudError(e wire.Error) wire.CloudError {
	c := wire.CloudError{Error: string(e.Code), Message: e.Message}
	for {
		body, err := json.Marshal(c)
		if err != nil || len(body) <= maxCloudBody {
			return c
		}
		runes := []rune(c.Message)
		c.Message = string(runes[:len(runes)-max(1, (len(body)-maxCloudBody)/6)])
	}
}
