package demo

import (
	"bytes"
	"context"

	"github.com/carrelhq/carrel/digime"
)

// job is what a visitor comes for.
type job string

const (
	pushLetter job = "push"
	readFiles  job = "read"
	sendOn     job = "send"
)

// ask prepares to send a visitor to their library for consent. If they have been there
// before, the new consent joins the same library.
func (c *Clinic) ask(ctx context.Context, j job, before *digime.User) (digime.Authorization, error) {
	options := digime.AuthorizeOptions{RedirectURL: c.callback}
	if before != nil {
		options.Link = before.Token()
	}
	if j == sendOn { // to a care provider that takes measurements; the visitor chooses
		options.SourceType = digime.SourcePush
		options.SourcesScope = digime.SourcesScope{DataType: []string{"measurements-vital-signs"}}
	}
	return c.contract(j).Authorize(ctx, options)
}

// welcome takes the code that a visitor brings back and exchanges it for a token.
func (c *Clinic) welcome(ctx context.Context, j job, back digime.Callback) (*digime.User, error) {
	token, err := c.contract(j).Exchange(ctx, back)
	if err != nil {
		return nil, err
	}
	return c.contract(j).User(token), nil
}

// push puts a letter into the visitor's library. The clinic cannot read it back.
func (c *Clinic) push(ctx context.Context, user *digime.User, letter []byte, name string) error {
	return user.Push(ctx, digime.PushInput{
		Data:      bytes.NewReader(letter),
		MIMEType:  "application/pdf",
		AccountID: "patient-42",
		Reference: []string{name},
		Tags:      []string{"letter"},
	})
}

// list lists what the visitor lets the clinic read.
func (c *Clinic) list(ctx context.Context, user *digime.User) ([]fileView, error) {
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		return nil, err
	}
	var list []fileView
	for file, err := range session.Files(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, viewOf(file))
	}
	return list, nil
}

// open opens one file. It is decrypted as it is read.
func (c *Clinic) open(ctx context.Context, user *digime.User, name string) (*digime.File, error) {
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		return nil, err
	}
	return session.OpenFile(ctx, digime.FileName(name))
}

// connected is the account of the care provider that a visitor has chosen: the callback
// says which.
func (c *Clinic) connected(ctx context.Context, user *digime.User, back digime.Callback) (digime.Account, error) {
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		return digime.Account{}, err
	}
	for _, a := range accounts {
		if a.Reference == back.AccountReference && a.Type == digime.AccountPush {
			return a, nil
		}
	}
	return digime.Account{}, errNoProvider
}

// send sends a measurement to the visitor's care provider.
func (c *Clinic) send(
	ctx context.Context, user *digime.User, to digime.Account, measured any,
) (digime.ProviderResponse, error) {
	resource, err := digime.MarshalResource(measured)
	if err != nil {
		return digime.ProviderResponse{}, err
	}
	return user.PushToProvider(ctx, to.ID, digime.STU3, resource)
}

// reconnect prepares to send a visitor to their care provider again, after
// ErrServiceAuthorization: their permission there is over.
func (c *Clinic) reconnect(ctx context.Context, user *digime.User, to digime.Account) (digime.Authorization, error) {
	return user.ReauthorizeAccount(ctx, to.ID, digime.ReauthorizeAccountOptions{RedirectURL: c.callback})
}

// follow looks how far a delivery is.
func (c *Clinic) follow(ctx context.Context, user *digime.User, id digime.DeliveryID) (digime.Delivery, error) {
	return user.GetDelivery(ctx, id)
}

func (c *Clinic) contract(j job) *digime.Contract {
	switch j {
	case pushLetter:
		return c.write
	case sendOn:
		return c.provider
	}
	return c.read
}

// viewOf is a file as the page shows it.
func viewOf(file *digime.File) fileView {
	v := fileView{Name: string(file.Name), Title: string(file.Name)}
	if raw := file.Metadata.Raw; raw != nil {
		v.MIMEType, v.When = raw.MIMEType, when(raw.CreatedAt)
		if len(raw.Reference) > 0 {
			v.Title = raw.Reference[0]
		}
	}
	return v
}
