package library

import (
	"context"
	"errors"
	"fmt"
)

// RebindStore replaces what was made with an older master key.
type RebindStore interface {
	AdoptionStore
	ChainStore
	// ListOfOlderKey returns up to limit rows of a kind whose binding was made with another master
	// key than the one of the id, with that binding, after the given one; files from sources without Parts.
	ListOfOlderKey(ctx context.Context, kind BoundKind, key []byte, after Unbound, limit int) ([]Unbound, error)
	// ListCheckpointsOfOlderKey does the same for checkpoints.
	ListCheckpointsOfOlderKey(
		ctx context.Context,
		key []byte,
		after EventCheckpoint,
		limit int,
	) ([]EventCheckpoint, error)
	// SetAdoptionMAC replaces the MAC of the adoption of a generation.
	SetAdoptionMAC(ctx context.Context, g AdoptionGeneration, mac []byte) error
	// Unbind removes the records of the adoptions, every binding under a master key, and every
	// checkpoint, so that the next start adopts all of it. The end of an activity that was forged
	// stays so.
	Unbind(ctx context.Context) error
}

// Rebind makes anew, with the newest master key, every MAC that an older key of the keyring has
// made, so that the older key can be dropped. It leaves one that no key has made, since that was
// forged. It may be interrupted and begun again.
func (i *Integrity) Rebind(ctx context.Context, store RebindStore) error {
	for g := AdoptedSecrets; g <= NewestAdoption; g++ {
		if err := i.rebindGeneration(ctx, store, g); err != nil {
			return fmt.Errorf("bind with the newest master key: %w", err)
		}
	}
	for _, kind := range []BoundKind{BoundLogin, BoundRequest} {
		if err := i.rebind(ctx, store, kind); err != nil {
			return fmt.Errorf("bind with the newest master key: %w", err)
		}
	}
	if err := i.rebindCheckpoints(ctx, store); err != nil {
		return fmt.Errorf("bind with the newest master key: %w", err)
	}
	return nil
}

func (i *Integrity) rebindGeneration(ctx context.Context, store RebindStore, g AdoptionGeneration) error {
	for _, kind := range g.kinds() {
		if err := i.rebind(ctx, store, kind); err != nil {
			return err
		}
	}
	a, err := store.GetAdoption(ctx, g)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get adoption: %w", err)
	}
	if !i.ring.VerifyMAC(a.MAC, purposeAdoption, a.parts()...) {
		return ErrAdoptionForged
	}
	return store.SetAdoptionMAC(ctx, g, i.ring.MAC(purposeAdoption, a.parts()...))
}

func (i *Integrity) rebind(ctx context.Context, store RebindStore, kind BoundKind) error {
	after := Unbound{Kind: kind}
	for {
		rows, err := store.ListOfOlderKey(ctx, kind, i.ring.NewestID(), after, adoptionBatch)
		if err != nil {
			return err
		}
		var genuine []Unbound
		for _, row := range rows {
			there, err := loadParts(ctx, store, &row)
			if err != nil {
				return err
			}
			own, server := splitBinding(row.Binding)
			if there && i.ring.VerifyMAC(server, row.purpose(), row.parts()...) {
				row.Binding = append(own, i.bindRow(row)...)
				genuine = append(genuine, row)
			}
		}
		if err := store.Bind(ctx, genuine); err != nil {
			return err
		}
		if len(rows) < adoptionBatch {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

func (i *Integrity) rebindCheckpoints(ctx context.Context, store RebindStore) error {
	var after EventCheckpoint
	for {
		rows, err := store.ListCheckpointsOfOlderKey(ctx, i.ring.NewestID(), after, adoptionBatch)
		if err != nil {
			return err
		}
		var genuine []EventCheckpoint
		for _, c := range rows {
			if i.verifyCheckpoint(c) == nil {
				genuine = append(genuine, i.checkpoint(Event{Library: c.Library, Seq: c.Seq, Hash: c.Hash}))
			}
		}
		if err := store.AddEventCheckpoints(ctx, genuine); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if len(rows) < adoptionBatch {
			return nil
		}
		after = rows[len(rows)-1]
	}
}
