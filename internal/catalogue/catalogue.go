// Package catalogue has the sources that people can connect, the services and
// categories that the sources belong to, countries and platforms.
//
// A [Catalogue] comes from one file, which an operator may replace in whole or in part
// (docs/catalogue.md), and from any number of [SourceLister]s, such as MedMij's list,
// whose sources change while the server runs. All of it is in memory, sorted by name,
// and searched from the start for each query: ten thousand sources take about a
// millisecond. When a list has changed, a new index is built beside the old one and
// then replaces it.
package catalogue

import (
	"bytes"
	_ "embed" // the default catalogue
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// ErrNotFound is returned if a source does not exist.
var ErrNotFound = library.ErrNotFound

// ErrListUnavailable is returned if a source is not found and a list that may have it is
// not available now.
var ErrListUnavailable = delivery.ErrListUnavailable

// FirstOwnID is above the ids of digi.me. FirstListedID is the first id that is computed
// from a provider's key, and above the ids that an operator assigns.
const (
	FirstOwnID    = 900_000
	FirstListedID = 1_000_000
)

// Ids of the services in the default catalogue.
const (
	ServiceMedMij = 900001
	ServiceFHIR   = 900002
)

// SourceLister lists sources that are not in the file.
type SourceLister interface {
	// ListSources returns the current sources. The generation changes whenever the list
	// does. An error means that no list is available now. The method is called for each
	// query, so it returns what is in memory. The list must not be modified afterwards.
	ListSources() (list []Source, generation uint64, err error)
}

// Catalogue holds the sources and services of a file and the sources of listers. It is
// safe for concurrent use after the call of AddListers.
type Catalogue struct {
	file    *file
	listers []SourceLister
	log     *slog.Logger

	index   atomic.Pointer[index]
	buildMu sync.Mutex
}

//go:embed default.json
var defaultFile []byte

// Load reads a catalogue from an operator's file, or the default catalogue if path is
// empty. The catalogue logs which listed sources it leaves out, and why.
func Load(path string, log *slog.Logger) (*Catalogue, error) {
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return nil, fmt.Errorf("catalogue %s: the file is empty", path)
		}
	}
	c, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", path, err)
	}
	c.log = log
	return c, nil
}

// Parse is like Load for the text of a file, without a log. An empty text stands for the
// default catalogue. The error names each place in the file that is wrong.
func Parse(text []byte) (*Catalogue, error) {
	f, err := parseFile(text)
	if err != nil {
		return nil, err
	}
	return &Catalogue{file: f, log: slog.New(slog.DiscardHandler)}, nil
}

// AddListers adds listers. It must be called before the first query.
func (c *Catalogue) AddListers(listers ...SourceLister) { c.listers = append(c.listers, listers...) }

// Directory returns the directory of MedMij's providers in the file.
func (c *Catalogue) Directory() Directory { return c.file.directory }

// Get returns a source, whatever its status. The error is ErrNotFound, or
// ErrListUnavailable if a list that is not available may have the source.
func (c *Catalogue) Get(id int) (Source, error) {
	x := c.currentIndex()
	if i, ok := x.byID[id]; ok {
		return x.entries[i].Source, nil
	}
	if x.listErr != nil && id >= FirstListedID {
		return Source{}, x.listErr
	}
	return Source{}, fmt.Errorf("source %d: %w", id, ErrNotFound)
}

// Source returns a source that can be connected now, as [delivery.Catalogue] requires.
// The errors are those of Get.
func (c *Catalogue) Source(id int) (delivery.Source, error) {
	s, err := c.Get(id)
	if err != nil {
		return delivery.Source{}, err
	}
	if !s.Connectable() {
		return delivery.Source{}, fmt.Errorf("source %d cannot be connected now: %w", id, ErrNotFound)
	}
	return s.toDelivery(), nil
}

// SampleSource returns a source to be connected with a set of sample data, as [delivery.SampleCatalogue] requires.
// The errors are those of Get.
func (c *Catalogue) SampleSource(id int, q delivery.SampleQuery) (delivery.Source, error) {
	s, err := c.Get(id)
	if err != nil {
		return delivery.Source{}, err
	}
	set, ok := s.sampleSet(q)
	if !ok {
		return delivery.Source{}, fmt.Errorf("source %d has no such sample data: %w", id, ErrNotFound)
	}
	source := s.toDelivery()
	source.Provider, source.Push, source.Version = "", false, ""
	source.SampleData, source.SampleSet = s.SampleData, set
	return source, nil
}

// Offers reports whether a person can connect a source for the purpose, to send to it or to collect from
// it, and with the sample data set if the query names one. Without a source it reports whether that is so of
// any. What is collected must come from a source that the query includes. It is false for a source of a list
// that is not available now.
func (c *Catalogue) Offers(source int, push bool, q delivery.SampleQuery) bool {
	offers := func(s *Source) bool {
		if push && !s.Push || !push && (!s.Pull || !s.inScope(q)) {
			return false
		}
		if q.Set != "" {
			_, has := sampledata.Find(s.SampleData, q.Set)
			return has && s.HasSampleData()
		}
		return s.Connectable() || s.HasSampleData()
	}
	x := c.currentIndex()
	if source != 0 {
		i, ok := x.byID[source]
		return ok && offers(&x.entries[i].Source)
	}
	return slices.ContainsFunc(x.entries, func(e entry) bool { return offers(&e.Source) })
}

// SampleDataSets returns the sample data sets that a source can be connected with, by
// id. They are the sets of its collection in [sampledata], in English. The map may be empty.
func (c *Catalogue) SampleDataSets(source int) (map[string]wire.SampleDataSet, error) {
	s, err := c.Get(source)
	if err != nil {
		return nil, err
	}
	sets := map[string]wire.SampleDataSet{}
	if !s.HasSampleData() {
		return sets, nil
	}
	for _, set := range sampledata.Sets(s.SampleData) {
		sets[set.ID] = wire.SampleDataSet{Name: set.Name.EN, Description: set.Description.EN}
	}
	return sets, nil
}
