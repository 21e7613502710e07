package medmij

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/provider"
)

// fetchTimeout bounds the fetching of one list.
const fetchTimeout = time.Minute

// errUnchanged says that a list is still what it was.
var errUnchanged = errors.New("unchanged")

// Refresh fetches all lists, at once. One that fails does not keep the others from
// being taken over; its last good copy stands. The error says what failed.
func (n *Network) UpdateLists(ctx context.Context) error {
	n.updating.Lock()
	defer n.updating.Unlock()
	errs := make([]error, len(listNames))
	var all sync.WaitGroup
	for i, name := range listNames {
		all.Go(func() {
			if err := n.updateList(ctx, name); err != nil && !errors.Is(err, errUnchanged) {
				errs[i] = fmt.Errorf("refresh %s: %w", name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (n *Network) updateList(ctx context.Context, name listName) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	n.mu.Lock()
	etag := n.etags[name]
	n.mu.Unlock()
	text, etag, err := n.fetchList(ctx, name, etag)
	if err != nil {
		return err
	}
	l, err := n.reader.read(name, text)
	if err != nil {
		return err
	}
	return n.acceptList(name, l, text, etag)
}

// take makes a list the one that counts, unless it is older than the one we have:
// "Volgnummer grows by one with each publication" (Lijsten).
func (n *Network) acceptList(name listName, l list, text []byte, etag string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.current.Load()
	had := before.number(name)
	if l.number() < had {
		return fmt.Errorf("its Volgnummer %d is lower than %d, which we have: refused", l.number(), had)
	}
	// On disk first: what has counted once counts after a restart. If the disk is at
	// fault the list counts all the same, since it may take a host off the whitelist.
	var kept error
	if l.number() > had || n.uncached[name] {
		kept = n.cacheList(name, text)
		n.uncached[name] = kept != nil
	}
	if l.number() > had {
		n.current.Store(before.with(l, n.config))
		n.config.Log.Info("a list of MedMij was taken over", "list", string(name), "number", l.number())
	}
	n.etags[name] = etag
	if kept != nil {
		n.etags[name] = "" // fetch it again, to keep it
	}
	return kept
}

// fetch gets a list, if it is another one than that of the tag.
func (n *Network) fetchList(ctx context.Context, name listName, etag string) ([]byte, string, error) {
	h := http.Header{"Accept": {"application/xml, text/xml"}, "User-Agent": {provider.UserAgent}}
	if etag != "" {
		h.Set("If-None-Match", etag)
	}
	r, err := n.listServer.Do(ctx, provider.Request{Method: http.MethodGet, URL: n.config.listURL(name), Header: h, MaxResponse: maxListBytes})
	switch {
	case err != nil:
		return nil, "", err
	case r.Status == http.StatusNotModified && etag != "":
		return nil, "", errUnchanged
	case r.Status != http.StatusOK:
		return nil, "", fmt.Errorf("the list server answered %d", r.Status)
	case r.BodyError != "":
		return nil, "", errors.New("the list " + string(r.BodyError))
	}
	// encoding/xml would take the mark for text.
	return provider.TrimBOM(r.Body), r.Header.Get("ETag"), nil
}
