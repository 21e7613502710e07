package library

import (
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Application is a registered client program.
type Application struct {
	ID        wire.ApplicationID
	Name      string
	PartnerID string
	// About says in one line who is behind the application: name, place, site.
	About string
	// Checked says that the operator has checked who is behind it.
	Checked   bool
	CreatedAt time.Time
	// DisabledAt is when the operator disabled it; zero if it is enabled.
	DisabledAt time.Time
	// Quota bounds what it stores in all libraries.
	Quota QuotaOverride
}
