package provider

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/testenv"
)

// docs/providers.md has each reason of the status rules and of the transport errors.
func TestReasonsDocumented(t *testing.T) {
	page := providertest.ProvidersDoc(t, testenv.Root(t))
	for _, r := range statusRules {
		if !strings.Contains(page, r.reason) {
			t.Errorf("docs/providers.md does not have %q", r.reason)
		}
	}
	providertest.CheckReasonsDocumented(t, page, causeTexts[:]...)
	providertest.CheckReasonsDocumented(t, page, reasonNoNetwork, reasonNotFHIR)
}
