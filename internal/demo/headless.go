package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/seal"
)

// Headless does the main job once, without a browser: it asks a new person for
// consent to write, pushes a file into their library, asks for consent to read,
// reads the file back and compares it byte for byte. Then the person connects a provider, a
// measurement is sent there, and what arrived is compared too.
type Headless struct {
	Credentials Credentials
	// File is pushed; its name goes along as the file's reference.
	File     string
	Name     string
	MIMEType string
	// Provider is a part of the name of the provider to connect, and Arrived what has
	// arrived at the providers so far.
	Provider string
	Arrived  func() [][]byte
	// Step is told of each step that is done, and how long it took.
	Step func(what string, took time.Duration)

	client *digime.Client
	walker *Walker
	began  time.Time
}

// Run does the job. Any error means that it failed.
func (h *Headless) Run(ctx context.Context) error {
	var err error
	h.client, err = digime.New(string(h.Credentials.ApplicationID), digime.WithServer(h.Credentials.PublicURL))
	if err != nil {
		return err
	}
	h.walker = NewWalker("demo-"+seal.RandomID(8)+"@example.org", seal.RandomID(20))
	h.began = time.Now()

	writer, _, err := h.authorize(ctx, WriteContract, digime.AuthorizeOptions{})
	if err != nil {
		return fmt.Errorf("consent to write: %w", err)
	}
	if err := h.push(ctx, writer); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	reader, _, err := h.authorize(ctx, ReadContract, digime.AuthorizeOptions{Link: writer.Token()})
	if err != nil {
		return fmt.Errorf("consent to read: %w", err)
	}
	if err := h.readBack(ctx, reader); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if err := h.provider(ctx, writer.Token()); err != nil {
		return fmt.Errorf("to a provider: %w", err)
	}
	return nil
}

func (h *Headless) done(format string, args ...any) {
	h.Step(fmt.Sprintf(format, args...), time.Since(h.began))
	h.began = time.Now()
}

// consentTo is what a contract is for, in the words of the steps.
var consentTo = map[string]string{WriteContract: "write", ReadContract: "read", ProviderContract: "send to a provider"}

// authorize asks for consent to a contract and exchanges the code.
func (h *Headless) authorize(
	ctx context.Context,
	kind string,
	options digime.AuthorizeOptions,
) (user *digime.User, callback digime.Callback, err error) {
	key := h.Credentials.Contracts[kind]
	contract, err := h.client.ParseContract(string(key.ContractID), []byte(key.PrivateKey))
	if err != nil {
		return nil, callback, err
	}
	options.RedirectURL = h.Credentials.Callback
	auth, err := contract.Authorize(ctx, options)
	if err != nil {
		return nil, callback, err
	}
	h.done("authorise   a link for consent to %s", consentTo[kind])
	back, err := h.walker.Walk(ctx, auth.URL, h.Credentials.Callback)
	if err != nil {
		return nil, callback, err
	}
	address, err := url.Parse(back)
	if err != nil {
		return nil, callback, fmt.Errorf("callback: %w", err)
	}
	if callback, err = auth.ParseCallback(address.Query()); err != nil {
		return nil, callback, err
	}
	h.done("consent     to %s allowed on the pages", consentTo[kind])
	token, err := contract.Exchange(ctx, callback)
	if err != nil {
		return nil, callback, err
	}
	h.done("exchange    the code for tokens")
	return contract.User(token), callback, nil
}

// provider sends a measurement to a provider that the person connects on the way, and sees
// to it that it has arrived there.
func (h *Headless) provider(ctx context.Context, link digime.UserAccessToken) error {
	h.walker.Provider = h.Provider
	user, back, err := h.authorize(
		ctx,
		ProviderContract,
		digime.AuthorizeOptions{Link: link, SourceType: digime.SourcePush,
			SourcesScope: digime.SourcesScope{DataType: []string{"measurements-vital-signs"}}},
	)
	if err != nil {
		return err
	}
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(accounts, func(a digime.Account) bool {
		return a.Reference == back.AccountReference && a.Type == digime.AccountPush
	})
	if i < 0 {
		return errNoProvider
	}
	h.done("account     of %s", accounts[i].ServiceProviderName)
	bundle, err := json.Marshal(measurement(pressure{128, 82}, time.Now()))
	if err != nil {
		return fmt.Errorf("encode measurement: %w", err)
	}
	answer, err := user.PushToProvider(ctx, accounts[i].ID, digime.STU3, bundle)
	if err == nil && !answer.Delivered() {
		_, err = user.WaitForDelivery(ctx, answer.DeliveryID)
	}
	if err != nil {
		return err
	}
	h.done("push        a blood pressure to the provider, which answered %d", answer.Status)
	if !slices.ContainsFunc(h.Arrived(), func(body []byte) bool { return bytes.Equal(body, bundle) }) {
		return errors.New("it has not arrived as it was sent")
	}
	h.done("arrived     at the provider: every byte is the same")
	return nil
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
	err = user.Push(
		ctx,
		digime.PushInput{
			Data:      file,
			MIMEType:  h.MIMEType,
			AccountID: "demo-patient",
			Reference: []string{h.Name},
			Tags:      []string{"demo"},
		},
	)
	if err != nil {
		return err
	}
	h.done("push        %s, %d bytes", h.Name, info.Size())
	return nil
}

func (h *Headless) readBack(ctx context.Context, user *digime.User) error {
	session, err := user.StartSession(ctx, digime.SessionOptions{})
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
