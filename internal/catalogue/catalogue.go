// Package catalogue holds what people can connect: sources, the services and categories
// that they belong to, countries and platforms.
//
// It comes from one file, which an operator may replace in whole or in part
// (docs/catalogue.md), and from listings, such as MedMij's, whose sources come and go by
// themselves. All of it is kept in memory, sorted by name, and looked through anew for
// each query: ten thousand sources take about a millisecond. When a listing has changed
// a new index is built beside the old one and takes its place at once.
package catalogue

import (
	_ "embed" // the catalogue that ships
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// ErrNotFound says that there is no such source.
var ErrNotFound = library.ErrNotFound

// ErrUnlisted says that a listing cannot be had now: what was looked for may be there.
var ErrUnlisted = delivery.ErrUnlisted

// Ids of our own begin at FirstOwnID, so that they never meet digi.me's. Those that
// follow from a provider's key begin at FirstListedID, so that they never meet those
// that an operator gives out.
const (
	FirstOwnID    = 900_000
	FirstListedID = 1_000_000
)

// Service types of the catalogue that ships.
const (
	ServiceMedMij = 900001
	ServiceFHIR   = 900002
)

// Listing is where sources come from that the file does not hold.
type Listing interface {
	// Sources returns what is listed now. The generation is another whenever the list may
	// be. An error means that nothing can be listed now. It is called for each query, so it
	// returns what it has at hand; nobody changes the list any more.
	Sources() (list []Source, generation uint64, err error)
}

// Catalogue is the sources and services that people can connect: what a file says, and
// what listings add.
type Catalogue struct {
	file     *file
	listings []Listing
	log      *slog.Logger

	index    atomic.Pointer[index]
	building sync.Mutex
}

//go:embed default.json
var shipped []byte

// Load reads a catalogue from an operator's file; of "" it takes the one that ships.
// The log is told which listed sources are left out, and why.
func Load(path string, log *slog.Logger) (*Catalogue, error) {
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
	}
	c, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", path, err)
	}
	c.log = log
	return c, nil
}

// Parse is Load for the text of a file, without a log; empty text is the catalogue that ships. Its
// error names each place that is wrong.
func Parse(text []byte) (*Catalogue, error) {
	f, err := parseFile(text)
	if err != nil {
		return nil, err
	}
	return &Catalogue{file: f, log: slog.New(slog.DiscardHandler)}, nil
}

// Add adds listings. It is for before the first query.
func (c *Catalogue) Add(listings ...Listing) { c.listings = append(c.listings, listings...) }

// Directory is the file's part about MedMij's providers.
func (c *Catalogue) Directory() Directory { return c.file.directory }

// Entry finds a source, whatever its status. The error is ErrNotFound, or ErrUnlisted
// if a listing that cannot be had may hold it.
func (c *Catalogue) Entry(id int) (Source, error) {
	x := c.current()
	if i, ok := x.byID[id]; ok {
		return x.entries[i].Source, nil
	}
	if x.unlisted != nil && id >= FirstListedID {
		return Source{}, x.unlisted
	}
	return Source{}, fmt.Errorf("source %d: %w", id, ErrNotFound)
}

// Source finds a source that can be connected now; it answers [delivery.Catalogue].
// The errors are those of Entry.
func (c *Catalogue) Source(id int) (delivery.Source, error) {
	s, err := c.Entry(id)
	if err != nil {
		return delivery.Source{}, err
	}
	if !s.Usable() {
		return delivery.Source{}, fmt.Errorf("source %d cannot be connected now: %w", id, ErrNotFound)
	}
	return s.library(), nil
}

// HasPushSources reports whether there is any source that can be connected and sent to, or a
// listing that cannot be had now may hold one; it answers [delivery.Catalogue].
func (c *Catalogue) HasPushSources() (bool, error) {
	_, total, err := c.Choose(Choice{Push: true, Limit: 1})
	if errors.Is(err, ErrUnlisted) {
		return true, nil
	}
	return total > 0, err
}

// SampleDataSets are the invented data that a source can be connected with, by id;
// none is no error.
func (c *Catalogue) SampleDataSets(source int) (map[string]wire.SampleDataSet, error) {
	s, err := c.Entry(source)
	if err != nil {
		return nil, err
	}
	if !s.Sampled() {
		return map[string]wire.SampleDataSet{}, nil
	}
	return s.SampleDataSets, nil
}
