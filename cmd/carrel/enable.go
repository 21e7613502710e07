package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// A clientSwitch disables an application or a contract, or enables it again.
type clientSwitch struct {
	// verb and noun name the command, as disable and contract do, and id what it is about.
	verb, noun, id string
	// disabledAt returns when it was disabled; zero if it is not.
	disabledAt func(*library.Clients) (time.Time, error)
	apply      func(*library.Clients) error
	unknown    func(id string) error
	// done is what the command says afterwards.
	done string
}

func (s *stores) switchClient(ctx context.Context, w clientSwitch) error {
	r := recordOf(w.noun+" "+w.verb).add(w.noun, w.id)
	return s.change(ctx, changing, r, func(clients *library.Clients) error {
		was, err := w.disabledAt(clients)
		if err == nil {
			err = w.apply(clients)
		}
		if errors.Is(err, library.ErrNotFound) {
			return w.unknown(w.id)
		}
		if err != nil {
			return fmt.Errorf("%s %s %s: %w", w.verb, w.noun, w.id, err)
		}
		switch {
		case w.verb == "disable" && !was.IsZero():
			fmt.Printf("The %s was disabled already, on %s: nothing has changed.\n", w.noun, was.Format(time.DateOnly))
		case w.verb == "enable" && was.IsZero():
			fmt.Printf("The %s was not disabled: nothing has changed.\n", w.noun)
		default:
			fmt.Println(w.done)
		}
		return nil
	})
}
