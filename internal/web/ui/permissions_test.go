package ui_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

func TestPermissions(t *testing.T) {
	t.Parallel()
	texts := english()
	pdf := &wire.MetadataFilter{
		MIMEType: []string{"application/pdf", "image/png", "image/jpeg"}, Tags: []string{"lab", "x\u202e"},
	}
	named := &wire.MetadataFilter{Reference: []string{"a"}, AppID: []wire.ApplicationID{"b"}}
	for _, tt := range []struct {
		name               string
		contract           library.Contract
		may, mayNot, short string
	}{
		{"write", library.Contract{Access: library.Write},
			"Add new files to your library.",
			"Read your files. It cannot even read back the files that it added.|Change or delete files.|" +
				"See your email address, your name or your other apps.",
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
		{"named", library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Filter: named}},
			"Read these files, and new ones of this kind: files with the name “a” from certain apps.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: files with the name “a” from certain apps"},
		{"empty filter",
			library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Filter: &wire.MetadataFilter{}}},
			"Read all files in your library, and new ones too.",
			"Change or delete files.|See your email address, your name or your other apps.",
			"Read files: all of them"},
		{"services", library.Contract{Access: library.Read, Scope: library.Scope{Mapped: true}},
			"Read these files, and new ones of this kind: data from services that you connect.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: data from services that you connect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			may, mayNot := texts.Permissions(tt.contract)
			if got := strings.Join(may, "|"); got != tt.may {
				t.Errorf("may %q, want %q", got, tt.may)
			}
			if got := strings.Join(mayNot, "|"); got != tt.mayNot {
				t.Errorf("may not %q, want %q", got, tt.mayNot)
			}
			if got := texts.PermissionSummary(tt.contract); got != tt.short {
				t.Errorf("summary %q, want %q", got, tt.short)
			}
		})
	}
}
