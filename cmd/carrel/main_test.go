package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/testenv"
)

// runAsCarrel makes the test binary behave as the command: tests start it as a process
// of its own, to be used and killed.
const runAsCarrel = "CARREL_TEST_RUN_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(runAsCarrel) == "1" {
		main()
		return
	}
	testenv.Main(m)
}

// carrel prepares a run of the command.
func carrel(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Env = append(os.Environ(), runAsCarrel+"=1")
	return c
}

// carrelJSON runs the command and decodes what it prints.
func carrelJSON(t testing.TB, v any, args ...string) {
	t.Helper()
	c := carrel(t.Context(), t, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("carrel %v: %v\n%s", args, err, stderr.Bytes())
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("carrel %v printed no JSON: %v\n%s", args, err, out)
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
	p := &process{url: "http://" + address, log: &bytes.Buffer{}}
	p.cmd = carrel(context.WithoutCancel(t.Context()), t, append([]string{"serve", "--listen", address}, args...)...)
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
	t.Fatalf("the server did not come up:\n%s", p.log)
	return nil
}

// kill ends the process as a power switch would.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// freeAddress is an address that nothing listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
