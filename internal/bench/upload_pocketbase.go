package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// PocketBase is who uploads to a server of PocketBase, a superuser, and the collection of the files.
type PocketBase struct {
	Email, Password string
	Token           string // in place of both
	Collection      string // made if it is missing; its files are in the field "file"
}

// CreateRecords measures uploads of files to PocketBase, each as a record of its own.
func CreateRecords(ctx context.Context, u Upload, p PocketBase, progress func(string)) (Result, error) {
	target, err := ParseTarget(u.URL)
	if err != nil {
		return Result{}, err
	}
	if p.Token == "" {
		if p.Token, err = p.signIn(ctx, u.URL); err != nil {
			return Result{}, err
		}
	}
	if err := p.makeCollection(ctx, u.URL, u.Size); err != nil {
		return Result{}, err
	}
	const boundary = "carrel-bench-boundary"
	before := []byte("--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"bench.bin\"\r\n" +
		"Content-Type: application/octet-stream\r\n\r\n")
	after := []byte("\r\n--" + boundary + "--\r\n")
	length := len(before) + u.Size + len(after)
	head := fmt.Appendf(nil, "POST %s/api/collections/%s/records HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n"+
		"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n%s",
		target.Base, url.PathEscape(p.Collection), target.Host, p.Token, boundary, length, before)
	return u.run(ctx, target, uploads{name: "pocketbase", request: func(int) ([]byte, []byte, error) {
		return head, after, nil
	}}, progress)
}

// signIn returns the token of the superuser.
func (p PocketBase) signIn(ctx context.Context, server string) (string, error) {
	if p.Email == "" || p.Password == "" {
		return "", errors.New("give --email and --password of a superuser of PocketBase, or --token")
	}
	status, body, err := p.call(ctx, server, http.MethodPost, "api/collections/_superusers/auth-with-password",
		map[string]any{"identity": p.Email, "password": p.Password})
	switch {
	case err != nil:
		return "", fmt.Errorf("sign in to PocketBase: %w", err)
	case status == http.StatusBadRequest:
		return "", fmt.Errorf("sign in to PocketBase: no superuser has this --email and --password: its command "+
			"`superuser upsert EMAIL PASSWORD` makes one (%s)", excerpt(body))
	case status != http.StatusOK:
		return "", fmt.Errorf("sign in to PocketBase: status %d: is --url that of PocketBase? (%s)",
			status, excerpt(body))
	}
	var signedIn struct{ Token string }
	if err := json.Unmarshal(body, &signedIn); err != nil || signedIn.Token == "" {
		return "", fmt.Errorf("sign in to PocketBase: there is no token in the answer: %s", excerpt(body))
	}
	return signedIn.Token, nil
}

// makeCollection makes the collection, unless it is there.
func (p PocketBase) makeCollection(ctx context.Context, server string, size int) error {
	fail := func(status int, body []byte, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("make collection %s: %w", p.Collection, err)
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
			return fmt.Errorf("make collection %s: the token is not that of a superuser, or has expired: give another "+
				"--token, or --email and --password (%s)", p.Collection, excerpt(body))
		}
		return fmt.Errorf("make collection %s: status %d: %s", p.Collection, status, excerpt(body))
	}
	status, body, err := p.call(ctx, server, http.MethodGet, "api/collections/"+url.PathEscape(p.Collection), nil)
	if err != nil || (status != http.StatusOK && status != http.StatusNotFound) {
		return fail(status, body, err)
	}
	if status == http.StatusOK {
		return nil
	}
	status, body, err = p.call(ctx, server, http.MethodPost, "api/collections", map[string]any{
		"name": p.Collection, "type": "base",
		"fields": []any{map[string]any{"name": "file", "type": "file", "maxSelect": 1, "maxSize": max(size, 1)}},
	})
	if err != nil || status != http.StatusOK {
		return fail(status, body, err)
	}
	return nil
}

// call calls the API of PocketBase with JSON, or without a body.
func (p PocketBase) call(
	ctx context.Context, server, method, path string, body any,
) (status int, answer []byte, err error) {
	address, err := url.JoinPath(server, path)
	if err != nil {
		return 0, nil, fmt.Errorf("--url: %w", err)
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.Token != "" {
		r.Header.Set("Authorization", p.Token)
	}
	return prepare(r)
}
