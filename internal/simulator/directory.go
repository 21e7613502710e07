package simulator

import (
	"encoding/json"
)

// directoryEntry is a provider as the directory shows it.
type directoryEntry struct {
	Name    string `json:"name"`
	City    string `json:"city"`
	ZipCode string `json:"zipCode"`
	Kind    string `json:"organizationType"`
}

// Directory is JSON with what the lists do not say of a provider: what people call it
// and where it is.
func (s *Simulator) Directory() []byte {
	cards := map[string]directoryEntry{}
	for _, p := range s.providers {
		cards[p.name] = directoryEntry{Name: p.display, City: p.city, ZipCode: p.zipCode, Kind: p.kind}
	}
	text, err := json.MarshalIndent(cards, "", "  ")
	if err != nil {
		return []byte("{}") // cannot be: strings alone
	}
	return append(text, '\n')
}
