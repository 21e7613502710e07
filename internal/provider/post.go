package provider

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

const (
	// fhirJSON is the media type of FHIR's JSON from STU3 on.
	fhirJSON = "application/fhir+json"
	// UserAgent is what we call ourselves.
	UserAgent = "carrel"
	// maxAnswer bounds a provider's answer, beside what it gives back of what was sent:
	// we ask for the representation, so twice that may be in it.
	maxAnswer = 2 << 20
)

func answerLimit(sent int) int64 { return maxAnswer + 2*int64(sent) }

// Parcel is a resource on its way.
type Parcel struct {
	// Base is the address of the FHIR server.
	Base     string
	Resource delivery.Resource
	Token    seal.Secret
	// Header is what is sent beside the usual, with the names spelled as they are.
	Header http.Header
}

// Attempt is what came of an attempt, and what the log of the network wants to know.
type Attempt struct {
	delivery.Outcome
	// BearerError is the code of RFC 6750 that the provider gave, if any.
	BearerError string
	// Timeout says that there was no answer in time.
	Timeout bool
}

// Address is where a parcel goes: a Bundle to the base, else [base]/[type]. There is
// never a query, and so nothing that identifies a person (MedMij "Resource interface").
func (p Parcel) Address() string {
	base := strings.TrimSuffix(p.Base, "/")
	if p.Resource.Path == "" {
		return base
	}
	return base + "/" + p.Resource.Path
}

// notFHIR is why what makes no parcel is not sent.
const notFHIR = "not sent: it is neither a resource nor a Bundle"

// Post makes one attempt to deliver a resource: a POST that is sent at most once.
func (w *Way) Post(ctx context.Context, p Parcel) Attempt {
	s, err := describe(p.Resource)
	if err != nil || !validPath(p.Resource.Path) {
		return Attempt{Outcome: delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: notFHIR}}
	}
	h := http.Header{}
	for name, values := range p.Header {
		h[name] = values
	}
	h.Set("Accept", fhirJSON)
	h.Set("Content-Type", fhirJSON)
	h.Set("Prefer", "return=representation")
	h.Set("User-Agent", UserAgent)
	h.Set("Authorization", "Bearer "+p.Token.Reveal())
	r, err := w.Do(ctx, Call{Method: http.MethodPost, URL: p.Address(), Header: h, Body: p.Resource.Body, Limit: answerLimit(len(p.Resource.Body))})
	if err != nil {
		return Failed(err)
	}
	return Attempt{Outcome: judge(s, r, w.now()), BearerError: bearerError(r.Header.Get("WWW-Authenticate"))}
}

// Failed is the attempt that got no answer. It was surely not filed if nothing was
// sent, else nobody knows.
func Failed(err error) Attempt {
	a := Attempt{Outcome: delivery.Outcome{Kind: delivery.OutcomeUnknown, Reason: "the server did not answer"}}
	var f *Fault
	if errors.As(err, &f) {
		a.Reason, a.Timeout = f.Reason, f.Timeout
		if !f.Sent {
			a.Kind = delivery.OutcomeNotFiled
		}
	}
	return a
}

// validPath reports whether a path is empty or the name of a type: letters alone.
func validPath(path string) bool {
	for _, c := range []byte(path) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(path) <= 64
}
