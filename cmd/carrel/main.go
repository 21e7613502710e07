// Command carrel is a personal data library that anyone can host: the server, and
// the tools around it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

const about = `A personal data library that anyone can host, compatible with the digi.me SDKs.

Try it: carrel demo

Each command has --help with an example.`

type cli struct {
	Serve             serveCmd             `cmd:"" help:"Run the server."`
	Demo              demoCmd              `cmd:"" help:"Run a server and a demo clinic on this machine, for a first try and for developers."`
	Application       applicationCmd       `cmd:"" help:"Register, change and list applications."`
	Contract          contractCmd          `cmd:"" help:"Register, change and list what applications may ask for."`
	Audit             auditCmd             `cmd:"" help:"List the operator's commands that were run: who, when and what."`
	Activity          activityCmd          `cmd:"" help:"Verify the activity of libraries."`
	Check             checkCmd             `cmd:"" help:"Compare what is stored with what the server has written."`
	Keys              keysCmd              `cmd:"" help:"List, rotate and reset the master keys."`
	Installation      installationCmd      `cmd:"" help:"Show which database, contents and master keys belong together, or accept them."`
	Client            clientCmd            `cmd:"" help:"Authorise, push and read with the Go SDK."`
	ProviderSimulator providerSimulatorCmd `cmd:"" help:"Run simulated health-care providers on this machine, for developers."`
	FHIR              fhirCmd              `cmd:"" name:"fhir" help:"Check FHIR resources before they are pushed to a provider."`
	Backup            backupCmd            `cmd:"" help:"Copy the database and the large contents of a server, which may run."`
	Bench             benchCmd             `cmd:"" help:"Measure how many requests a second this machine serves, and how long they take."`
	Version           versionCmd           `cmd:"" help:"Print the version, commit and Go version."`
}

func main() {
	// The first SIGTERM or Ctrl-C shuts down gracefully, a second one kills the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	if slices.Equal(os.Args[1:], []string{"--version"}) { // not a flag of every command: fhir check has its own
		fmt.Println(readVersion())
		return
	}
	unsetEmpty()
	parsed := collectLess()
	var c cli
	parser := kong.Must(&c, kong.Name("carrel"), kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.NamedMapper("path", kong.MapperFunc(decodePath)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
		kong.KindMapper(reflect.Int, kong.MapperFunc(decodeInteger)),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(decodeInteger)))
	k, err := parser.Parse(os.Args[1:])
	parsed()
	if err == nil {
		err = explainMisuse(checkNumbers(k.Flags()), k)
	} else {
		err = explainMisuse(err, contextOf(err))
	}
	if err == nil {
		warnOfUnknownVariables(k, &c)
		err = k.Run()
	}
	if err != nil {
		report(explainDisk(err), k, &c)
		stop()
		os.Exit(exitCode(err)) //nolint:gocritic // stop has been called
	}
}

// report prints why a command has failed: in the log of a server whose log is JSON, and otherwise as a sentence.
func report(err error, k *kong.Context, c *cli) {
	if k != nil && k.Command() == "serve" && c.Serve.LogFormat == "json" {
		newLog(c.Serve.LogFormat).Error("stopped", "error", err)
		return
	}
	fmt.Fprintln(os.Stderr, "carrel:", err)
}

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var e exitError
	if errors.As(err, &e) {
		return e.code
	}
	return 1
}
