package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/carrelhq/carrel/digime"
)

type clientPushProvider struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"provider"`
	Account  string `help:"Account id of the provider, as carrel client accounts lists it; the only one if missing."`
	FHIR     string `help:"Version of FHIR: stu3 or r4." name:"fhir" default:"stu3"`
	File     string `arg:"" help:"Resource or Bundle, as JSON; - for standard input."`
	Wait     bool   `help:"If it is accepted and still on its way, wait until it has ended."`
	JSON     bool   `help:"Print JSON, of a failure too."`
}

// Help is what --help adds.
func (clientPushProvider) Help() string {
	return `Example:

  carrel client authorize --contract provider --source-type push
  carrel client push-provider bloodpressure.json

It ends with 0 when the provider has it, or the server keeps it and goes on. It is never sent twice by itself.`
}

// maxResource is the size of the largest resource that the SDK sends, in bytes.
const maxResource = 10 << 20

// Run pushes the resource.
func (c *clientPushProvider) Run(ctx context.Context) error {
	user, err := c.user(c.Contract)
	if err != nil {
		return err
	}
	in := os.Stdin
	if c.File != "-" {
		if in, err = os.Open(c.File); err != nil {
			return fmt.Errorf("push to provider: %w", err)
		}
		defer func() { _ = in.Close() }()
	}
	account, err := providerAccount(ctx, user, digime.AccountID(c.Account))
	if err != nil {
		return err
	}
	resource, err := io.ReadAll(io.LimitReader(in, maxResource+1)) // more is refused
	if err != nil {
		return fmt.Errorf("push to provider: %w", err)
	}
	answer, err := user.PushToProvider(ctx, account, digime.FHIRVersion(c.FHIR), resource)
	view := pushView{Account: account, Status: answer.Status, DeliveryID: answer.DeliveryID, Answer: answer.Body}
	view.Delivered = err == nil && answer.Delivered()
	if err == nil && !view.Delivered && c.Wait {
		var d digime.Delivery
		d, err = user.WaitForDelivery(ctx, answer.DeliveryID)
		view.Answer, view.Delivered = d.Answer, d.State == digime.DeliveryDelivered
	}
	if c.JSON {
		return errors.Join(printJSON(view.with(err)), explain(err))
	}
	if err != nil {
		return explain(err)
	}
	view.print()
	return nil
}

// providerAccount returns the named account or, if none is named, the only one.
func providerAccount(ctx context.Context, user *digime.User, named digime.AccountID) (digime.AccountID, error) {
	if named != "" {
		return named, nil
	}
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, a := range accounts {
		if a.Type == digime.AccountPush {
			ids = append(ids, string(a.ID))
		}
	}
	switch len(ids) {
	case 1:
		return digime.AccountID(ids[0]), nil
	case 0:
		return "", errors.New("no provider is connected: " +
			"run carrel client authorize --contract provider --source-type push")
	}
	return "", fmt.Errorf("give --account: the person has connected %s", strings.Join(ids, ", "))
}

// pushView is the JSON that is printed for a push.
type pushView struct {
	Account    digime.AccountID  `json:"accountId"`
	Status     int               `json:"status,omitempty"`
	Delivered  bool              `json:"delivered"`
	DeliveryID digime.DeliveryID `json:"deliveryId,omitempty"`
	Answer     json.RawMessage   `json:"answer,omitempty"`
	Error      *digime.Error     `json:"error,omitempty"`
}

// with adds the error.
func (v pushView) with(err error) pushView {
	var e *digime.Error
	if errors.As(err, &e) {
		v.Status, v.Error = e.Status, e
	}
	var d *digime.DeliveryError
	if errors.As(err, &d) {
		v.DeliveryID = d.ID
	}
	return v
}

func (v pushView) print() {
	switch {
	case !v.Delivered && v.DeliveryID == "": // only a Carrel gives an id
		fmt.Println("Accepted, and on its way.")
		return
	case !v.Delivered:
		fmt.Printf("Accepted, and on its way. To follow it:\n\n  carrel client deliveries %s --wait\n", v.DeliveryID)
		return
	}
	fmt.Printf("The provider has it.%s\n", asDelivery(v.DeliveryID))
	if len(v.Answer) > 0 {
		fmt.Printf("%s\n", v.Answer)
	}
}

func asDelivery(id digime.DeliveryID) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf(" (Delivery %s.)", id)
}

// explain adds the issues of an OperationOutcome to the error, one on each line, and what can be done.
func explain(err error) error {
	if err == nil {
		return nil
	}
	text := ""
	var e *digime.Error
	if errors.As(err, &e) {
		for _, issue := range issues(e.Outcome) {
			text += "\n  " + issue
		}
	}
	switch {
	case errors.Is(err, digime.ErrServiceAuthorization):
		text += "\nThe person has to connect the provider again: run carrel client reauthorize, and then push again."
	case errors.Is(err, digime.ErrDeliveryUnknown):
		text += "\nAsk the provider before you push it again."
	}
	if text == "" {
		return err
	}
	return fmt.Errorf("%w%s", err, text)
}

// issues returns the issues of an OperationOutcome, and of those in the entries of a Bundle, one line each.
func issues(outcome json.RawMessage) []string {
	type operationOutcome struct {
		Issue []struct {
			Severity, Code, Diagnostics string
			Details                     struct{ Text string }
			Location, Expression        []string
		}
	}
	var o struct {
		operationOutcome
		Entry []struct {
			Response struct {
				Status  string
				Outcome operationOutcome
			}
		}
	}
	if json.Unmarshal(outcome, &o) != nil {
		return nil
	}
	var list []string
	add := func(where string, o operationOutcome) {
		for _, i := range o.Issue {
			line := where + strings.TrimSpace(i.Severity+" "+i.Code)
			at := i.Expression
			if len(at) == 0 {
				at = i.Location
			}
			for _, part := range []string{strings.Join(at, ", "), i.Details.Text, i.Diagnostics} {
				if part != "" {
					line += ": " + part
				}
			}
			list = append(list, oneLine(line))
		}
	}
	add("", o.operationOutcome)
	for n, e := range o.Entry {
		where := fmt.Sprintf("entry %d (%s): ", n+1, e.Response.Status)
		add(where, e.Response.Outcome)
	}
	return list
}

// oneLine removes line breaks and control characters from the text of a provider.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)), " ")
}
