package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store"
)

// browser is a person's browser, with the cookie of their login.
type browser struct {
	t      *testing.T
	k      *keeper
	client *http.Client
}

func (k *keeper) browserOf(p *carreltest.Person) *browser {
	k.t.Helper()
	login := &http.Cookie{Name: "carrel_login", Value: p.Cookie.Reveal()}
	return &browser{k.t, k, &http.Client{Jar: &staticCookies{map[string]*http.Cookie{login.Name: login}}}}
}

// staticCookies sends every cookie everywhere: there is one server.
type staticCookies struct{ values map[string]*http.Cookie }

func (s *staticCookies) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		s.values[c.Name] = c
	}
}

func (s *staticCookies) Cookies(*url.URL) (all []*http.Cookie) {
	for _, c := range s.values {
		all = append(all, c)
	}
	return all
}

func (b *browser) do(req *http.Request) (int, string) {
	b.t.Helper()
	req.Header.Set("Accept-Language", "en")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp := carreltest.Must(b.client.Do(req))(b.t)
	defer resp.Body.Close()
	return resp.StatusCode, string(carreltest.Must(io.ReadAll(resp.Body))(b.t))
}

func (b *browser) request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	return carreltest.Must(http.NewRequestWithContext(b.t.Context(), method, b.k.URL+path, body))(b.t)
}

func (b *browser) get(path string) string {
	b.t.Helper()
	status, page := b.do(b.request(http.MethodGet, path, nil))
	if status != http.StatusOK {
		b.t.Fatalf("GET %s: %d", path, status)
	}
	return page
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)
var resultState = regexp.MustCompile(`data-testid="checkpoint-result" data-state="([a-z]+)"`)

