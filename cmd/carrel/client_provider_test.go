package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/server/servertest"
	"github.com/carrelhq/carrel/internal/simulator"
)

// To a provider at the command line: connect, push, be refused, look, connect again.
func TestClientProvider(t *testing.T) {
	s := servertest.StartWithProviders(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "demo.json")
	c, err := demo.Register(t.Context(), s.Clients, s.URL, "http://"+freeAddress(t)+"/callback", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARREL_CREDENTIALS", path)
	weight := filepath.Join(dir, "weight.json")
	content := `{"resourceType":"Observation","status":"final","meta":{"profile":["http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight"]},"code":{"text":"Weight"},"valueQuantity":{"value":72.50,"unit":"kg"}}`
	if err := os.WriteFile(weight, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}

	person := s.Person()
	person.Provider = "De Linde"
	authorize(t, person, c.Callback, "--contract", "provider", "--source-type", "push")
	var accounts []digime.Account
	carrelJSON(t, &accounts, "client", "accounts", "--contract", "provider", "--json")
	accounts = slices.DeleteFunc(accounts, func(a digime.Account) bool { return a.Type != digime.AccountPush })
	if len(accounts) != 1 {
		t.Fatalf("accounts %+v", accounts)
	}

	var pushed pushView
	carrelJSON(t, &pushed, "client", "push-provider", weight, "--account", string(accounts[0].ID), "--json")
	if !pushed.Delivered || pushed.DeliveryID == "" || pushed.Account != accounts[0].ID || !strings.Contains(string(pushed.Answer), "72.50") {
		t.Errorf("pushed %+v", pushed)
	}
	if out := run(t, strings.NewReader(content), "client", "push-provider", "-"); !strings.Contains(out, "The provider has it.") {
		t.Errorf("push of standard input printed %q", out)
	}
	if n := len(s.Providers.Filed()); n != 2 {
		t.Errorf("%d were filed", n)
	}

	if said := fails(t, `{"resourceType":"Observation","status":7}`, "client", "push-provider", "-"); !strings.Contains(said, "\n  error ") || !strings.Contains(said, "Observation.status") {
		t.Errorf("malformed: %s", said)
	}
	s.Providers.SetBehaviour("huisartslinde", simulator.Behaviour{Resource: simulator.ResourceUnprocessable})
	if said := fails(t, content, "client", "push-provider", "-"); !strings.Contains(said, "ProviderRefused") || !strings.Contains(said, "\n  error ") {
		t.Errorf("refused: %s", said)
	}
	var list []digime.Delivery
	carrelJSON(t, &list, "client", "deliveries", "--json")
	if len(list) != 3 || list[0].State != digime.DeliveryRefused || list[1].State != digime.DeliveryDelivered {
		t.Errorf("deliveries %+v", list)
	}
	if out := run(t, nil, "client", "deliveries"); !strings.Contains(out, string(pushed.DeliveryID)) || !strings.Contains(out, "Observation") {
		t.Errorf("deliveries printed %s", out)
	}
	if out := run(t, nil, "client", "deliveries", string(pushed.DeliveryID), "--wait"); !strings.Contains(out, "delivered") || !strings.Contains(out, "72.50") {
		t.Errorf("delivery printed %s", out)
	}
	if said := fails(t, "", "client", "deliveries", string(list[0].ID), "--wait"); !strings.Contains(said, "\n  error ") {
		t.Errorf("waiting for what was refused: %s", said)
	}

	s.Providers.SetBehaviour("huisartslinde", simulator.Behaviour{})
	s.Providers.Revoke("huisartslinde")
	if said := fails(t, content, "client", "push-provider", "-"); !strings.Contains(said, "carrel client reauthorize") {
		t.Errorf("revoked: %s", said)
	}
	throughPages(t, person, c.Callback, "client", "reauthorize")
	if out := run(t, strings.NewReader(content), "client", "push-provider", "-"); !strings.Contains(out, "The provider has it.") {
		t.Errorf("connected again: %q", out)
	}
}

// fails runs a command that must fail, and returns what it says.
func fails(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := carrel(t.Context(), t, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	if err := cmd.Run(); err == nil {
		t.Errorf("carrel %v succeeds", args)
	}
	return stderr.String()
}

// What FHIR says of a failure is read by people: one line for each issue, and nothing that
// moves about in their terminal.
func TestIssues(t *testing.T) {
	for name, test := range map[string]struct {
		outcome string
		want    []string
	}{
		"an outcome": {`{"resourceType":"OperationOutcome","issue":[
			{"severity":"error","code":"invalid","expression":["Bundle.entry[1].resource.status"],"location":["/f:Bundle"],"diagnostics":"is required"},
			{"severity":"warning","code":"informational","details":{"text":"two\nlines \u001b[31m"}}]}`,
			[]string{"error invalid: Bundle.entry[1].resource.status: is required", "warning informational: two lines [31m"}},
		"a batch": {`{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201 Created"}},
			{"response":{"status":"422","outcome":{"issue":[{"severity":"error","code":"code-invalid","location":["Observation.code"]}]}}}]}`,
			[]string{"entry 2 (422): error code-invalid: Observation.code"}},
		"something else": {`[1]`, nil},
		"nothing":        {``, nil},
	} {
		if got := issues(json.RawMessage(test.outcome)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	refused := &digime.Error{Code: "ProviderRefused", Status: 422, Message: "refused", Outcome: json.RawMessage(`{"issue":[{"severity":"error","code":"invalid"}]}`)}
	if err := explain(refused); err.Error() != "refused (422 ProviderRefused)\n  error invalid" || !errors.Is(err, digime.ErrProviderRefused) {
		t.Errorf("explained as %q", err)
	}
	if plain := errors.New("plain"); explain(plain).Error() != "plain" || explain(nil) != nil {
		t.Error("explains what it does not know")
	}
}
