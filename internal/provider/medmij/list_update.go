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

// fetchTimeout is the longest that fetching a list may take.
const fetchTimeout = time.Minute

// errUnchanged is returned for a list that has not changed since its ETag.
var errUnchanged = errors.New("unchanged")

// UpdateLists fetches all lists concurrently. If a list fails, its last good copy stays in
// use and the others are updated. The error has the lists that failed.
func (n *Network) UpdateLists(ctx context.Context) error {
	n.updating.Lock()
	defer n.updating.Unlock()
	errs := make([]error, len(listNames))
	var wg sync.WaitGroup
	for i, name := range listNames {
		wg.Go(func() {
			if err := n.updateList(ctx, name); err != nil && !errors.Is(err, errUnchanged) {
				errs[i] = fmt.Errorf("update %s: %w", name, err)
			}
		})
	}
	wg.Wait()
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
	list, err := n.reader.read(name, text)
	if err != nil {
		return err
	}
	return n.acceptList(name, list, text, etag)
}

// acceptList starts to use a list, unless it is older than the current one: "Volgnummer
// grows by one with each publication" (Lijsten).
func (n *Network) acceptList(name listName, list parsedList, text []byte, etag string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.current.Load()
	number := before.number(name)
	if list.number() < number {
		return fmt.Errorf("its Volgnummer %d is lower than %d, which we have: refused", list.number(), number)
	}
	// The list is written before it is used, so that a restart does not bring back an older
	// one. A list that cannot be written is used nevertheless, since it may remove a host
	// from the whitelist.
	var cacheErr error
	if list.number() > number || n.uncached[name] {
		cacheErr = n.cacheList(name, text)
		n.uncached[name] = cacheErr != nil
	}
	if list.number() > number {
		n.current.Store(before.with(list, n.config))
		n.config.Log.Info("a new MedMij list is in use", "list", string(name), "number", list.number())
	}
	n.etags[name] = etag
	if cacheErr != nil {
		n.etags[name] = "" // fetch it again, to cache it
	}
	return cacheErr
}

// fetchList fetches a list, or returns errUnchanged if its ETag is still etag.
func (n *Network) fetchList(ctx context.Context, name listName, etag string) (text []byte, newETag string, err error) {
	h := http.Header{"Accept": {"application/xml, text/xml"}, "User-Agent": {provider.UserAgent}}
	if etag != "" {
		h.Set("If-None-Match", etag)
	}
	r, err := n.listServer.Do(ctx, provider.Request{
		Method: http.MethodGet, URL: n.config.listURL(name), Header: h, MaxResponse: maxListBytes,
	})
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
	return provider.TrimBOM(r.Body), r.Header.Get("ETag"), nil
}
