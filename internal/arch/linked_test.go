package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// linked returns, for each of the packages that must not be linked into pkg
// but are, one chain of imports that leads there from pkg.
func linked(t *testing.T, pkg string, forbidden []string) (chains [][]string) {
	t.Helper()
	graph, err := importGraph()
	if err != nil {
		t.Fatalf("listing what the packages import: %v", err)
	}

	// Breadth first, so that each chain is a shortest one. The imports of the
	// standard library are not followed.
	start := module + "/" + pkg
	from := map[string]string{start: ""}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		isForbidden := func(f string) bool { return at == f || !graph[at].Standard && within(at, f) }
		if slices.ContainsFunc(forbidden, isForbidden) {
			chains = append(chains, chain(from, at))
			continue
		}
		if graph[at].Standard {
			continue
		}
		for _, next := range graph[at].Imports {
			if _, seen := from[next]; !seen {
				from[next] = at
				queue = append(queue, next)
			}
		}
	}
	return chains
}

func chain(from map[string]string, end string) (path []string) {
	for at := end; at != ""; at = from[at] {
		path = append(path, strings.TrimPrefix(at, module+"/"))
	}
	slices.Reverse(path)
	return path
}

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// importGraph asks `go list` for every package that ours import, and what
// those import in turn.
var importGraph = sync.OnceValues(func() (map[string]listed, error) {
	// -e: a package that does not build must not fail this test.
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Standard,Imports",
		"./...", module+"/digime/...")
	cmd.Dir = root
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	graph := map[string]listed{}
	for dec := json.NewDecoder(out); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
		graph[p.ImportPath] = p
	}
	if err := cmd.Wait(); err != nil {
		return nil, errors.Join(err, errors.New(said.String()))
	}
	return graph, nil
})
