package demo

import (
	"bytes"
	"context"

	"github.com/carrelhq/carrel/digime"
)

// task is something that a visitor asks the clinic to do.
type task string

const (
	pushLetter      task = "push"
	readFiles       task = "read"
	sendMeasurement task = "send"
)

// authorize starts an authorization; the visitor is sent to its URL. If they have
// allowed something before, the new consent joins the same library.
func (c *Clinic) authorize(ctx context.Context, t task, earlier *digime.User) (digime.Authorization, error) {
	options := digime.AuthorizeOptions{RedirectURL: c.callback}
	if earlier != nil {
		options.Link = earlier.Token()
	}
	if t == sendMeasurement { // the visitor chooses a provider that accepts measurements
		options.SourceType = digime.SourcePush
		options.SourcesScope = digime.SourcesScope{DataType: []string{"measurements-vital-signs"}}
	}
	return c.contract(t).Authorize(ctx, options)
}

// exchange exchanges the code in a callback for a token.
func (c *Clinic) exchange(ctx context.Context, t task, callback digime.Callback) (*digime.User, error) {
	token, err := c.contract(t).Exchange(ctx, callback)
	if err != nil {
		return nil, err
	}
	return c.contract(t).User(token), nil
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

// listFiles lists the files that the visitor lets the clinic read.
func (c *Clinic) listFiles(ctx context.Context, user *digime.User) ([]fileView, error) {
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

// openFile opens one file. It is decrypted while it is read.
func (c *Clinic) openFile(ctx context.Context, user *digime.User, name string) (*digime.File, error) {
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		return nil, err
	}
	return session.OpenFile(ctx, digime.FileName(name))
}

// connectedAccount returns the account at the care provider that the visitor has
// chosen. The callback has its reference.
func (c *Clinic) connectedAccount(
	ctx context.Context, user *digime.User, callback digime.Callback,
) (digime.Account, error) {
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		return digime.Account{}, err
	}
	for _, a := range accounts {
		if a.Reference == callback.AccountReference && a.Type == digime.AccountPush {
			return a, nil
		}
	}
	return digime.Account{}, errNoProvider
}

// send sends a measurement to the visitor's care provider.
func (c *Clinic) send(
	ctx context.Context, user *digime.User, provider digime.Account, measurement any,
) (digime.ProviderResponse, error) {
	resource, err := digime.MarshalResource(measurement)
	if err != nil {
		return digime.ProviderResponse{}, err
	}
	return user.PushToProvider(ctx, provider.ID, digime.STU3, resource)
}

// reconnect starts an authorization that connects the care provider again. It is
// needed after ErrServiceAuthorization: the visitor's consent there has ended.
func (c *Clinic) reconnect(
	ctx context.Context, user *digime.User, provider digime.Account,
) (digime.Authorization, error) {
	return user.ReauthorizeAccount(ctx, provider.ID, digime.ReauthorizeAccountOptions{RedirectURL: c.callback})
}

// getDelivery returns the state of a delivery.
func (c *Clinic) getDelivery(
	ctx context.Context, user *digime.User, id digime.DeliveryID,
) (digime.Delivery, error) {
	return user.GetDelivery(ctx, id)
}

// contract returns the contract of a task.
func (c *Clinic) contract(t task) *digime.Contract {
	switch t {
	case pushLetter:
		return c.write
	case sendMeasurement:
		return c.provider
	}
	return c.read
}

// viewOf returns a file as the page shows it.
func viewOf(file *digime.File) fileView {
	v := fileView{Name: string(file.Name), Title: string(file.Name)}
	if raw := file.Metadata.Raw; raw != nil {
		v.MIMEType, v.When = raw.MIMEType, formatTime(raw.CreatedAt)
		if len(raw.Reference) > 0 {
			v.Title = raw.Reference[0]
		}
	}
	return v
}
