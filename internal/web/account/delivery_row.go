package account

import (
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// deliveriesPerPage is the number of deliveries on a page.
const deliveriesPerPage = 20

// deliveriesExamined is the number of latest deliveries from which the first page tells whether an account works. It is
// more than a page shows, because a delivery that is waiting may be on a later page.
const deliveriesExamined = 100

// deliveryRow is a delivery as the page shows it.
type deliveryRow struct {
	ID library.DeliveryID
	// State is the value of data-state, StateText the sentence for it.
	State     string
	StateText []ui.Span
	// What names the data, App is the application that sent it, To the provider; empty if StateText names the provider.
	What, App, To string
	CreatedAt     time.Time
}

// The states of a delivery that the page distinguishes.
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

// refusalReasons are the texts for a provider's refusal, by the HTTP status of its answer. The page does not show the
// answer itself: it may be long and repeat what was sent. Only the application gets it.
var refusalReasons = map[int]string{
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

func newDeliveryRow(
	t *ui.Texts, format ui.Formatter, d delivery.Delivery, names map[wire.ApplicationID]string,
) deliveryRow {
	state := deliveryStates[d.State]
	reason, ok := refusalReasons[d.Status]
	if !ok {
		reason = "delivery.reason.silent"
	}
	provider := ui.CleanText(d.ProviderName)
	row := deliveryRow{
		ID: d.ID, State: state.state, App: ui.CleanText(names[d.Application]), CreatedAt: d.CreatedAt,
		What: ui.Capitalize(ui.ResourceDataTypes(d.Types).In(t)),
		StateText: t.Spans(state.text,
			"provider", ui.Bold(provider), "reason", t.Text(reason), "date", format.DateValue(d.UpdatedAt)),
	}
	if row.State == deliveryWaiting || row.State == deliveryGivenUp {
		row.To = provider
	}
	return row
}
