package main

import (
	"path/filepath"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/testenv"
)

// bothDurableDatabases runs a test with the address of a new database of each kind that syncs what it answers.
func bothDurableDatabases(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "carrel.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, testenv.DurablePostgres(t))
	})
}

// addApplication registers an application by the command, and returns its id.
func addApplication(t testing.TB, data, database, name string, flags ...string) string {
	t.Helper()
	var added struct {
		ID string `json:"applicationId"`
	}
	carrelJSON(t, &added, append([]string{
		"application", "add", "--json", "--name", name, "--data", data, "--database", database,
	}, flags...)...)
	return added.ID
}

// addedContract is what the command prints of a contract that it has registered.
type addedContract struct {
	ContractID string `json:"contractId"`
	PrivateKey string `json:"privateKey"`
}

// addContract registers a contract by the command.
func addContract(t testing.TB, data, database, application, access string, flags ...string) (k addedContract) {
	t.Helper()
	carrelJSON(t, &k, append([]string{
		"contract", "add", "--json", "--application", application, "--access", access,
		"--redirect-uri", crashCallback, "--data", data, "--database", database,
	}, flags...)...)
	return k
}

// parse returns the contract as the SDK has it.
func (k addedContract) parse(t testing.TB, client *digime.Client) *digime.Contract {
	t.Helper()
	contract, err := client.ParseContract(k.ContractID, []byte(k.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return contract
}
