package demo

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// sentView is what became of a measurement, as the page shows it.
type sentView struct {
	ID       digime.DeliveryID
	Provider string
	State    digime.DeliveryState
	// Words are the state in words, Reason why.
	Words, Reason string
	When          string
	// Answer is the provider's own.
	Answer string
	// Reconnect says that the visitor has to give the provider their permission again.
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

// sendForm takes the visitor's numbers, and sends them or asks first.
func (c *Clinic) sendForm(w http.ResponseWriter, r *http.Request) {
	v := c.visits.of(w, r)
	v.mu.Lock()
	defer v.mu.Unlock()
	systolic, err1 := strconv.Atoi(r.PostFormValue("systolic"))
	diastolic, err2 := strconv.Atoi(r.PostFormValue("diastolic"))
	measured, next := pressure{systolic, diastolic}, "/"
	if err := errors.Join(err1, err2, measured.check()); err != nil {
		v.fault = pressure{}.check().Error()
	} else {
		v.measured = measured
		next = c.start(r.Context(), v, sendOn)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// reconnectForm sends the visitor to their provider again. What they typed last is sent
// when they come back.
func (c *Clinic) reconnectForm(w http.ResponseWriter, r *http.Request) {
	v := c.visits.of(w, r)
	v.mu.Lock()
	defer v.mu.Unlock()
	http.Redirect(w, r, c.connectAgain(r.Context(), v), http.StatusSeeOther)
}

// connectAgain returns where the visitor goes to give their provider permission again.
func (c *Clinic) connectAgain(ctx context.Context, v *visit) string {
	user := v.users[sendOn]
	if user == nil {
		return "/"
	}
	on, err := c.reconnect(ctx, user, v.to)
	if err != nil {
		v.fault = err.Error()
		return "/"
	}
	v.asked, v.job = on, sendOn
	return on.URL
}

// sendMeasured sends what the visitor typed, and returns where they go next: to their
// provider, if their permission there is over and they have not just been there.
func (c *Clinic) sendMeasured(ctx context.Context, v *visit) string {
	user, been := v.users[sendOn], v.again
	v.again = false
	answer, err := c.send(ctx, user, v.to, measurement(v.measured, time.Now()))
	v.sent = &sentView{
		ID:       answer.DeliveryID,
		Provider: v.to.ServiceProviderName,
		When:     when(time.Now()),
		Answer:   indented(answer.Body),
	}
	var kept *digime.DeliveryError
	if errors.As(err, &kept) {
		v.sent.ID = kept.ID
	}
	switch {
	case err == nil && answer.Delivered():
		v.sent.as(digime.DeliveryDelivered)
		v.notice = "Your blood pressure has arrived at " + v.to.ServiceProviderName + "."
	case err == nil:
		v.sent.as(digime.DeliveryPosting)
		v.notice = "Your blood pressure is on its way to " + v.to.ServiceProviderName + "."
	case errors.Is(err, digime.ErrServiceAuthorization) && !been:
		return c.connectAgain(ctx, v)
	case errors.Is(err, digime.ErrServiceAuthorization):
		v.sent.as(digime.DeliveryReconnect)
	case errors.Is(err, digime.ErrInvalidToken), errors.Is(err, digime.ErrNotFound):
		delete(v.users, sendOn) // revoked or disconnected: ask anew the next time
		v.sent = nil
	case v.sent.ID == "":
		v.sent = nil // nothing was kept: what stands in the fault is all there is
	}
	if err != nil {
		v.fault = err.Error()
		var e *digime.Error
		if errors.As(err, &e) {
			v.fault = e.Message
		}
	}
	return "/"
}

// as sets how far it is.
func (s *sentView) as(state digime.DeliveryState) {
	s.State, s.Words, s.Final, s.Reconnect = state, stateWords[state], state.Final(), state == digime.DeliveryReconnect
	if s.Words == "" {
		s.Words = string(state)
	}
}

// look asks how far the visitor's measurement is, until that is settled.
func (c *Clinic) look(ctx context.Context, v *visit) {
	user := v.users[sendOn]
	if v.sent == nil || v.sent.Final || v.sent.ID == "" || user == nil {
		return
	}
	d, err := c.follow(ctx, user, v.sent.ID)
	if err != nil {
		v.sent.Words, v.sent.Reason = "We cannot see how far it is.", err.Error()
		return
	}
	v.sent.as(d.State)
	v.sent.Reason, v.sent.When = d.Reason, when(d.UpdatedAt)
	if len(d.Answer) > 0 {
		v.sent.Answer = indented(d.Answer)
	}
}
