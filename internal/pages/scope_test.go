package pages

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestScopes says what each kind of contract may and may not, and what is said of it
// in short.
func TestScopes(t *testing.T) {
	texts := loadLanguages().all[0]
	pdf := &wire.MetadataFilter{MIMEType: []string{"application/pdf", "image/png", "image/jpeg"}, Tags: []string{"lab", "x\u202e"}}
	for _, tt := range []struct {
		name               string
		contract           library.Contract
		may, mayNot, short string
	}{
		{"write", library.Contract{Access: library.Write},
			"Add new files to your library.",
			"Read your files. It cannot even read back the files that it added.|Change or delete files.|See your email address, your name or your other apps.",
			"Add files to your library"},
		{"all", library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Mapped: true}},
			"Read all files in your library, and new ones too.",
			"Change or delete files.|See your email address, your name or your other apps.",
			"Read files: all of them"},
		{"own", library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Own: true, Filter: pdf}},
			"Read the files that it added itself.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: those that it added itself"},
		{"some", library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Filter: pdf}},
			"Read these files, and new ones of this kind: PDF, Image with the label “lab”, “x”.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: PDF, Image with the label “lab”, “x”"},
		{"named", library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Filter: &wire.MetadataFilter{Reference: []string{"a"}, AppID: []wire.ApplicationID{"b"}}}},
			"Read these files, and new ones of this kind: files with the name “a” from certain apps.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: files with the name “a” from certain apps"},
		{"empty filter", library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Filter: &wire.MetadataFilter{}}},
			"Read all files in your library, and new ones too.",
			"Change or delete files.|See your email address, your name or your other apps.",
			"Read files: all of them"},
		{"services", library.Contract{Access: library.Read, Scope: library.Scope{Mapped: true}},
			"Read these files, and new ones of this kind: data from services that you connect.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: data from services that you connect"},
	} {
		may, mayNot := texts.mayAndMayNot(tt.contract)
		if got := strings.Join(may, "|"); got != tt.may {
			t.Errorf("%s may %q, want %q", tt.name, got, tt.may)
		}
		if got := strings.Join(mayNot, "|"); got != tt.mayNot {
			t.Errorf("%s may not %q, want %q", tt.name, got, tt.mayNot)
		}
		if got := texts.inShort(tt.contract); got != tt.short {
			t.Errorf("%s in short %q, want %q", tt.name, got, tt.short)
		}
	}
}

func TestKinds(t *testing.T) {
	for mimeType, want := range map[string]string{
		"application/pdf": "files.kind.pdf", "image/JPEG": "files.kind.image", "text/plain; charset=utf-8": "files.kind.text",
		"application/fhir+json": "files.kind.health", "application/json": "files.kind.data", "text/csv": "files.kind.data",
		"application/zip": "files.kind.other", "": "files.kind.other",
	} {
		if got := kindOf(mimeType); got != want {
			t.Errorf("%q is %s, want %s", mimeType, got, want)
		}
	}
}

func TestAgents(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile/15E148": "phone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537 Chrome/140 Mobile Safari":    "phone",
		"Mozilla/5.0 (Linux; Android 15; SM-X900) AppleWebKit/537 Chrome/140 Safari":           "tablet",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X)":                                        "tablet",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 Chrome/140 Safari":                    "computer",
		"curl/8.0": "",
	} {
		if got := agentOf(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for said, want := range map[string]string{
		" a\r\nb\x00 ":           "a  b",
		"\u202eevil":             "evil",
		strings.Repeat("é", 300): strings.Repeat("é", 200) + "…",
	} {
		if got := quote(said); got != want {
			t.Errorf("quote(%q) = %q, want %q", said, got, want)
		}
	}
}
