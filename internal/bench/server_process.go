package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// serverProcess is a server that runs by itself, so that its memory can be measured.
type serverProcess struct {
	program, data, url string
	cmd                *exec.Cmd
	log                bytes.Buffer
	ended              chan error
}

const (
	// startPatience is how long a server may take until it answers.
	startPatience = time.Minute
	// stopPatience is how long it may take to end.
	stopPatience = 20 * time.Second
)

// startServer starts a server of a carrel program with a new data folder, and waits until
// it answers.
func startServer(ctx context.Context, program, folder string) (*serverProcess, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &serverProcess{
		program: program, data: filepath.Join(folder, "data"), url: "http://" + address, ended: make(chan error, 1),
	}
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, "serve", "--data", s.data, "--listen", address)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// await waits until the server is ready.
func (s *serverProcess) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.ended:
			s.ended <- nil
			err = cmp.Or(err, errors.New("it says no error"))
			return fmt.Errorf("the server of %s has ended before it was ready: %w\n%s", s.program, err, s.log.String())
		case <-ctx.Done():
			return fmt.Errorf("the server of %s is not ready: %w", s.program, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// stop stops the server, and kills it if it does not end.
func (s *serverProcess) stop() error {
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the server of %s: %w\n%s", s.program, err, s.log.String())
		}
		return nil
	case <-time.After(stopPatience):
		return errors.Join(fmt.Errorf("the server of %s does not stop", s.program), s.cmd.Process.Kill(), <-s.ended)
	}
}

// addApplication registers an application and returns its id.
func (s *serverProcess) addApplication(ctx context.Context) (string, error) {
	var added struct{ ApplicationID string }
	err := s.command(ctx, &added, "application", "add", "--name", "Bench")
	return added.ApplicationID, err
}

// addContract registers a contract and returns its id and its private key.
func (s *serverProcess) addContract(
	ctx context.Context, application, access, callback string,
) (id, key string, err error) {
	var added struct{ ContractID, PrivateKey string }
	err = s.command(ctx, &added, "contract", "add", "--application", application, "--access", access,
		"--redirect-uri", callback)
	return added.ContractID, added.PrivateKey, err
}

// command runs a command of the program on the data of the server, and reads the JSON that it prints.
func (s *serverProcess) command(ctx context.Context, into any, args ...string) error {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, s.program, append(args, "--data", s.data, "--json")...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s %s: %w\n%s", s.program, args[0], args[1], err, said.String())
	}
	return json.Unmarshal(out.Bytes(), into)
}

// peakMemory returns the most resident memory that the server has had, in bytes; 0 where there is no /proc.
func (s *serverProcess) peakMemory() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
