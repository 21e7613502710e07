// Package samplesource fetches sample data as if it came from the service that it imitates.
package samplesource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// Source fetches the set of sample data that an account was connected with.
type Source struct {
	Now func() time.Time
	// Delay is how long each file takes, except in a set that has delays of its own.
	Delay time.Duration
}

// Fetch implements [fetch.Sources]. The position is the key of the last file.
func (s Source) Fetch(
	ctx context.Context, account delivery.Connection, position string, yield func(fetch.Item) error,
) error {
	from := account.Source
	set, ok := sampledata.Find(from.SampleData, from.SampleSet)
	if !ok {
		return &fetch.Problem{AccountError: wire.AccountError{Code: "ServiceUnavailable", StatusCode: 503,
			Message: "There is no such sample data any more"}}
	}
	if from.SampleReauthorized {
		set = set.Reauthorized()
	}
	var problem *fetch.Problem
	before := position != "" // the files up to the position
	owner := sampledata.Account{ID: account.ID, GroupID: from.GroupID, GroupName: from.GroupName,
		ServiceName: from.ServiceReference}
	for file, err := range set.Files(owner, s.Now()) {
		var reported *sampledata.SourceError
		switch {
		case errors.As(err, &reported):
			problem = s.problem(reported)
			continue
		case err != nil:
			return err
		case before:
			before = file.Key != position
			continue
		}
		if err := s.wait(ctx, file.Delay); err != nil {
			return err
		}
		item := fetch.Item{Key: file.Key, Position: file.Key, ObjectType: file.ObjectType.ID, From: file.From,
			To: file.To, Mapped: file.Metadata.Mapped, Content: file.Content()}
		if file.Metadata.Raw != nil {
			item.Raw = *file.Metadata.Raw
		} else {
			item.Raw = wire.RawMetadata{MIMEType: file.MIMEType(), Reference: []string{file.Key + ".json"},
				Accounts:      []wire.DescriptorAccount{{AccountID: string(account.ID)}},
				ObjectTypes:   []wire.ObjectType{{Name: file.ObjectType.Name}},
				ServiceGroups: []int{from.GroupID}, ProviderName: from.Name}
		}
		if err := yield(item); err != nil {
			return err
		}
	}
	if problem != nil {
		return problem
	}
	return nil
}

// wait waits until a file comes that has a delay of its own, or none.
func (s Source) wait(ctx context.Context, delay time.Duration) error {
	if delay == 0 {
		delay = s.Delay
	}
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for sample data: %w", ctx.Err())
	case <-timer.C:
		return nil
	}
}

func (s Source) problem(e *sampledata.SourceError) *fetch.Problem {
	p := &fetch.Problem{AccountError: wire.AccountError{Code: e.Code, StatusCode: e.Status, Message: e.Message,
		Reauthorize: e.Reauth}}
	if e.RetryAfter > 0 {
		p.RetryAfter = wire.MillisOf(s.Now().Add(e.RetryAfter))
	}
	for _, t := range e.ObjectTypes {
		of := wire.ObjectTypeError{ObjectType: t.ObjectType.ID}
		of.Error.Code, of.Error.Message, of.Error.StatusCode = t.Code, t.Message, t.Status
		p.ObjectTypeErrors = append(p.ObjectTypeErrors, of)
	}
	return p
}
