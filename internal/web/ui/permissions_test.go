package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// names knows a service and a group.
type names struct{}

func (names) ServiceName(id int) string { return map[int]string{19: "Spotify"}[id] }

func (names) SourceName(int, string, string) string { return "" }

func (names) ServiceGroupName(id int) string { return map[int]string{7: "Own group\u202e"}[id] }

func TestPermissions(t *testing.T) {
	t.Parallel()
	texts := (&ui.UI{Config: ui.Config{Services: names{}}}).Permissions(english())
	pdf := &wire.MetadataFilter{
		MIMEType: []string{"application/pdf", "image/png", "image/jpeg"}, Tags: []string{"lab", "x\u202e"},
	}
	named := &wire.MetadataFilter{Reference: []string{"a"}, AppID: []wire.ApplicationID{"b"}}
	some := []wire.ServiceGroup{
		{ID: 5, ServiceTypes: []wire.ServiceType{
			{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 406}, {ID: 403}}}, {ID: 3},
		}},
		{ID: 3}, {ID: 7}, {ID: 8},
	}
	unknown := []wire.ServiceGroup{{ID: 5, ServiceTypes: []wire.ServiceType{
		{ID: 19, ServiceObjectTypes: []wire.ServiceObjectType{{ID: 5}}},
	}}}
	day := func(year, month, day int) wire.Seconds {
		return wire.Seconds(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix())
	}
	times := []wire.TimeRange{{Last: "1y"}, {Last: "3m"}, {From: day(2010, 1, 1), To: day(2015, 1, 1) - 1},
		{From: day(2020, 5, 2)}, {To: day(2000, 6, 4) - 1}}
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
		{"some of services",
			library.Contract{Access: library.Read, Scope: library.Scope{Mapped: true, ServiceGroups: some}},
			"Read data from services that you connect, new data too: what you listened to and playlists from " +
				"Spotify; everything from service 3; everything about your money; everything about Own group; " +
				"everything about group 8.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: from services that you connect: what you listened to and playlists from Spotify; " +
				"everything from service 3; " +
				"everything about your money; everything about Own group; everything about group 8"},
		{"an unknown type",
			library.Contract{Access: library.Read, Scope: library.Scope{Mapped: true, ServiceGroups: unknown}},
			"Read data from services that you connect, new data too: data of kind 5 from Spotify.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: from services that you connect: data of kind 5 from Spotify"},
		{"pushed, and services of some time",
			library.Contract{Access: library.Read, Scope: library.Scope{Raw: true, Mapped: true, TimeRanges: times}},
			"Read all files that apps put in your library, and new ones too.|" +
				"Read data from services that you connect, new data too.|" +
				"Of that data from services, only files that reach into this time: the last year, the last 3 months, " +
				"from 1 January 2010 up to and including 31 December 2014, from 2 May 2020 or up to and including " +
				"3 June 2000. A file can hold about a month. Lists without dates, such as allergies, are always " +
				"included.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: those that apps put in your library; data from services that you connect, only files that " +
				"reach into this time: the last year, the last 3 months, from 1 January 2010 up to and including " +
				"31 December 2014, from 2 May 2020 or up to and including 3 June 2000; and lists without dates"},
		{"what nobody can say", library.Contract{Access: library.Read, Scope: library.Scope{Mapped: true,
			TimeRanges: []wire.TimeRange{{Last: "1 c"}}}},
			"Read data from services that you connect, new data too.|" +
				"Of that data from services, only files that reach into this time: no time. A file can hold about a " +
				"month. Lists without dates, such as allergies, are always included.",
			"See any other files.|Change or delete files.|See your email address, your name or your other apps.",
			"Read files: data from services that you connect, only files that reach into this time: no time; and " +
				"lists without dates"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			may, mayNot := texts.Of(tt.contract)
			if got := strings.Join(may, "|"); got != tt.may {
				t.Errorf("may %q, want %q", got, tt.may)
			}
			if got := strings.Join(mayNot, "|"); got != tt.mayNot {
				t.Errorf("may not %q, want %q", got, tt.mayNot)
			}
			if got := texts.Summary(tt.contract); got != tt.short {
				t.Errorf("summary %q, want %q", got, tt.short)
			}
		})
	}
}