// givesBack sends a saved checkpoint as a file, or pasted, and returns the state of the page.
func (b *browser) givesBack(saved string, pasted bool) string {
	b.t.Helper()
	token := tokenField.FindStringSubmatch(b.get("/activity/check"))
	if token == nil {
		b.t.Fatal("the page has no form")
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("token", token[1])
	if pasted {
		_ = form.WriteField("text", saved)
	}
	file := carreltest.Must(form.CreateFormFile("file", "carrel.json"))(b.t)
	if !pasted {
		_, _ = io.WriteString(file, saved)
	}
	_ = form.Close()
	req := b.request(http.MethodPost, "/activity/check", &body)
	req.Header.Set("Content-Type", form.FormDataContentType())
	status, page := b.do(req)
	state := resultState.FindStringSubmatch(page)
	if status != http.StatusOK || state == nil {
		b.t.Fatalf("the check answers %d: %s", status, page)
	}
	return state[1]
}

// pages returns all pages of the activity, newest first.
func (b *browser) pages() (all []string) {
	b.t.Helper()
	older := regexp.MustCompile(`href="(/activity\?before=\d+)"`)
	for path := "/activity"; ; {
		page := b.get(path)
		all = append(all, page)
		next := older.FindStringSubmatch(page)
		if next == nil {
			return all
		}
		path = next[1]
	}
}

// lives gives a person an activity of n events.
func lives(t *testing.T, db *store.DB, p *carreltest.Person, n int) {
	t.Helper()
	for i := range n {
		event := library.Event{Library: p.Library, At: time.Now(), Kind: library.EventFileRead,
			Details: library.EventDetails{FileName: "file " + string(rune('a'+i%26)), ApplicationName: "App"}}
		if err := db.AddEvent(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
}

// rewrites gives all events from one on new hashes, as somebody does who knows the source.
func (k *keeper) rewrites(p *carreltest.Person, db *store.DB, from int64) {
	k.t.Helper()
	var previous []byte
	if from > 1 {
		k.reads(&previous, `SELECT hash FROM events WHERE library_id = $1 AND seq = $2`, p.Library, from-1)
	}
	for {
		events := carreltest.Must(db.ListEventsAfter(k.t.Context(), p.Library, from-1, 1))(k.t)
		if len(events) == 0 {
			k.movesEnd(p)
			return
		}
		e := events[0]
		e.Chain(previous)
		k.changes(`UPDATE events SET previous = $1, hash = $2 WHERE library_id = $3 AND seq = $4`, e.Previous, e.Hash,
			p.Library, e.Seq)
		previous, from = e.Hash, e.Seq+1
	}
}

// movesEnd records the hash of the newest event that there is as the end of the activity.
func (k *keeper) movesEnd(p *carreltest.Person) {
	k.t.Helper()
	k.changes(`UPDATE chains SET hash = (SELECT e.hash FROM events e
		WHERE e.library_id = chains.library_id AND e.seq = chains.events) WHERE library_id = $1`, p.Library)
}

// TestAttackChangedActivity: the keeper changes, removes, inserts or cuts off lines of an activity that the person has
// looked at. The person sees it, on the page that shows the line at the latest.
func TestAttackChangedActivity(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		db := k.OpensStore()
		const n = 130
		for name, attack := range map[string]func(p *carreltest.Person){
			"another file": func(p *carreltest.Person) {
				k.changes(`UPDATE events SET details = REPLACE(details, 'file b', 'file z')
					WHERE library_id = $1 AND seq = 29`, p.Library)
			},
			"details that do not decode": func(p *carreltest.Person) {
				k.changes(`UPDATE events SET details = '{' WHERE library_id = $1 AND seq = 120`, p.Library)
			},
			"another time": func(p *carreltest.Person) {
				k.changes(`UPDATE events SET at = at + 1 WHERE library_id = $1 AND seq = 3`, p.Library)
			},
			"another kind, hash made anew": func(p *carreltest.Person) {
				k.changes(`UPDATE events SET kind = 'file.added' WHERE library_id = $1 AND seq = 60`, p.Library)
				e := carreltest.Must(db.ListEventsAfter(t.Context(), p.Library, 59, 1))(t)[0]
				e.Chain(e.Previous)
				k.changes(`UPDATE events SET hash = $1 WHERE library_id = $2 AND seq = 60`, e.Hash, p.Library)
			},
			"all hashes made anew": func(p *carreltest.Person) {
				k.changes(`UPDATE events SET kind = 'file.added' WHERE library_id = $1 AND seq = 5`, p.Library)
				k.rewrites(p, db, 5)
			},
			"one removed": func(p *carreltest.Person) {
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq = 75`, p.Library)
			},
			"the first of a page removed": func(p *carreltest.Person) {
				newest := k.count(`SELECT MAX(seq) FROM events WHERE library_id = $1`, p.Library)
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq = $2`, p.Library, newest-50)
			},
			"the oldest removed": func(p *carreltest.Person) {
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq = 1`, p.Library)
			},
			"one inserted at the end": func(p *carreltest.Person) {
				k.changes(`INSERT INTO events (library_id, seq, at, kind, details, previous, hash)
					SELECT library_id, seq + 1, at, kind, details, hash, hash FROM events
					WHERE library_id = $1 ORDER BY seq DESC LIMIT 1`, p.Library)
			},
			"the newest cut off": func(p *carreltest.Person) {
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq > 100`, p.Library)
			},
			"the newest cut off, and the head rolled back": func(p *carreltest.Person) {
				k.changes(`DELETE FROM events WHERE library_id = $1 AND seq > 100`, p.Library)
				k.changes(`UPDATE chains SET events = 100 WHERE library_id = $1`, p.Library)
			},
			"a forged checkpoint": func(p *carreltest.Person) {
				k.changes(`UPDATE events SET kind = 'file.added' WHERE library_id = $1 AND seq = 120`, p.Library)
				k.rewrites(p, db, 120)
				k.changes(`UPDATE event_checkpoints SET hash = (SELECT e.hash FROM events e
					WHERE e.library_id = event_checkpoints.library_id AND e.seq = event_checkpoints.seq)
					WHERE library_id = $1`, p.Library)
			},
		} {
			t.Run(name, func(t *testing.T) {
				p := k.Person()
				lives(t, db, p, n)
				b := k.browserOf(p)
				for _, page := range b.pages() {
					if strings.Contains(page, "activity-broken") {
						t.Fatal("an activity that nobody has touched is called broken")
					}
				}
				logged := len(k.Log.Lines("activity has been tampered with"))
				attack(p)
				broken := 0
				for _, page := range b.pages() {
					broken += strings.Count(page, `data-testid="activity-broken"`)
				}
				if broken == 0 {
					t.Error("no page says that the activity was changed")
				}
				if len(k.Log.Lines("activity has been tampered with")) == logged {
					t.Error("the log does not say so")
				}
			})
		}
	})
}

