package demo

import (
	"bytes"
	"context"
	"errors"
	"net/url"

	"github.com/carrelhq/carrel/digime"
)

// job is what a visitor comes for.
type job string

const (
	pushLetter job = "push"
	readFiles  job = "read"
)

// ask prepares to send a visitor to their library for consent. If they have pushed
// before, the new consent joins the same library.
func (c *Clinic) ask(ctx context.Context, j job, writer *digime.User) (digime.Authorization, error) {
	options := digime.AuthorizeOptions{Callback: c.callback}
	if writer != nil {
		options.Link = writer.Token()
	}
	return c.client.Authorize(ctx, c.contract(j), options)
}

// welcome takes the code that a visitor brings back and exchanges it for a token.
func (c *Clinic) welcome(ctx context.Context, j job, asked digime.Authorization, query url.Values) (*digime.User, error) {
	back, err := digime.ParseCallback(query)
	if asked.State == "" || stateOf(query) != asked.State {
		return nil, errors.New("this is not the answer to a question of ours")
	}
	if err != nil {
		return nil, err
	}
	token, err := c.client.Exchange(ctx, c.contract(j), back.Code, asked.Verifier)
	if err != nil {
		return nil, err
	}
	return c.client.User(c.contract(j), token), nil
}

// push puts a letter into the visitor's library. The clinic cannot read it back.
func (c *Clinic) push(ctx context.Context, user *digime.User, letter []byte, name string) error {
	return user.Push(ctx, digime.Push{
		Data:      bytes.NewReader(letter),
		MIMEType:  "application/pdf",
		AccountID: "patient-42",
		Reference: []string{name},
		Tags:      []string{"letter"},
	})
}

// list lists what the visitor lets the clinic read.
func (c *Clinic) list(ctx context.Context, user *digime.User) ([]fileView, error) {
	session, err := user.ReadSession(ctx, digime.SessionOptions{})
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
	session, err := user.ReadSession(ctx, digime.SessionOptions{})
	if err != nil {
		return nil, err
	}
	return session.ReadFile(ctx, digime.FileName(name))
}

func (c *Clinic) contract(j job) *digime.Contract {
	if j == pushLetter {
		return c.write
	}
	return c.read
}

// viewOf is a file as the page shows it.
func viewOf(file *digime.File) fileView {
	v := fileView{Name: string(file.Name), Title: string(file.Name)}
	if raw := file.Metadata.Raw; raw != nil {
		v.MIMEType, v.When = raw.MIMEType, when(raw.Created.Time())
		if len(raw.Reference) > 0 {
			v.Title = raw.Reference[0]
		}
	}
	return v
}
