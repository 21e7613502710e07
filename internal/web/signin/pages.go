package signin

import (
	"embed"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Templates are the templates of the package's pages.
//
//go:embed templates/*.html
var Templates embed.FS

// Pages are the pages of the package.
type Pages struct {
	Logins          *Logins
	SignIn          *SignIn
	Create          *Create
	Recover         *Recover
	RecoveryCode    *RecoveryCode
	PendingDeletion *PendingDeletion
}

// New returns the pages by which people come to their libraries.
func New(u *ui.UI, people *library.People) *Pages {
	logins := &Logins{ui: u, people: people}
	return &Pages{
		Logins:          logins,
		SignIn:          &SignIn{ui: u, people: people, logins: logins},
		Create:          &Create{ui: u, people: people, logins: logins},
		Recover:         &Recover{ui: u, people: people, logins: logins},
		RecoveryCode:    &RecoveryCode{ui: u, people: people},
		PendingDeletion: &PendingDeletion{ui: u, people: people},
	}
}
