package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/seal"
)

// Headless does the main job once, without a browser: it asks a new person for
// consent to write, pushes a file into their library, asks for consent to read,
// reads the file back and compares it byte for byte.
type Headless struct {
	Credentials Credentials
	// File is pushed; its name goes along as the file's reference.
	File     string
	Name     string
	MIMEType string
	// Step is told of each step that is done, and how long it took.
	Step func(what string, took time.Duration)

	client *digime.Client
	walker *Walker
	began  time.Time
}

// Run does the job. Any error means that it failed.
func (h *Headless) Run(ctx context.Context) error {
	var err error
	h.client, err = digime.New(string(h.Credentials.ApplicationID), digime.At(h.Credentials.PublicURL))
	if err != nil {
		return err
	}
	h.walker = NewWalker("demo-"+seal.RandomID(8)+"@example.org", seal.RandomID(20))
	h.began = time.Now()

	writer, err := h.authorize(ctx, WriteContract, digime.UserAccessToken{})
	if err != nil {
		return fmt.Errorf("consent to write: %w", err)
	}
	if err := h.push(ctx, writer); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	reader, err := h.authorize(ctx, ReadContract, writer.Token())
	if err != nil {
		return fmt.Errorf("consent to read: %w", err)
	}
	if err := h.readBack(ctx, reader); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return nil
}

func (h *Headless) done(format string, args ...any) {
	h.Step(fmt.Sprintf(format, args...), time.Since(h.began))
	h.began = time.Now()
}

// authorize asks for consent to a contract and exchanges the code. A link joins the
// new grant to the library of the token's person.
func (h *Headless) authorize(ctx context.Context, kind string, link digime.UserAccessToken) (*digime.User, error) {
	key := h.Credentials.Contracts[kind]
	contract, err := digime.ParseContract(string(key.ContractID), []byte(key.PrivateKey))
	if err != nil {
		return nil, err
	}
	auth, err := h.client.Authorize(ctx, contract, digime.AuthorizeOptions{Callback: h.Credentials.Callback, Link: link})
	if err != nil {
		return nil, err
	}
	h.done("authorise   a link for consent to %s", kind)
	back, err := h.walker.Walk(ctx, auth.URL, h.Credentials.Callback)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(back)
	if err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	callback, err := digime.ParseCallback(address.Query())
	if err != nil {
		return nil, err
	}
	if callback.State != auth.State {
		return nil, errors.New("the callback carries another state")
	}
	h.done("consent     %s allowed on the pages", kind)
	token, err := h.client.Exchange(ctx, contract, callback.Code, auth.Verifier)
	if err != nil {
		return nil, err
	}
	h.done("exchange    the code for tokens")
	return h.client.User(contract, token), nil
}

func (h *Headless) push(ctx context.Context, user *digime.User) error {
	file, err := os.Open(h.File)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	err = user.Push(ctx, digime.Push{Data: file, MIMEType: h.MIMEType, AccountID: "demo-patient", Reference: []string{h.Name}, Tags: []string{"demo"}})
	if err != nil {
		return err
	}
	h.done("push        %s, %d bytes", h.Name, info.Size())
	return nil
}

func (h *Headless) readBack(ctx context.Context, user *digime.User) error {
	session, err := user.ReadSession(ctx, digime.SessionOptions{})
	if err != nil {
		return err
	}
	h.done("session     opened to read")
	n := 0
	for file, err := range session.Files(ctx) {
		if err != nil {
			return err
		}
		if err := h.compare(file); err != nil {
			return err
		}
		n++
	}
	if n != 1 {
		return fmt.Errorf("the library lists %d files, want the one that was pushed", n)
	}
	h.done("read back   and compared: every byte is the same")
	return nil
}

// compare reads a file from the library and the one on the disk side by side.
func (h *Headless) compare(read io.Reader) error {
	file, err := os.Open(h.File)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	defer func() { _ = file.Close() }()
	a, b := bufio.NewReaderSize(file, 64<<10), bufio.NewReaderSize(read, 64<<10)
	var bufA, bufB [32 << 10]byte
	for at := int64(0); ; {
		n, errA := io.ReadFull(a, bufA[:])
		m, errB := io.ReadFull(b, bufB[:])
		if errB != nil && !errors.Is(errB, io.EOF) && !errors.Is(errB, io.ErrUnexpectedEOF) {
			return errB
		}
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return fmt.Errorf("what was read back differs, at byte %d or after", at)
		}
		if errA != nil || errB != nil {
			return nil // the same end: the lengths are equal
		}
		at += int64(n)
	}
}
