package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// sandboxAge is how old a sandbox is before it can be found to be one that nothing opens: the code that leads to its
// tokens is valid for a while.
const sandboxAge = time.Hour

// sandboxesAtOnce is how many sandboxes are listed at a time.
const sandboxesAtOnce = 100

// UseSandbox makes a library for an application to try things out with, and lets use answer the application's request
// for it. Nobody signs in to the library: it has no password, no recovery code and no e-mail address, and its private
// key exists for as long as use runs, and then in what use has sealed it to. If use fails the library is removed.
//
// UseSandbox returns the error of use, ErrNoNewLibraries, or a [*WaitError] after too many tries from the device's
// network address: see sandboxAllowance.
func (p *People) UseSandbox(ctx context.Context, device Device, use func(*SignedIn) error) error {
	if p.config.NoNewLibraries {
		return ErrNoNewLibraries
	}
	if err := p.reserveSandbox(ctx, device); err != nil {
		return err
	}
	key, err := seal.GenerateKey()
	if err != nil {
		return err
	}
	id, now := ID(seal.RandomID(26)), p.now()
	// The space makes it no e-mail address that anybody could sign in with.
	library := Library{ID: id, Email: "sandbox " + string(id), PublicKey: key.PublicKey(), CreatedAt: now,
		CodeSaved: true, CodeMadeAt: now, Sandbox: true}
	library.Binding = p.integrity.BindLibrary(library.ID, library.PublicKey.Bytes())
	secret, login, err := p.newLogin(library, key, "", device.Kind)
	if err != nil {
		return err
	}
	event := p.event(library.ID, EventLibraryCreated, EventDetails{Agent: device.Kind})
	if err := p.libraries.AddLibrary(ctx, library, nil, Login{}, event); err != nil {
		return fmt.Errorf("add sandbox: %w", err)
	}
	in := &SignedIn{Login: login, Library: library, Address: device.Address, secret: secret, integrity: p.integrity}
	if err := use(in); err != nil {
		// The sweep removes it if this does not.
		return errors.Join(err, p.delete(context.WithoutCancel(ctx), library.ID))
	}
	return nil
}

// reserveSandbox counts a try to make a sandbox, also one that fails, against the network address.
func (p *People) reserveSandbox(ctx context.Context, device Device) error {
	if device.Address == "" {
		return nil
	}
	_, err := p.limiter.reserve(p.now(), sandboxAllowance(device.Address))
	if wait := (*WaitError)(nil); errors.As(err, &wait) {
		wait.Creations = true
	}
	return p.refused(ctx, actionCreate, device.Address, err)
}

// DeleteSandboxes deletes the sandboxes that no token opens any more.
func (p *People) DeleteSandboxes(ctx context.Context) error {
	for {
		now := p.now()
		ids, err := p.libraries.ListUnopenable(ctx, now.Add(-sandboxAge), now, sandboxesAtOnce)
		if err != nil {
			return fmt.Errorf("list sandboxes: %w", err)
		}
		for _, id := range ids {
			if err := p.delete(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if len(ids) < sandboxesAtOnce {
			return nil
		}
	}
}
