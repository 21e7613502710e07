package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionOf(t *testing.T) {
	build := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	stamp := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: "5a671c0d0b9c4b0e8a3e6b1f2a7c9d8e7f6a5b4c"},
			{Key: "vcs.time", Value: "2026-11-29T06:27:00Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for name, tt := range map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"no build info": {nil, "carrel (devel) (" + build + ")"},
		"no stamp":      {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "carrel (devel) (" + build + ")"},
		"a release": {
			&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: stamp("false")},
			"carrel v1.2.3 (revision 5a671c0d0b9c, 2026-11-29T06:27:00Z, " + build + ")",
		},
		"a changed source": {
			&debug.BuildInfo{
				Main:     debug.Module{Version: "v1.2.4-0.20261129062700-5a671c0d0b9c+dirty"},
				Settings: stamp("true"),
			},
			"carrel v1.2.4-0.20261129062700-5a671c0d0b9c+dirty " +
				"(revision 5a671c0d0b9c, modified, 2026-11-29T06:27:00Z, " + build + ")",
		},
	} {
		if got := versionOf(tt.info).String(); got != tt.want {
			t.Errorf("%s: %s\nwant %s", name, got, tt.want)
		}
	}
}
