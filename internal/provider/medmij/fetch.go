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
func (n *Network) Refresh(ctx context.Context) error {
	n.refreshing.Lock()
	defer n.refreshing.Unlock()
	errs := make([]error, len(listNames))
	var all sync.WaitGroup
	for i, name := range listNames {
		all.Go(func() {
			if err := n.refresh(ctx, name); err != nil && !errors.Is(err, errUnchanged) {
				errs[i] = fmt.Errorf("refresh %s: %w", name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (n *Network) refresh(ctx context.Context, name listName) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	n.changing.Lock()
	etag := n.etags[name]
	n.changing.Unlock()
	text, etag, err := n.fetch(ctx, name, etag)
	if err != nil {
		return err
	}
	l, err := n.rules.read(name, text)
	if err != nil {
		return err
	}
	return n.take(name, l, text, etag)
}

// take makes a list the one that counts, unless it is older than the one we have:
// "Volgnummer grows by one with each publication" (Lijsten).
func (n *Network) take(name listName, l list, text []byte, etag string) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	before := n.known.Load()
	had := before.number(name)
	if l.number() < had {
		return fmt.Errorf("its Volgnummer %d is lower than %d, which we have: refused", l.number(), had)
	}
	// On disk first: what has counted once counts after a restart. If the disk is at
	// fault the list counts all the same, since it may take a host off the whitelist.
	var kept error
	if l.number() > had || n.unkept[name] {
		kept = n.keep(name, text)
		n.unkept[name] = kept != nil
	}
	if l.number() > had {
		n.known.Store(before.with(l, n.c))
		n.c.Log.Info("a list of MedMij was taken over", "list", string(name), "number", l.number())
	}
	n.etags[name] = etag
	if kept != nil {
		n.etags[name] = "" // fetch it again, to keep it
	}
	return kept
}

// fetch gets a list, if it is another one than that of the tag.
func (n *Network) fetch(ctx context.Context, name listName, etag string) ([]byte, string, error) {
	h := http.Header{"Accept": {"application/xml, text/xml"}, "User-Agent": {provider.UserAgent}}
	if etag != "" {
		h.Set("If-None-Match", etag)
	}
	r, err := n.lists.Do(ctx, provider.Call{Method: http.MethodGet, URL: n.c.listAddress(name), Header: h, Limit: maxList})
	switch {
	case err != nil:
		return nil, "", err
	case r.Status == http.StatusNotModified && etag != "":
		return nil, "", errUnchanged
	case r.Status != http.StatusOK:
		return nil, "", fmt.Errorf("the list server answered %d", r.Status)
	case r.Loss != "":
		return nil, "", errors.New("the list " + string(r.Loss))
	}
	// encoding/xml would take the mark for text.
	return provider.TrimBOM(r.Body), r.Header.Get("ETag"), nil
}
