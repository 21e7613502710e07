package demo

import (
	"net/http"
	"sync"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/seal"
)

// visit is one browser at the clinic. A real application would keep the tokens with
// its own record of the patient; this one forgets them when it ends.
type visit struct {
	mu     sync.Mutex
	asked  digime.Authorization
	job    job
	users  map[job]*digime.User
	notice string
	fault  string
	pushed bool
	files  []fileView

	// measured is what the visitor last typed, to the provider where it goes.
	measured pressure
	to       digime.Account
	// again says that they have just connected the provider anew.
	again bool
	sent  *sentView
}

// visits are the browsers that have come.
type visits struct {
	mu  sync.Mutex
	all map[string]*visit
}

// before is somebody whom the visitor has let act for them, whatever for: a further
// consent joins the same library. Nil if there is none yet.
func (v *visit) before() *digime.User {
	for _, j := range []job{pushLetter, sendOn, readFiles} {
		if user := v.users[j]; user != nil {
			return user
		}
	}
	return nil
}

const visitCookie = "demo-clinic"

// maxVisits bounds the visits that are remembered; then all begin anew.
const maxVisits = 10_000

// of is the visit of a request's browser, a new one if it has not come before.
func (v *visits) of(w http.ResponseWriter, r *http.Request) *visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, err := r.Cookie(visitCookie); err == nil && v.all[c.Value] != nil {
		return v.all[c.Value]
	}
	if v.all == nil || len(v.all) >= maxVisits {
		v.all = make(map[string]*visit)
	}
	id := seal.NewSecret().Reveal()
	http.SetCookie(
		w,
		&http.Cookie{Name: visitCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode},
	)
	v.all[id] = &visit{users: map[job]*digime.User{}, measured: pressure{128, 82}}
	return v.all[id]
}
