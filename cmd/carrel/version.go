package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Help is what --help adds.
func (versionCmd) Help() string {
	return "The revision and its time come from the version control stamp of the build; a build without one has none."
}

// Run prints the version.
func (c *versionCmd) Run() error {
	v := readVersion()
	if c.JSON {
		return printJSON(v)
	}
	fmt.Println(v)
	return nil
}

// A version says which build this is.
type version struct {
	Version  string `json:"version"`            // of the module: a tag, a pseudo-version or (devel)
	Revision string `json:"revision,omitempty"` // the commit
	Time     string `json:"time,omitempty"`     // of the commit
	Modified bool   `json:"modified"`           // the source differs from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// readVersion reads what the build has stamped into the binary.
func readVersion() version {
	info, _ := debug.ReadBuildInfo()
	return versionOf(info)
}

// versionOf returns the version that info describes; info is nil in a binary built without modules.
func versionOf(info *debug.BuildInfo) version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String is the version in one line.
func (v version) String() string {
	text := "carrel " + v.Version
	var details []string
	if v.Revision != "" {
		revision := "revision " + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			revision += ", modified"
		}
		details = append(details, revision, v.Time)
	}
	return text + " (" + strings.Join(append(details, v.Go, v.Platform), ", ") + ")"
}
