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
	Data     string            `help:"Folder for certificates and keys, so that they stay the same. Default: a fresh one." type:"path"`
	ClientID string            `help:"Host name of the client, as on the list of clients." default:"carrel.example"`
	Behave   map[string]string `help:"Switch a behaviour, such as resource=429 or huisartslinde.authorize=approve. May be repeated." placeholder:"NAME=VALUE" mapsep:"none"`
	Chaos    float64           `help:"Share of the resource requests that fail, from 0 to 1."`
	Seed     uint64            `help:"Which of them fail." default:"1"`
	Verbose  bool              `help:"Print what arrives, as a log."`
}

// Help is what --help adds.
func (providerSimulatorCmd) Help() string {
	return `Examples:

  carrel provider-simulator --data sim                             then start the server with what it prints
  carrel provider-simulator --data sim --behave resource=cut-after  files, and cuts the connection
  carrel provider-simulator --data sim --chaos 0.33                a third of the requests fail, in every way`
}

// Run runs the providers until the context ends.
func (c *providerSimulatorCmd) Run(ctx context.Context) error {
	if c.Chaos < 0 || c.Chaos > 1 {
		return fmt.Errorf("--chaos is a share from 0 to 1, not %g", c.Chaos)
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
	s, err := simulator.Start(ctx, simulator.Config{FrontAddr: c.Front, BackAddr: c.Back, ListAddr: c.Lists, FrontHTTP: true,
		ClientID: c.ClientID, Folder: c.Data, Log: log})
	if err != nil {
		return err
	}
	// What is for all providers goes first: it takes back what is for one of them.
	names := slices.SortedFunc(maps.Keys(c.Behave), func(a, b string) int {
		return cmp.Or(strings.Count(a, ".")-strings.Count(b, "."), strings.Compare(a, b))
	})
	for _, name := range names {
		if err := s.SetByName(name, c.Behave[name]); err != nil {
			_ = s.Close() // the mistake in the flag is what counts
			return err
		}
	}
	s.SetRandomFailures(c.Chaos, c.Seed)
	c.print(s)
	<-ctx.Done()
	return s.Close()
}

// print says where everything is, and how a server is started with it.
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
