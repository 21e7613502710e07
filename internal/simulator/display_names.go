package simulator

import "encoding/json"

// directoryEntry is a provider in the directory.
type directoryEntry struct {
	Name    string `json:"name"`
	City    string `json:"city"`
	ZipCode string `json:"zipCode"`
	Kind    string `json:"organizationType"`
}

// Directory returns JSON with what the lists do not have: the providers' display names
// and addresses.
func (s *Simulator) Directory() []byte {
	cards := map[string]directoryEntry{}
	for _, p := range s.providers {
		cards[p.name] = directoryEntry{Name: p.display, City: p.city, ZipCode: p.zipCode, Kind: p.kind}
	}
	text, err := json.MarshalIndent(cards, "", "  ")
	if err != nil {
		return []byte("{}") // unreachable: the values are strings
	}
	return append(text, '\n')
}
