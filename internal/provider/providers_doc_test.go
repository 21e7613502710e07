package provider

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/testenv"
)

// TestDocs: the page for operators has every reason of the table, and of what happens
// without an answer.
func TestDocs(t *testing.T) {
	page := providertest.ProvidersDoc(t, testenv.Root(t))
	for _, r := range statusRules {
		if !strings.Contains(page, r.reason) {
			t.Errorf("docs/providers.md does not have %q", r.reason)
		}
	}
	providertest.CheckReasonsDocumented(t, page, causeTexts[:]...)
	providertest.CheckReasonsDocumented(t, page, reasonNoNetwork, reasonNotFHIR)
}
