package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carrelhq/carrel/internal/testenv"
)

// raceVar has the options of the race detector.
const raceVar = "GORACE"

// TestMain puts the command carrel into PATH: this test binary under another name, so that
// tests can start the command as a process of its own.
func TestMain(m *testing.M) {
	// With the race detector, each process waits for a second before it exits, so that races in
	// goroutines that outlive main are reported. The commands of the tests are too many for that.
	_ = os.Setenv(raceVar, strings.TrimSpace(os.Getenv(raceVar)+" atexit_sleep_ms=0"))
	testscript.Main(withDatabases{m}, map[string]func(){"carrel": main, flakyCommand: flakyMain})
}

// withDatabases runs the tests with the databases of package testenv.
type withDatabases struct{ m *testing.M }

func (w withDatabases) Run() int { return testenv.Run(w.m) }

// carrel prepares a run of the command.
func carrel(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "carrel", args...)
}

// carrelJSON runs the command and decodes what it prints.
func carrelJSON(t testing.TB, v any, args ...string) {
	t.Helper()
	c := carrel(t.Context(), args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("carrel %v: %v\n%s", args, err, stderr.Bytes())
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("carrel %v did not print JSON: %v\n%s", args, err, out)
	}
}

// process is a running "carrel serve".
type process struct {
	cmd *exec.Cmd
	url string
	log *bytes.Buffer
}

// startServe starts a server and waits until it answers.
func startServe(t testing.TB, address string, args ...string) *process {
	t.Helper()
	return startCommand(t, "carrel", address, append([]string{"serve", "--listen", address}, args...)...)
}

// startCommand starts a command that is a server, and waits until it answers.
func startCommand(t testing.TB, command, address string, args ...string) *process {
	t.Helper()
	p := &process{url: "http://" + address, log: &bytes.Buffer{}}
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), command, args...)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	for range 1500 {
		answer, err := http.Get(p.url + "/healthz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusNoContent {
				return p
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.kill()
	t.Fatalf("the server did not start:\n%s", p.log)
	return nil
}

// kill ends the process at once.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// stop stops the server with a signal and waits until it has ended.
func (p *process) stop(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("the server did not stop cleanly: %v\n%s", err, p.log)
	}
}

// freeAddress is an address that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	for {
		// Systems give connections ports from 32768 on: one of those could be taken before it is listened on.
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.N(20_000))
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address); err == nil {
			_ = l.Close()
			return address
		} else if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
