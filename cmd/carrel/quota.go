package main

import (
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// quotaView is the JSON of the quota of an application or a contract: 0 is the setting of the server, -1 no limit. What
// is used is there where one is shown.
type quotaView struct {
	QuotaBytes int64  `json:"quotaBytes,omitempty"`
	QuotaFiles int64  `json:"quotaFiles,omitempty"`
	UsedBytes  *int64 `json:"usedBytes,omitempty"`
	UsedFiles  *int64 `json:"usedFiles,omitempty"`
}

func quotaOf(o library.QuotaOverride) quotaView {
	return quotaView{QuotaBytes: o.Bytes, QuotaFiles: o.Files}
}

// usedWith returns what is used with a contract, or with all if the contract is empty.
func usedWith(list []library.Usage, contract wire.ContractID) (used library.Used) {
	for _, u := range list {
		if contract == "" || u.Contract == contract {
			used.Files, used.Bytes = used.Files+u.Files, used.Bytes+u.Bytes
		}
	}
	return used
}

// quotaDetails are the lines about what is used and about a quota of its own.
func quotaDetails(o library.QuotaOverride, used *library.Used) (lines []detail) {
	if used != nil {
		lines = append(lines, detail{"stored", fmt.Sprintf("%s, %s", count(used.Files, "file"), byteSize(used.Bytes))})
	}
	limit := func(name string, n int64, text string) {
		switch {
		case n < 0:
			lines = append(lines, detail{name, "none"})
		case n > 0:
			lines = append(lines, detail{name, text})
		}
	}
	limit("quota", o.Bytes, byteSize(o.Bytes).String())
	limit("quota of files", o.Files, count(o.Files, "file"))
	return lines
}
