package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// checkJSON checks that there is a value, and what it is if one is given. With ! there
// must be none, or another one.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, false, args, 2, 3)
	got, err := valueIn(ts.ReadFile(args[0]), args[1])
	ok := err == nil && (len(args) == 2 || got == args[2])
	if ok == neg {
		ts.Fatalf("%s is %q (%v)", args[1], got, err)
	}
}

func setFromJSON(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3, 3)
	value, err := valueIn(ts.ReadFile(args[1]), args[2])
	ts.Check(err)
	ts.Setenv(args[0], value)
}

// valueIn returns the value at the path as text: strings as they are, the rest as JSON.
func valueIn(text, path string) (string, error) {
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	for step := range strings.SplitSeq(path, ".") {
		next := any(nil)
		switch v := value.(type) {
		case map[string]any:
			next = v[step]
		case []any:
			if step == "length" {
				next = json.Number(strconv.Itoa(len(v)))
			} else if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) {
				next = v[i]
			}
		}
		if next == nil {
			return "", fmt.Errorf("no %q in %s", step, text)
		}
		value = next
	}
	if s, ok := value.(string); ok {
		return s, nil
	}
	out, err := json.Marshal(value)
	return string(out), err
}

func checkCount(ts *testscript.TestScript, want string, got int) {
	if n, err := strconv.Atoi(want); err != nil || n != got {
		ts.Fatalf("got %d, want %s", got, want)
	}
}

func countFiles(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	checkCount(ts, args[1], len(entries))
}

func countLines(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	checkCount(ts, args[1], strings.Count(ts.ReadFile(args[0]), "\n"))
}

func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	want, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != fs.FileMode(want) {
		ts.Fatalf("the mode is %o", info.Mode().Perm())
	}
}

func waitForFile(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	for range 3000 {
		info, err := os.Stat(ts.MkAbs(args[0]))
		if err == nil && info.Size() > 0 {
			return
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			ts.Check(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("there is no %s after 30 seconds", args[0])
}

func writeRandom(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	content := make([]byte, n)
	_, _ = rand.Read(content)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

func setFreePort(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, 1)
	ts.Setenv(args[0], freeAddress(worldOf(ts)))
}

func checkStatus(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, 2)
	answer, err := http.Get(args[0])
	ts.Check(err)
	ts.Check(answer.Body.Close())
	if strconv.Itoa(answer.StatusCode) != args[1] {
		ts.Fatalf("%s answers %s", args[0], answer.Status)
	}
}
