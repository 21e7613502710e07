package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/internal/simulator"
)

type providerSimulatorCmd struct {
	Front    string            `help:"Address of the pages, on loopback." default:"127.0.0.1:8091"`
	Back     string            `help:"Address of the token and FHIR endpoints, on loopback." default:"127.0.0.1:8092"`
	Lists    string            `help:"Address of the lists, on loopback." default:"127.0.0.1:8093"`
	Data     string            `help:"Folder for certificates and keys, to use them again. Default: a new one." type:"path"`
	ClientID string            `help:"Host name of the client, as on the list of clients." default:"carrel.example"`
	Behave   map[string]string `help:"Set a behaviour, such as resource=429 or huisartslinde.authorize=approve; repeat for more." placeholder:"NAME=VALUE" mapsep:"none"`
	Chaos    float64           `help:"Fraction of the resource requests that fail, from 0 to 1."`
	Seed     uint64            `help:"Seed that decides which of them fail." default:"1"`
	Verbose  bool              `help:"Print a log of the requests."`
}

// Help is what --help adds.
func (providerSimulatorCmd) Help() string {
	return `Examples:

  carrel provider-simulator --data sim                              it prints the flags for the server
  carrel provider-simulator --data sim --behave resource=cut-after  it files a resource and closes the connection
  carrel provider-simulator --data sim --chaos 0.33                 a third of the requests fail, in every way`
}

// Run runs the providers until the context ends.
func (c *providerSimulatorCmd) Run(ctx context.Context) error {
	if c.Chaos < 0 || c.Chaos > 1 {
		return fmt.Errorf("--chaos must be a fraction from 0 to 1, not %g", c.Chaos)
	}
	if c.Data == "" {
		data, err := os.MkdirTemp("", "carrel-simulator-*")
		if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		c.Data = data
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = newLog("text")
	}
	s, err := simulator.Start(ctx, simulator.Config{
		FrontAddr: c.Front, BackAddr: c.Back, ListAddr: c.Lists, FrontHTTP: true,
		ClientID: c.ClientID, Folder: c.Data, Log: log,
	})
	if err != nil {
		return err
	}
	// Behaviours of all providers go first, because they replace those of each.
	names := slices.SortedFunc(maps.Keys(c.Behave), func(a, b string) int {
		return cmp.Or(strings.Count(a, ".")-strings.Count(b, "."), strings.Compare(a, b))
	})
	for _, name := range names {
		if err := s.SetByName(name, c.Behave[name]); err != nil {
			_ = s.Close() // the error in the flag is reported
			return err
		}
	}
	s.SetRandomFailures(c.Chaos, c.Seed)
	c.print(s)
	<-ctx.Done()
	return s.Close()
}

// print prints the addresses, and the flags of a server that uses the simulator.
func (c *providerSimulatorCmd) print(s *simulator.Simulator) {
	f := s.Files()
	fmt.Printf("Practice providers  %s/   what arrived, and switches\n", s.FrontURL())
	fmt.Printf("Lists               %s\n", s.ListURL())
	fmt.Printf("Kept in             %s\n\n", c.Data)
	fmt.Println("Start the server with:")
	fmt.Println()
	fmt.Println("  carrel serve \\")
	fmt.Printf("    --medmij-lists '%s' \\\n", s.ListURL())
	fmt.Printf("    --medmij-client-id %s \\\n", c.ClientID)
	fmt.Printf("    --medmij-cert '%s' \\\n", f.ClientCertificate)
	fmt.Printf("    --medmij-key '%s' \\\n", f.ClientKey)
	fmt.Printf("    --medmij-roots '%s' \\\n", f.Roots)
	fmt.Printf("    --medmij-directory '%s' \\\n", f.Directory)
	fmt.Print("    --loopback-providers\n\n")
	fmt.Println("Ctrl-C ends it.")
}
