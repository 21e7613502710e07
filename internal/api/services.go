package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/carrelhq/carrel/internal/catalogue"
)

// serviceLists are the answers of discovery/services, which anybody may ask for, and of which one may have megabytes:
// they are encoded once for each state of the catalogue.
type serviceLists struct {
	mu      sync.Mutex
	version any
	// answers are without and with the sources that have nothing but sample data.
	answers map[bool][]byte
}

// services answers with the sources, as clients of before version 13 of the Node SDK and the mobile SDKs ask for them.
func (a *api) services(w http.ResponseWriter, r *http.Request) error {
	sampleOnly, err := queryFlag(r, "includeSampleDataOnlySources")
	if err != nil {
		return err
	}
	answer, err := a.serviceLists.get(a.Catalogue, sampleOnly)
	if err != nil {
		return err
	}
	writeRaw(w, http.StatusOK, answer)
	return nil
}

// get returns the answer for the current state of the catalogue.
func (l *serviceLists) get(c *catalogue.Catalogue, sampleOnly bool) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if version := c.ServicesVersion(); version != l.version {
		l.version, l.answers = version, map[bool][]byte{}
	}
	if answer, known := l.answers[sampleOnly]; known {
		return answer, nil
	}
	list, version := c.ListServices(sampleOnly)
	answer, err := json.Marshal(struct {
		Data catalogue.Services `json:"data"`
	}{list})
	if err != nil {
		return nil, fmt.Errorf("encode services: %w", err)
	}
	if version == l.version { // otherwise the catalogue has just changed once more
		l.answers[sampleOnly] = answer
	}
	return answer, nil
}
