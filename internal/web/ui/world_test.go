package ui_test

import (
	"time"

	"github.com/carrelhq/carrel/internal/web/ui"
)

var languages = ui.LoadLanguages()

func english() *ui.Texts { return languages.Get("en") }
func dutch() *ui.Texts   { return languages.Get("nl") }

// formatter writes dates in UTC.
func formatter(t *ui.Texts) ui.Formatter {
	return (&ui.UI{Config: ui.Config{Zone: time.UTC}}).Formatter(t)
}
