package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// deliveriesShown is how many deliveries stand on a page.
const deliveriesShown = 20

// deliveriesLooked is how many are looked at for what an account says of itself: one
// that waits may stand on a later page.
const deliveriesLooked = 100

// deliveryRow is a delivery as a person sees it.
type deliveryRow struct {
	ID library.DeliveryID
	// State is how far it is, in the words of data-state; Say tells it.
	State string
	Say   []piece
	// What it is, from whom, and to whom if that is not told.
	What, App, To string
	At            time.Time
}

// The states of a delivery, as a person is told.
const (
	deliveryWaiting  = "waiting"
	deliveryAccepted = "accepted"
	deliveryRefused  = "refused"
	deliveryUnknown  = "unknown"
	deliveryGivenUp  = "given_up"
)

var deliveryStates = map[delivery.State]struct{ state, text string }{
	delivery.Waiting:   {deliveryWaiting, "delivery.waiting"},
	delivery.Posting:   {deliveryWaiting, "delivery.waiting"},
	delivery.Delivered: {deliveryAccepted, "delivery.accepted"},
	delivery.Refused:   {deliveryRefused, "delivery.refused"},
	delivery.Unknown:   {deliveryUnknown, "delivery.unknown"},
	delivery.Expired:   {deliveryGivenUp, "delivery.given_up"},
	delivery.Reconnect: {deliveryGivenUp, "delivery.given_up"},
}

// refusalTexts are the reasons of providers, by the status of their answer. What they
// say themselves is for the application: it may be long, and hold what was sent.
var refusalTexts = map[int]string{
	http.StatusOK:                    "delivery.reason.part", // of a Bundle
	http.StatusBadRequest:            "delivery.reason.content",
	http.StatusUnprocessableEntity:   "delivery.reason.content",
	http.StatusConflict:              "delivery.reason.there",
	http.StatusPreconditionFailed:    "delivery.reason.there",
	http.StatusRequestEntityTooLarge: "delivery.reason.large",
	http.StatusUnsupportedMediaType:  "delivery.reason.kind",
	http.StatusNotFound:              "delivery.reason.kind",
	http.StatusMethodNotAllowed:      "delivery.reason.kind",
	http.StatusNotAcceptable:         "delivery.reason.kind",
	http.StatusGone:                  "delivery.reason.kind",
}

func (s *site) deliveryRow(t *texts, d delivery.Delivery, names map[wire.ApplicationID]string) deliveryRow {
	told := deliveryStates[d.State]
	reason, ok := refusalTexts[d.Status]
	if !ok {
		reason = "delivery.reason.silent"
	}
	provider := quote(d.ProviderName)
	row := deliveryRow{ID: d.ID, State: told.state, What: capital(t.what(resourceWords(d.Types))), App: quote(names[d.Application]), At: d.CreatedAt,
		Say: t.say(told.text, "provider", marked{provider, mark{Bold: true}}, "reason", t.text(reason),
			"date", formatter{t, s.config.Zone}.on(d.UpdatedAt))}
	if row.State == deliveryWaiting || row.State == deliveryGivenUp {
		row.To = provider
	}
	return row
}

// A cursor travels as "<milliseconds>-<id>".

func cursorText(d delivery.Delivery) string {
	return strconv.FormatInt(d.CreatedAt.UnixMilli(), 10) + "-" + string(d.ID)
}

// readCursor reads a cursor; anything else is the newest.
func readCursor(s string) delivery.Cursor {
	at, id, ok := strings.Cut(s, "-")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || ms <= 0 || ms > maxMillis || !wire.ValidName(id) {
		return delivery.Cursor{}
	}
	return delivery.Cursor{CreatedAt: time.UnixMilli(ms).UTC(), ID: library.DeliveryID(id)}
}

// maxMillis bounds the times that are looked at: the year 9999.
const maxMillis = 253_402_300_799_999
