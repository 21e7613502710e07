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

// Headless runs the whole demo once, without a browser. It asks a new person for consent to write, pushes a file into
// their library, asks for consent to read, reads the file and compares it byte for byte. Then the person connects a
// provider, and Headless sends a measurement there and compares what the provider received.
type Headless struct {
	Credentials Credentials
	// File is the path of the file to push; Name is its reference in the library.
	File     string
	Name     string
	MIMEType string
	// Provider is a part of the name of the provider to connect.
	Provider string
	// Arrived returns what the providers have received.
	Arrived func() [][]byte
	// Step is called after each step, with the time that it took.
	Step func(what string, took time.Duration)

	client  *digime.Client
	visitor *ScriptedVisitor
	began   time.Time
}

// Run runs the demo. It returns the error of the first step that fails.
func (h *Headless) Run(ctx context.Context) error {
	var err error
	h.client, err = digime.New(string(h.Credentials.ApplicationID), digime.WithServer(h.Credentials.PublicURL))
	if err != nil {
		return err
	}
	h.visitor = NewScriptedVisitor("demo-"+seal.RandomID(8)+"@example.org", seal.RandomID(20))
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
	if err := h.sendToProvider(ctx, writer.Token()); err != nil {
		return fmt.Errorf("to a provider: %w", err)
	}
	return nil
}

func (h *Headless) report(format string, args ...any) {
	h.Step(fmt.Sprintf(format, args...), time.Since(h.began))
	h.began = time.Now()
}

// consentTo says what a contract is for, in the text of a step.
var consentTo = map[string]string{WriteContract: "write", ReadContract: "read", ProviderContract: "send to a provider"}

// authorize gets the person's consent to a contract and exchanges the code.
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
	h.report("authorise   a link for consent to %s", consentTo[kind])
	back, err := h.visitor.FollowPages(ctx, auth.URL, h.Credentials.Callback)
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
	h.report("consent     to %s allowed on the pages", consentTo[kind])
	token, err := contract.Exchange(ctx, callback)
	if err != nil {
		return nil, callback, err
	}
	h.report("exchange    the code for tokens")
	return contract.User(token), callback, nil
}

// sendToProvider sends a measurement to a provider, which the person connects first, and checks that it arrived.
func (h *Headless) sendToProvider(ctx context.Context, link digime.UserAccessToken) error {
	h.visitor.Provider = h.Provider
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
	h.report("account     of %s", accounts[i].ServiceProviderName)
	bundle, err := json.Marshal(newMeasurement(pressure{128, 82}, time.Now()))
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
	h.report("push        a blood pressure to the provider, which answered %d", answer.Status)
	if !slices.ContainsFunc(h.Arrived(), func(body []byte) bool { return bytes.Equal(body, bundle) }) {
		return errors.New("the provider has not received the measurement as it was sent")
	}
	h.report("arrived     at the provider: every byte is the same")
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
	h.report("push        %s, %d bytes", h.Name, info.Size())
	return nil
}

func (h *Headless) readBack(ctx context.Context, user *digime.User) error {
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		return err
	}
	h.report("session     opened to read")
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
	h.report("read back   and compared: every byte is the same")
	return nil
}

// compare compares a file from the library with the one on the disk.
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
			return fmt.Errorf("the file that was read back differs from the one that was pushed, at byte %d or later", at)
		}
		if errA != nil || errB != nil {
			return nil // both ended, at the same length
		}
		at += int64(n)
	}
}
