package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/simulator"
	"github.com/carrelhq/carrel/internal/testenv"
)

// TestScripts runs the scripts in testdata/script. Each reads like a shell session: a line
// is a command, which must succeed, or fail if it begins with "!". The commands are carrel,
// those of package testscript, and these:
//
//	server [providers]          starts a server, with practice providers, and writes demo.json
//	browser COMMAND...          runs a command that prints an address, and a person opens it
//	provider resource [MODE]    switches how De Linde answers a resource; correctly without a mode
//	provider revoke             revokes the consents that people gave De Linde
//	provider filed N            checks how many resources the providers have filed
//	json FILE PATH [VALUE]      checks a value in JSON, or that it exists
//	jsonenv NAME FILE PATH      sets an environment variable to a value in JSON
//	waitfor FILE                waits until a file is not empty
//	random FILE N               writes N random bytes
//	mode FILE MODE              checks the permissions of a file
//	files FOLDER N              checks the number of files in a folder
//	lines FILE N                checks the number of lines of a file
//	checkpoint FILE             saves a checkpoint of the person's activity
//	port NAME                   sets an environment variable to the address of a free port
//	get URL STATUS              checks the status of an answer
//
// FILE may be stdout or stderr, of the last command. A PATH is names and indexes with dots
// between them; length is that of an array.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Values[worldKey{}] = &world{TB: env.T().(testing.TB)}
			env.Setenv(raceVar, os.Getenv(raceVar))
			env.Setenv("FHIR", filepath.Join(testenv.Root(t), "internal", "fhir", "testdata", "valid"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"server": startServer, "browser": runInBrowser, "provider": controlProvider,
			"json": checkJSON, "jsonenv": setFromJSON, "waitfor": waitForFile, "random": writeRandom,
			"mode": checkMode, "files": countFiles, "lines": countLines,
			"checkpoint": saveCheckpoint, "port": setFreePort, "get": checkStatus,
		},
		RequireUniqueNames: true,
	})
}

// world is what a script has beside its files: a server and a person, after the command
// server.
type world struct {
	testing.TB
	server *carreltest.World
	person *carreltest.Visitor
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// arguments ends the script unless the number of arguments is in range and the command is
// not negated.
func arguments(ts *testscript.TestScript, neg bool, args []string, least, most int) {
	if neg {
		ts.Fatalf("! is not supported here")
	}
	if len(args) < least || len(args) > most {
		ts.Fatalf("got %d arguments, want %d to %d", len(args), least, most)
	}
}

func startServer(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 0, 1)
	w := worldOf(ts)
	start := carreltest.Serve
	if len(args) == 1 {
		start = carreltest.ServeWithSimulator
	}
	w.server = start(w)
	w.person = w.server.Visitor()
	c, err := demo.Register(w.Context(), w.server.Clients, w.server.URL, "http://"+freeAddress(w)+"/callback", "")
	ts.Check(err)
	path := ts.MkAbs("demo.json")
	ts.Check(c.WriteFile(path))
	ts.Setenv("CARREL_CREDENTIALS", path)
	ts.Setenv("CALLBACK", c.Callback)
	ts.Setenv("SERVER_DATA", w.server.Folder)
	for name, k := range c.Contracts {
		ts.Setenv(strings.ToUpper(name)+"_CONTRACT", string(k.ContractID))
	}
}

func saveCheckpoint(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	w := worldOf(ts)
	cookie, err := w.server.People.SignIn(w.Context(), w.person.Email, w.person.Password, library.Device{})
	ts.Check(err)
	in, err := w.server.People.Login(w.Context(), cookie)
	ts.Check(err)
	file, err := w.server.Activity.SaveCheckpoint(w.Context(), in, time.Now())
	ts.Check(err)
	text, err := json.Marshal(file)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

func controlProvider(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 2)
	const provider = "huisartslinde"
	s := worldOf(ts).server
	switch args = append(args, ""); args[0] {
	case "resource":
		s.Simulator.SetBehaviour(provider, simulator.Behaviour{Resource: simulator.ResourceMode(args[1])})
	case "revoke":
		s.Simulator.Revoke(provider)
	case "filed":
		checkCount(ts, args[1], len(s.Simulator.Filed()))
	default:
		ts.Fatalf("unknown subcommand %s", args[0])
	}
}
