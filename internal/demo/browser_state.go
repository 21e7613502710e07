package demo

import (
	"net/http"
	"sync"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/seal"
)

// browserState is what the clinic knows of one browser. A real application stores the tokens with its record of the
// patient; this one loses them when it ends.
type browserState struct {
	mu sync.Mutex
	// pending is the authorization that the visitor has been sent to, and task what is done after it.
	pending digime.Authorization
	task    task
	// users has a user for each task that the visitor has allowed.
	users  map[task]*digime.User
	notice string
	fault  string
	pushed bool
	files  []fileView

	// measured is the blood pressure that the visitor typed last; provider is the account that it is sent to.
	measured pressure
	provider digime.Account
	// reconnected is set if the visitor has just connected the provider again.
	reconnected bool
	sent        *sentView
}

// anyUser returns a user for any task that the visitor has allowed, or nil. A further consent joins that user's
// library.
func (s *browserState) anyUser() *digime.User {
	for _, t := range []task{pushLetter, sendMeasurement, readFiles} {
		if user := s.users[t]; user != nil {
			return user
		}
	}
	return nil
}

// browserStates has the state of each browser, by its cookie.
type browserStates struct {
	mu       sync.Mutex
	byCookie map[string]*browserState
}

const browserCookie = "demo-clinic"

// maxBrowsers bounds the states. When it is reached, all of them are dropped.
const maxBrowsers = 10_000

// get returns the state of a request's browser. A browser without one gets a cookie and a new state.
func (s *browserStates) get(w http.ResponseWriter, r *http.Request) *browserState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie(browserCookie); err == nil && s.byCookie[c.Value] != nil {
		return s.byCookie[c.Value]
	}
	if s.byCookie == nil || len(s.byCookie) >= maxBrowsers {
		s.byCookie = make(map[string]*browserState)
	}
	id := seal.NewSecret().Reveal()
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	s.byCookie[id] = &browserState{users: map[task]*digime.User{}, measured: pressure{128, 82}}
	return s.byCookie[id]
}
