package library

import (
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
)

// Quota bounds how many files may be stored, and how many bytes they may have together. Zero means no limit.
type Quota struct{ Files, Bytes int64 }

// NoQuota is the value of a [QuotaOverride] that means no limit, whatever the server's setting is.
const NoQuota = -1

// QuotaOverride is the quota that an operator has given an application or a contract in place of the server's setting.
// Zero means the setting, and [NoQuota] no limit.
type QuotaOverride struct{ Files, Bytes int64 }

// over returns the quota that holds if the server's setting is q.
func (o QuotaOverride) over(q Quota) Quota {
	return Quota{Files: overLimit(o.Files, q.Files), Bytes: overLimit(o.Bytes, q.Bytes)}
}

func overLimit(own, setting int64) int64 {
	switch {
	case own == 0:
		return setting
	case own < 0:
		return 0
	default:
		return own
	}
}

// QuotaKind says whose quota it is.
type QuotaKind string

// The kinds of quotas.
const (
	// LibraryQuota bounds what all applications store in one library.
	LibraryQuota QuotaKind = "library"
	// ApplicationQuota bounds what an application stores in all libraries.
	ApplicationQuota QuotaKind = "application"
	// ContractQuota bounds what an application stores with one of its contracts in all libraries.
	ContractQuota QuotaKind = "contract"
	// StorageQuota bounds what an application keeps in the storage of one person.
	StorageQuota QuotaKind = "storage"
)

// Used is how many files are stored, and how many bytes they have together.
type Used struct{ Files, Bytes int64 }

func (u Used) plus(other Used) Used { return Used{u.Files + other.Files, u.Bytes + other.Bytes} }

// QuotaError says that a quota leaves no room for a file. Nothing has been stored.
type QuotaError struct {
	Kind  QuotaKind
	Quota Quota
	// Used is what is stored without the file.
	Used Used
	// InBytes says that the file has too many bytes; otherwise there are too many files.
	InBytes bool
	// Size is how many bytes the file has at least; zero if that is not known.
	Size int64
	// Shared says that Used is the sum of all storages of the application that no person has allowed.
	Shared bool
}

// NeverFits reports whether the file is larger than the whole quota.
func (e *QuotaError) NeverFits() bool { return e.InBytes && e.Size > e.Quota.Bytes }

func (e *QuotaError) Error() string {
	if e.InBytes {
		return fmt.Sprintf("the %s has a quota of %d bytes, of which %d are used", e.Kind, e.Quota.Bytes, e.Used.Bytes)
	}
	return fmt.Sprintf("the %s has a quota of %d files, of which %d are used", e.Kind, e.Quota.Files, e.Used.Files)
}

// Check returns a [*QuotaError] if a file of size bytes does not fit beside what is used already.
func (q Quota) Check(kind QuotaKind, used Used, size int64) error {
	switch {
	case q.Files > 0 && used.Files >= q.Files:
		return &QuotaError{Kind: kind, Quota: q, Used: used}
	case q.Bytes > 0 && size > q.Bytes-used.Bytes:
		return &QuotaError{Kind: kind, Quota: q, Used: used, InBytes: true}
	}
	return nil
}

// Usage is what an application has stored with a contract.
type Usage struct {
	Application wire.ApplicationID
	Contract    wire.ContractID
	Used
}
