package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// runInBrowser runs a command that prints an address, and lets the person go through the
// pages from there to the callback.
func runInBrowser(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 20)
	w, callback := worldOf(ts), ts.Getenv("CALLBACK")
	cmd := exec.CommandContext(w.Context(), args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(cmd.Environ(), "CARREL_CREDENTIALS="+ts.Getenv("CARREL_CREDENTIALS"))
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	var printed strings.Builder
	page := ""
	for lines := bufio.NewScanner(stderr); page == "" && lines.Scan(); {
		printed.WriteString(lines.Text() + "\n")
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "http") {
			page = line
		}
	}
	if page == "" {
		ts.Fatalf("%v printed no address to open:\n%s", args, printed.String())
	}
	back, err := w.person.FollowPages(w.Context(), page, callback)
	ts.Check(err)
	// A request with another state comes first: the command must ignore it.
	for _, address := range []string{callback + "?success=true&code=forged&state=forged", back} {
		ts.Check(visit(w.Context(), address))
	}
	_, _ = io.Copy(&printed, stderr)
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("%v: %v\n%s", args, err, printed.String())
	}
}

func visit(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