// TestAttackRewrittenActivity: the keeper writes a whole new activity, and removes the server's own checkpoints, or
// puts an older activity in its place. The checkpoint that the person has saved shows it.
func TestAttackRewrittenActivity(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		db := k.OpensStore()
		p, stranger := k.Person(), k.Person()
		lives(t, db, p, 60)
		b := k.browserOf(p)
		saved := b.get("/activity/checkpoint")
		var file library.SavedFile
		if err := json.Unmarshal([]byte(saved), &file); err != nil || file.Events != 61 || file.Library != p.Library {
			t.Fatalf("saved %s, %v", saved, err)
		}
		lives(t, db, p, 60)
		for _, pasted := range []bool{false, true} {
			if state := b.givesBack(saved, pasted); state != "same" {
				t.Errorf("an activity that nobody has touched is %s", state)
			}
		}
		if state := b.givesBack(file.Signed, true); state != "same" {
			t.Errorf("the signature alone: %s", state)
		}
		if state := k.browserOf(stranger).givesBack(saved, false); state != "unknown" {
			t.Errorf("the checkpoint of another library: %s", state)
		}
		changed := strings.Replace(file.Signed, ".", ".A", 1)
		for _, forged := range []string{"", "{}", "x", changed, saved[:len(saved)/2]} {
			if state := b.givesBack(forged, true); state != "unknown" {
				t.Errorf("a forged checkpoint: %s", state)
			}
		}

		k.changes(`DELETE FROM event_checkpoints WHERE library_id = $1`, p.Library)
		k.changes(`UPDATE events SET kind = 'file.downloaded' WHERE library_id = $1 AND seq = 7`, p.Library)
		k.rewrites(p, db, 7)
		if !strings.Contains(b.get("/activity"), "activity-broken") {
			t.Error("the page does not see it without a checkpoint")
		}
		if state := b.givesBack(saved, false); state != "changed" {
			t.Errorf("a rewritten activity is %s", state)
		}

		k.changes(`DELETE FROM events WHERE library_id = $1 AND seq > 50`, p.Library)
		k.changes(`UPDATE chains SET events = 50 WHERE library_id = $1`, p.Library)
		if state := b.givesBack(saved, false); state != "changed" {
			t.Errorf("an older activity is %s", state)
		}
	})
}

// TestAttackRewrittenShortActivity: the keeper rewrites an activity that has no checkpoint yet, or whose checkpoints
// they remove, with right hashes, or cuts it off. The page, the check and the file of a checkpoint show it, also after
// the server has added further lines.
func TestAttackRewrittenShortActivity(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		db := k.OpensStore()
		write := k.Application().Contract(library.Write)
		for name, attack := range map[string]struct {
			lines int // beside the few that every victim has
			do    func(v *youngVictim)
		}{
			"lines made anew": {0, func(v *youngVictim) {
				k.changes(`UPDATE events SET kind = 'you.signed_in' WHERE library_id = $1 AND seq = 2`, v.Library)
				k.rewrites(v.Person, db, 2)
			}},
			"the newest line made anew": {0, func(v *youngVictim) {
				newest := k.count(`SELECT events FROM chains WHERE library_id = $1`, v.Library)
				k.changes(`UPDATE events SET kind = 'you.signed_in' WHERE library_id = $1 AND seq = $2`,
					v.Library, newest)
				k.rewrites(v.Person, db, int64(newest))
			}},
			"the newest line removed": {0, func(v *youngVictim) { k.cutsOff(v.Person, 1) }},
			"the checkpoints removed, and lines made anew": {40, func(v *youngVictim) {
				k.changes(`DELETE FROM event_checkpoints WHERE library_id = $1`, v.Library)
				k.changes(`UPDATE events SET kind = 'you.signed_in' WHERE library_id = $1 AND seq = 3`, v.Library)
				k.rewrites(v.Person, db, 3)
			}},
			"the checkpoints removed, and lines": {40, func(v *youngVictim) {
				k.changes(`DELETE FROM event_checkpoints WHERE library_id = $1`, v.Library)
				k.cutsOff(v.Person, 30)
			}},
			"another content, and the line of its arrival": {0, func(v *youngVictim) { k.forges(v, db) }},
			"lines made anew, and a line of the server's after them": {0, func(v *youngVictim) {
				k.changes(`UPDATE events SET kind = 'you.signed_in' WHERE library_id = $1 AND seq = 2`, v.Library)
				k.rewrites(v.Person, db, 2)
				carreltest.Must(v.grant.Pushes("after", []byte("after")))(t)
				lives(t, db, v.Person, 3)
			}},
			"the newest line removed, and what the person stops after that": {0, func(v *youngVictim) {
				k.cutsOff(v.Person, 1)
				v.Stops(v.grant)
				if _, err := v.grant.Pushes("after", []byte("after")); err == nil {
					t.Error("the application still pushes")
				}
			}},
			"all lines removed, and a line of the server's after that": {0, func(v *youngVictim) {
				k.cutsOff(v.Person, k.count(`SELECT events FROM chains WHERE library_id = $1`, v.Library))
				carreltest.Must(v.grant.Pushes("after", []byte("after")))(t)
			}},
		} {
			t.Run(name, func(t *testing.T) {
				v := &youngVictim{Person: k.Person()}
				v.grant = v.Allows(write)
				v.file = string(carreltest.Must(v.grant.Pushes("letter", []byte("what was pushed")))(t).ID)
				lives(t, db, v.Person, attack.lines)
				b := k.browserOf(v.Person)
				if strings.Contains(b.get("/activity"), "activity-broken") {
					t.Fatal("an activity that nobody has touched is called broken")
				}
				attack.do(v)
				if !strings.Contains(b.get("/activity"), `data-testid="activity-broken"`) {
					t.Error("the page does not say that the activity was changed")
				}
				if list := carreltest.Must(k.Activity.List(t.Context(), v.SignedIn(), 0))(t); list.Fault == nil {
					t.Error("the list does not say so")
				}
				var fault *library.ActivityFault
				if _, err := k.Activity.SaveCheckpoint(t.Context(), v.SignedIn(), time.Now()); !errors.As(err, &fault) {
					t.Errorf("saving a checkpoint: %v", err)
				}
				_, lines := k.checks(true)
				if !strings.Contains(strings.Join(lines, "\n"), string(v.Library)+": activity") {
					t.Errorf("the check says %q", lines)
				}
			})
		}
	})
}

