package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is a server that is measured.
type process struct {
	cmd   *exec.Cmd
	log   *syncedBuffer
	ended chan struct{} // closed when it has ended
}

// syncedBuffer can be read while it is written.
type syncedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what has been written so far.
func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startWait is how long a server may take until it answers.
const startWait = 60 * time.Second

// start starts a server in a folder. stop has to be called.
func start(folder, name string, args ...string) (*process, error) {
	p := &process{log: new(syncedBuffer), ended: make(chan struct{})}
	p.cmd = exec.Command(name, args...) //nolint:noctx // stop ends it, also when the context has ended
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = folder, p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // what it says is in its log
		close(p.ended)
	}()
	return p, nil
}

// stop ends the server, and waits for its end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// await polls an address each millisecond until it answers with the status, or with any
// if status is 0.
func (p *process) await(ctx context.Context, url string, status int) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	deadline := time.Now().Add(startWait)
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			if status == 0 || answer.StatusCode == status {
				return nil
			}
			err = errors.New(answer.Status)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it answered: %s", p.cmd.Path, lastLines(p.log.String()))
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer after %s: %w", p.cmd.Path, startWait, err)
		}
	}
}

// cpu returns the processor time that the server has used; 0 where there is no /proc.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return cpuOf(string(text))
}

// cpuOf reads the user and system time of a line of /proc/PID/stat: fields 14 and 15, in
// ticks of a hundredth of a second. The second field is a name in parentheses, which may
// have spaces in it.
func cpuOf(stat string) time.Duration {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory returns the resident memory of the server in bytes; 0 where there is no /proc.
func (p *process) memory() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024
		}
	}
	return 0
}

// output runs a program to its end and returns what it has printed. The error has what
// the program says.
func output(ctx context.Context, folder, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it removes its folder
	cmd.WaitDelay = 20 * time.Second
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, firstOf(args), err, lastLines(errs.String()))
	}
	return out.String(), nil
}

func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// lastLines returns the end of a log.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}

// freeAddress returns an address on loopback at which nothing listens.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
