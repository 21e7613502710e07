package simulator

import (
	"encoding/json"
	"testing"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	var cards map[string]directoryEntry
	if err := json.Unmarshal(n.s.Directory(), &cards); err != nil {
		t.Fatal(err)
	}
	if want := (directoryEntry{"Huisartsenpraktijk De Linde", "Utrecht", "3511 AB",
		"general-practitioner"}); cards["huisartslinde"] != want || len(cards) != 4 {
		t.Errorf("directory %+v", cards)
	}
}