// youngVictim is a person with few events, a grant to write, and a file that was pushed with it.
type youngVictim struct {
	*carreltest.Person
	grant *carreltest.Grant
	file  string
}

// cutsOff removes the newest n lines of an activity.
func (k *keeper) cutsOff(p *carreltest.Person, n int) {
	k.t.Helper()
	k.changes(`DELETE FROM events WHERE library_id = $1
		AND seq > (SELECT c.events FROM chains c WHERE c.library_id = $1) - $2`, p.Library, n)
	k.changes(`UPDATE chains SET events = events - $1 WHERE library_id = $2`, n, p.Library)
	k.movesEnd(p)
}

// forges puts another content in place of a file's, and makes the line of its arrival fit.
func (k *keeper) forges(v *youngVictim, db *store.DB) {
	k.t.Helper()
	var data []byte
	k.reads(&data, `SELECT data FROM contents WHERE file_id = $1`, v.file)
	before := sha256.Sum256(data)
	forged := bytes.Repeat([]byte{7}, len(data))
	after := sha256.Sum256(forged)
	k.changes(`UPDATE contents SET data = $1 WHERE file_id = $2`, forged, v.file)
	k.changes(`UPDATE events SET details = REPLACE(details, $1, $2) WHERE library_id = $3 AND kind = 'file.added'`,
		hex.EncodeToString(before[:]), hex.EncodeToString(after[:]), v.Library)
	k.rewrites(v.Person, db, 2)
}

// TestAttackForgedEndAndCheckpoint: the keeper forges the end of an activity for a moment, so that it never verifies
// again. A checkpoint that the person has saved still tells whether a line was changed, apart from that.
func TestAttackForgedEndAndCheckpoint(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		saved := carreltest.Must(k.Activity.SaveCheckpoint(t.Context(), anna.SignedIn(), k.Clock.Now()))(t)
		var mac []byte
		k.reads(&mac, `SELECT mac FROM chains WHERE library_id = $1`, string(anna.Library))
		k.changes(`UPDATE chains SET mac = $1 WHERE library_id = $2`, []byte{0}, string(anna.Library))
		if state := k.browserOf(anna).givesBack(saved.Signed, true); state != "end" {
			t.Errorf("with another end: %s", state)
		}
		anna.SignsIn()
		k.changes(`UPDATE chains SET mac = $1 WHERE library_id = $2`, mac, string(anna.Library))
		b := k.browserOf(anna)
		if state := b.givesBack(saved.Signed, true); state != "end" {
			t.Errorf("with the old end put back: %s", state)
		}
		if _, err := k.Activity.SaveCheckpoint(t.Context(), anna.SignedIn(), k.Clock.Now()); err == nil {
			t.Error("another checkpoint says that all is well")
		}
		k.changes(`UPDATE events SET at = at + 1 WHERE library_id = $1 AND seq = 1`, string(anna.Library))
		if state := b.givesBack(saved.Signed, true); state != "changed" {
			t.Errorf("with a changed line: %s", state)
		}
	})
}
