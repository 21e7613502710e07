package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/carrelhq/carrel/internal/library"
)

// PayloadPurpose is the purpose with which the keyring seals what is to be delivered.
func PayloadPurpose(id library.DeliveryID) string { return "carrel delivery " + string(id) }

// AnswerPurpose is the purpose with which the keyring seals a provider's answer.
func AnswerPurpose(id library.DeliveryID) string { return "carrel delivery answer " + string(id) }

// sealPayload seals a resource: a line of JSON with all but its body, and the body.
func (q *Queue) sealPayload(id library.DeliveryID, r Resource) ([]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode resource: %w", err)
	}
	return q.ring.Seal(PayloadPurpose(id), slices.Concat(head, []byte{'\n'}, r.Body)), nil
}

func (q *Queue) openPayload(id library.DeliveryID, box []byte) (r Resource, err error) {
	text, err := q.ring.Open(PayloadPurpose(id), box)
	if err != nil {
		return Resource{}, fmt.Errorf("open payload: the keyring is not the one that it was sealed with: %w", err)
	}
	head, body, ok := bytes.Cut(text, []byte{'\n'})
	if !ok || json.Unmarshal(head, &r) != nil {
		return Resource{}, errors.New("open payload: not what was sealed")
	}
	r.Body = body
	return r, nil
}
