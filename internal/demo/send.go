package demo

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// sentView is the state of the last measurement that was sent, as the page shows it.
type sentView struct {
	ID       digime.DeliveryID
	Provider string
	State    digime.DeliveryState
	// Words describe the state; Reason says why it is so, and may be empty.
	Words, Reason string
	When          string
	// Answer is the provider's response.
	Answer string
	// Reconnect is set if the visitor has to connect the provider again.
	Reconnect bool
	Final     bool
}

var stateWords = map[digime.DeliveryState]string{
	digime.DeliveryWaiting:   "On its way. It will be tried again.",
	digime.DeliveryPosting:   "On its way.",
	digime.DeliveryDelivered: "It has arrived.",
	digime.DeliveryRefused:   "It was refused.",
	digime.DeliveryUnknown:   "Nobody knows whether it has arrived. It is not sent again by itself.",
	digime.DeliveryExpired:   "It did not arrive in time.",
	digime.DeliveryReconnect: "It was not sent: your permission at the provider is over.",
}

// sendForm handles the form with a blood pressure: it sends the values, or first asks for consent.
func (c *Clinic) sendForm(w http.ResponseWriter, r *http.Request) {
	b := c.browsers.get(w, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	systolic, err1 := strconv.Atoi(r.PostFormValue("systolic"))
	diastolic, err2 := strconv.Atoi(r.PostFormValue("diastolic"))
	measured, next := pressure{systolic, diastolic}, "/"
	if err := errors.Join(err1, err2, measured.check()); err != nil {
		b.fault = pressure{}.check().Error()
	} else {
		b.measured = measured
		next = c.start(r.Context(), b, sendMeasurement)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// reconnectForm redirects the visitor to their provider, to connect it again. After that, the last values that they
// typed are sent.
func (c *Clinic) reconnectForm(w http.ResponseWriter, r *http.Request) {
	b := c.browsers.get(w, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	http.Redirect(w, r, c.startReconnect(r.Context(), b), http.StatusSeeOther)
}

// startReconnect starts to connect the provider again. It returns the URL to redirect the visitor to.
func (c *Clinic) startReconnect(ctx context.Context, b *browserState) string {
	user := b.users[sendMeasurement]
	if user == nil {
		return "/"
	}
	auth, err := c.reconnect(ctx, user, b.provider)
	if err != nil {
		b.fault = err.Error()
		return "/"
	}
	b.pending, b.task = auth, sendMeasurement
	return auth.URL
}

// runSend sends what the visitor typed, and returns the URL to redirect them to. That is the provider's if their
// consent there has ended, unless they have just connected it again.
func (c *Clinic) runSend(ctx context.Context, b *browserState) string {
	user, reconnected := b.users[sendMeasurement], b.reconnected
	b.reconnected = false
	answer, err := c.send(ctx, user, b.provider, newMeasurement(b.measured, time.Now()))
	b.sent = &sentView{
		ID:       answer.DeliveryID,
		Provider: b.provider.ServiceProviderName,
		When:     formatTime(time.Now()),
		Answer:   indentJSON(answer.Body),
	}
	var failed *digime.DeliveryError
	if errors.As(err, &failed) {
		b.sent.ID = failed.ID
	}
	switch {
	case err == nil && answer.Delivered():
		b.sent.setState(digime.DeliveryDelivered)
		b.notice = "Your blood pressure has arrived at " + b.provider.ServiceProviderName + "."
	case err == nil:
		b.sent.setState(digime.DeliveryPosting)
		b.notice = "Your blood pressure is on its way to " + b.provider.ServiceProviderName + "."
	case errors.Is(err, digime.ErrServiceAuthorization) && !reconnected:
		return c.startReconnect(ctx, b)
	case errors.Is(err, digime.ErrServiceAuthorization):
		b.sent.setState(digime.DeliveryReconnect)
	case errors.Is(err, digime.ErrInvalidToken), errors.Is(err, digime.ErrNotFound):
		delete(b.users, sendMeasurement) // revoked or disconnected: ask for consent again the next time
		b.sent = nil
	case b.sent.ID == "":
		b.sent = nil // there is no delivery; the page shows only the error
	}
	if err != nil {
		b.fault = err.Error()
		var e *digime.Error
		if errors.As(err, &e) {
			b.fault = e.Message
		}
	}
	return "/"
}

// setState sets the state and the fields that depend on it.
func (s *sentView) setState(state digime.DeliveryState) {
	s.State, s.Words, s.Final, s.Reconnect = state, stateWords[state], state.Final(), state == digime.DeliveryReconnect
	if s.Words == "" {
		s.Words = string(state)
	}
}

// updateDelivery gets the state of the last delivery, unless that is final.
func (c *Clinic) updateDelivery(ctx context.Context, b *browserState) {
	user := b.users[sendMeasurement]
	if b.sent == nil || b.sent.Final || b.sent.ID == "" || user == nil {
		return
	}
	d, err := c.getDelivery(ctx, user, b.sent.ID)
	if err != nil {
		b.sent.Words, b.sent.Reason = "We cannot see how far it is.", err.Error()
		return
	}
	b.sent.setState(d.State)
	b.sent.Reason, b.sent.When = d.Reason, formatTime(d.UpdatedAt)
	if len(d.Answer) > 0 {
		b.sent.Answer = indentJSON(d.Answer)
	}
}
