package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/carrelhq/carrel/digime"
)

type clientAuthorize struct {
	credentials
	Contract   string        `help:"Contract: its name in the credentials file, or its id." default:"write"`
	Callback   string        `help:"Callback on this machine; the credentials file's if missing. It must be one of the contract's."`
	Link       string        `help:"Contract whose token names the person's library: the new consent joins it."`
	SourceType string        `help:"What the person connects: a source to read from (pull) or a provider to push to (push)." enum:"pull,push" default:"pull"`
	Storage    bool          `help:"Also ask for a storage, for files of the application's own: see carrel client storage."`
	Service    int           `help:"Id of the one source to connect; the person chooses if missing."`
	Locale     string        `help:"Language of the pages, such as nl; the browser's if missing."`
	Wait       time.Duration `help:"How long to wait for the person." default:"10m"`
	JSON       bool          `help:"Print JSON."`
}

// Help is what --help adds.
func (clientAuthorize) Help() string {
	return `Examples:

  carrel client authorize --credentials demo.json --contract read --link write
  carrel client authorize --credentials demo.json --contract provider --source-type push

It prints an address for the person to open, and waits for their browser to come back to the callback on this machine.
The token is kept in a file that only you can read.`
}

// Run asks the person for consent and saves the token.
func (c *clientAuthorize) Run(ctx context.Context) error {
	conn, err := c.connect(c.Contract)
	if err != nil {
		return err
	}
	if c.Callback != "" {
		conn.callback = c.Callback
	}
	back, err := listenForCallback(ctx, conn.callback)
	if err != nil {
		return err
	}
	defer back.close()
	options := digime.AuthorizeOptions{
		RedirectURL: conn.callback, Locale: c.Locale,
		SourceType: digime.SourceType(c.SourceType), SourceID: digime.SourceID(c.Service),
	}
	if c.Link != "" {
		id, ok := conn.ids[c.Link]
		if !ok {
			id = digime.ContractID(c.Link)
		}
		if options.Link, err = readToken(conn.tokens(id)); err != nil {
			return fmt.Errorf("link: %w", err)
		}
	}
	if c.Storage {
		made, err := conn.contract.CreateStorage(ctx)
		if err != nil {
			return err
		}
		options.Storage = made.ID()
	}
	auth, err := conn.contract.Authorize(ctx, options)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Open this address, and come back here afterwards:\n\n  %s\n\n", auth.URL)
	answer, err := back.wait(ctx, auth, c.Wait)
	if err != nil {
		return err
	}
	token, err := conn.contract.Exchange(ctx, answer)
	if err != nil {
		return err
	}
	path := conn.tokens(conn.contract.ID())
	if err := writeToken(path, token); err != nil {
		return err
	}
	var account digime.Account
	if options.SourceType == digime.SourcePush {
		if account, err = conn.connected(ctx, answer.AccountReference); err != nil {
			return err
		}
	}
	if c.JSON {
		agreed := map[string]any{
			"contractId": conn.contract.ID(), "userId": token.UserID, "consentId": token.ConsentID, "tokenFile": path,
			"accountReference": answer.AccountReference, "expires": token.RefreshToken.Expiry,
		}
		if account.ID != "" {
			agreed["accountId"] = account.ID
		}
		return printJSON(agreed)
	}
	fmt.Printf("Agreed, until %s. The token is in %s.\n", token.RefreshToken.Expiry.Local().Format(time.DateOnly), path)
	if account.ID != "" {
		provider := cmp.Or(account.ServiceProviderName, account.ServiceTypeName)
		fmt.Printf("Connected %s as account %s.\n", provider, account.ID)
	}
	return nil
}

// connected returns the account with the reference of a callback. It is zero if the person's library does not have it.
func (c *connection) connected(ctx context.Context, reference string) (digime.Account, error) {
	user, err := c.user()
	if err != nil {
		return digime.Account{}, err
	}
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		return digime.Account{}, err
	}
	for _, a := range accounts {
		if a.Reference == reference && a.Type == digime.AccountPush {
			return a, nil
		}
	}
	return digime.Account{}, nil
}

// callback waits for a browser to come back.
type callback struct {
	server *http.Server
	path   string
	came   chan url.Values
}

// listenForCallback listens on the address of the callback, which must be on this machine. On any other address others
// could see the code.
func listenForCallback(ctx context.Context, address string) (*callback, error) {
	if address == "" {
		return nil, errors.New("give --callback: one of the contract's redirect URIs, on this machine")
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "http" || u.Port() == "" || !local {
		return nil, fmt.Errorf("callback %s is not like http://127.0.0.1:8095/callback", address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("listen for the callback: %w", err)
	}
	b := &callback{path: u.Path, came: make(chan url.Values, 1)}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = b.server.Serve(l) }() // ends with close
	return b, nil
}

func (b *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if r.URL.Path != b.path || !query.Has("state") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	fmt.Fprintln(w, "Thank you. You can close this page and go back to the terminal.")
	select {
	case b.came <- query:
	default: // the browser has loaded the page again
	}
}

// wait returns the callback of this authorisation. A callback with another state comes from
// somebody else and is ignored.
func (b *callback) wait(
	ctx context.Context, auth digime.Authorization, limit time.Duration,
) (digime.Callback, error) {
	timeout := time.After(limit)
	for {
		select {
		case query := <-b.came:
			back, err := auth.ParseCallback(query)
			if !errors.Is(err, digime.ErrStateMismatch) {
				return back, err
			}
		case <-timeout:
			return digime.Callback{}, fmt.Errorf("nobody came back within %s", limit)
		case <-ctx.Done():
			return digime.Callback{}, ctx.Err()
		}
	}
}

func (b *callback) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := b.server.Shutdown(ctx); err != nil { // waits for the response to the browser
		_ = b.server.Close()
	}
}
