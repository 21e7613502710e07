package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"

	s3signer "github.com/minio/minio-go/v7/pkg/signer"
)

// S3 is a bucket of a server that speaks the protocol of S3.
type S3 struct {
	Bucket, AccessKey, SecretKey, Region string
}

// PutObjects measures uploads into a bucket, which it makes if it is missing. Each request is signed by itself
// beforehand, without a hash of its content (UNSIGNED-PAYLOAD), as clients sign that send by TLS: the server need not
// hash it. A signature is valid for 15 minutes.
func PutObjects(ctx context.Context, u Upload, s S3, progress func(string)) (Result, error) {
	target, err := ParseTarget(u.URL)
	if err != nil {
		return Result{}, err
	}
	if s.Bucket == "" || s.AccessKey == "" || s.SecretKey == "" {
		return Result{}, fmt.Errorf("--bucket, --access-key and --secret-key: none may be empty")
	}
	if err := s.makeBucket(ctx, u.URL); err != nil {
		return Result{}, err
	}
	prefix := newPrefix()
	return u.run(ctx, target, uploads{name: "s3", request: func(i int) (head, tail []byte, err error) {
		r, err := s.request(ctx, u.URL, s.Bucket, fmt.Sprintf("%s-%d", prefix, i))
		if err != nil {
			return nil, nil, err
		}
		head = fmt.Appendf(nil, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n",
			r.URL.EscapedPath(), target.Host, u.Size)
		for name, values := range r.Header {
			head = fmt.Appendf(head, "%s: %s\r\n", name, values[0])
		}
		return append(head, "\r\n"...), nil, nil
	}}, progress)
}

// request returns a signed PUT without a content.
func (s S3) request(ctx context.Context, server string, path ...string) (*http.Request, error) {
	address, err := url.JoinPath(server, path...)
	if err != nil {
		return nil, fmt.Errorf("--url: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	return s3signer.SignV4(*r, s.AccessKey, s.SecretKey, "", s.Region), nil
}

func (s S3) makeBucket(ctx context.Context, server string) error {
	r, err := s.request(ctx, server, s.Bucket)
	if err != nil {
		return err
	}
	status, body, err := prepare(r)
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", s.Bucket, err)
	}
	switch {
	case status/100 == 2, status == http.StatusConflict && bytes.Contains(body, []byte("BucketAlreadyOwnedByYou")):
		return nil
	case status == http.StatusConflict:
		return fmt.Errorf("make bucket %s: somebody else has a bucket of this name: give another --bucket (%s)",
			s.Bucket, excerpt(body))
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return fmt.Errorf("make bucket %s: the server refuses the keys with status %d: check --access-key, "+
			"--secret-key and --region, this machine's clock, and that --url is that of an S3 server (%s)",
			s.Bucket, status, excerpt(body))
	}
	return fmt.Errorf("make bucket %s: status %d: is --url that of an S3 server? (%s)", s.Bucket, status, excerpt(body))
}
