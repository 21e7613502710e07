package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/testenv"
)

// loadSecondsVar is how long each scenario of TestLoad lasts; make load sets it.
const loadSecondsVar = "CARREL_TEST_LOAD_SECONDS"

// loadSize is how large the scenarios are.
type loadSize struct {
	// measured says that the times count.
	measured                            bool
	duration                            time.Duration
	halfRequests, slowPushes, addresses int
	unreadDownloads                     int
	// pause is the longest between two tries of an attacker.
	pause time.Duration
}

// maxLoadTime is how long 99 of 100 things that honest people and applications do may take.
const maxLoadTime = time.Second

// loadScenario is what happens to a server while others use it.
type loadScenario struct {
	name string
	// attack starts what happens; nil for nothing.
	attack func(*loadAttack)
	// smallDisk and restarts say what disturbs the server beside its clients.
	smallDisk, restarts bool
	// refusesNothing says that nobody is to be refused, refusesPushes that nothing but pushes is.
	refusesNothing, refusesPushes bool
}

var loadScenarios = []loadScenario{
	{name: "honest load alone", refusesNothing: true},
	{name: "half requests of a stranger", attack: halfRequests},
	{name: "slow pushes of an application", attack: slowPushes},
	{name: "downloads of an application that reads nothing", attack: unreadDownloads},
	{name: "sign-ups from many addresses", attack: manySignUps},
	// The reserve of free space, a quarter of the small disk, is for everything but pushes.
	{name: "an application that fills the disk", attack: largePushes, smallDisk: true, refusesPushes: true},
	{name: "a full disk", attack: fillDisk, smallDisk: true},
	{name: "restarts of PostgreSQL", restarts: true},
}

// TestLoad has people and applications use a server while others do it harm, and measures how long they wait. None of
// them gets an error of the server: at worst they are asked to come back later. With CARREL_TEST_LOAD_SECONDS the
// scenarios are large, one after the other, and 99 of 100 requests have to be answered within a second; `make load`
// prints the table. Without it they are small, and show that the test works.
func TestLoad(t *testing.T) {
	size := loadSize{duration: 400 * time.Millisecond, halfRequests: 40, slowPushes: 20, addresses: 5,
		unreadDownloads: 20, pause: 200 * time.Millisecond}
	if seconds, err := strconv.Atoi(os.Getenv(loadSecondsVar)); err == nil {
		size = loadSize{measured: true, duration: time.Duration(seconds) * time.Second, halfRequests: 1000,
			slowPushes: 2000, addresses: 100, unreadDownloads: 500, pause: 10 * time.Second}
	} else {
		t.Parallel()
	}
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			table := &loadTable{}
			t.Cleanup(func() { t.Logf("%s\n%s", database, table) })
			var shared *loadSite
			for _, s := range loadScenarios {
				switch {
				case s.restarts && database == "sqlite":
					continue
				case !size.measured && !s.restarts && database == "postgres":
					continue // the same with less to do for the server's process
				case !size.measured && !s.smallDisk && !s.restarts && shared == nil:
					shared = newLoadSite(t, filepath.Join(t.TempDir(), "data"), "")
				}
				t.Run(s.name, func(t *testing.T) { s.run(t, size, database, shared, table) })
			}
		})
	}
}

// run runs the scenario and adds what it measures to a table. It starts a server, unless it can use one that is given.
func (s loadScenario) run(t *testing.T, size loadSize, database string, site *loadSite, table *loadTable) {
	periods := make(chan loadPeriod, 100)
	var postgres *testenv.RestartablePostgres
	switch {
	case s.restarts:
		postgres = testenv.NewRestartablePostgres(t)
		site = newLoadSite(t, filepath.Join(t.TempDir(), "data"), postgres.URL)
	case s.smallDisk || site == nil:
		data, url := filepath.Join(t.TempDir(), "data"), ""
		if s.smallDisk {
			data = filepath.Join(smallDisk(t), "data")
		}
		if database == "postgres" {
			url = testenv.DurablePostgres(t)
		}
		site = newLoadSite(t, data, url)
	}
	h := &honestLoad{t: t, site: site, duration: size.duration}
	h.signIn(2)
	before := loadAverage()
	// Everybody stops before the attackers do.
	attack, stopAttack := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stopAttack()
	a := &loadAttack{ctx: attack, t: t, site: site, size: size}
	if s.attack != nil {
		s.attack(a)
		a.pause(size.pause) // until all have come
	}
	if s.restarts {
		restartPostgres(a, postgres, periods)
	} else {
		close(periods)
	}
	h.began = time.Now()
	h.start()
	if s.refusesNothing {
		h.startMobile()
	}
	h.wait.Wait()
	stopAttack()
	a.wait.Wait()
	for p := range periods {
		h.restarts = append(h.restarts, p)
	}
	h.check(t, s, size)
	table.add(fmt.Sprintf("%s (load average %s before, %s after) %s", s.name, before, loadAverage(), a), h.measured())
	if t.Failed() {
		log := strings.Split(strings.TrimSpace(site.process.log.String()), "\n")
		t.Logf("the end of the server's log:\n%s", strings.Join(log[max(0, len(log)-20):], "\n"))
	}
}

type loadPeriod struct{ from, to time.Time }

// measurement is one thing that somebody did.
type measurement struct {
	what       string
	began      time.Time
	took       time.Duration
	outcome    outcome
	atARestart bool
}

// honestLoad is people and applications who use a server as they do every day.
type honestLoad struct {
	t        *testing.T
	site     *loadSite
	began    time.Time
	duration time.Duration
	restarts []loadPeriod
	browsers []*loadBrowser // that are signed in
	wait     sync.WaitGroup

	mu   sync.Mutex
	done []measurement
}

// start starts a person and an application who do everything again and again.
func (h *honestLoad) start() {
	ctx := h.t.Context()
	fresh := clientFrom("127.0.0.1", false)
	h.repeat("healthz", 50*time.Millisecond, func() outcome {
		r, err := fresh.Get(h.site.url + "/healthz")
		if err != nil {
			return outcome{err: err}
		}
		return outcome{status: r.StatusCode, err: r.Body.Close()}
	})
	h.repeat("sign in", 400*time.Millisecond, func() outcome {
		b := newLoadBrowser(h.site.url) // one that has never been here
		defer b.client.CloseIdleConnections()
		return b.signIn(ctx, h.site.email, h.site.password)
	})
	pushes, large := 0, 0
	h.repeat("push", 30*time.Millisecond, func() outcome {
		pushes++
		return loadOutcomeOf(h.site.push(ctx, fmt.Sprintf("small-%d", pushes), 4000))
	})
	h.repeat("push large", 200*time.Millisecond, func() outcome {
		large++
		return loadOutcomeOf(h.site.push(ctx, fmt.Sprintf("large-%d", large), 200_000))
	})
	signedIn := h.browsers[0]
	h.repeat("files", 50*time.Millisecond, func() outcome {
		page, o := signedIn.get(ctx, "/files")
		if o.ok() && page.Data == "redirect" {
			o.err = errors.New("the person is signed out")
		}
		return o
	})
	h.repeat("download", 50*time.Millisecond, func() outcome { return h.download(ctx, signedIn) })
	h.wait.Go(func() { h.stopsApplications(ctx, h.browsers[1]) })
}

// signIn signs the person in, in so many browsers.
func (h *honestLoad) signIn(n int) {
	for range n {
		b := newLoadBrowser(h.site.url)
		if o := b.signIn(h.t.Context(), h.site.email, h.site.password); !o.ok() {
			h.t.Fatalf("sign in: %+v", o)
		}
		h.browsers = append(h.browsers, b)
	}
}

func (h *honestLoad) download(ctx context.Context, b *loadBrowser) outcome {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, h.site.url+"/files/"+h.site.file+"/download", nil)
	if err != nil {
		return outcome{err: err}
	}
	r, err := b.client.Do(q)
	if err != nil {
		return outcome{err: err}
	}
	defer func() { _ = r.Body.Close() }()
	o := outcome{status: r.StatusCode, retryAfter: r.Header.Get("Retry-After") != ""}
	n, err := io.Copy(io.Discard, r.Body)
	if o.ok() && (err != nil || n != 100_000) {
		o.err = fmt.Errorf("%d bytes: %w", n, err)
	}
	return o
}

// stopsApplications has the person allow a contract and stop it, again and again.
func (h *honestLoad) stopsApplications(ctx context.Context, b *loadBrowser) {
	var grant string
	for !h.isOver() {
		h.measure("allow an application", func() (o outcome) {
			grant, o = h.allow(ctx, b)
			return o
		})
		if grant != "" {
			h.measure("stop an application", func() outcome {
				path := "/grants/" + grant + "/stop"
				page, o := b.get(ctx, path)
				if !o.ok() || o.status != http.StatusOK {
					return o
				}
				_, o = b.click(ctx, path, page, "revoke-confirm", nil)
				return o
			})
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// allow allows what a contract asks for, and returns the id of the grant.
func (h *honestLoad) allow(ctx context.Context, b *loadBrowser) (string, outcome) {
	auth, err := h.site.stopped.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: crashCallback})
	if err != nil {
		return "", loadOutcomeOf(err)
	}
	page, o := b.get(ctx, auth.URL)
	if !o.ok() {
		return "", o
	}
	to, o := b.click(ctx, auth.URL, page, "allow", nil)
	if !o.ok() {
		return "", o
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return "", outcome{err: err}
	}
	back, err := auth.ParseCallback(q.URL.Query())
	if err != nil {
		return "", outcome{status: o.status, err: err}
	}
	token, err := h.site.stopped.Exchange(ctx, back)
	if err != nil {
		return "", loadOutcomeOf(err)
	}
	return string(token.ConsentID), o
}

// startMobile reads as the SDKs for phones do: it asks for the list of files every 0.3 s, and gets five files at once.
func (h *honestLoad) startMobile() {
	ctx := h.t.Context()
	for range 3 {
		session, err := h.site.reader.StartSession(ctx, digime.SessionOptions{})
		if err != nil {
			h.t.Error(err)
			return
		}
		var mu sync.Mutex
		var names []digime.FileName
		h.repeat("poll of a phone", 300*time.Millisecond, func() outcome {
			list, err := session.ListFiles(ctx)
			mu.Lock()
			defer mu.Unlock()
			for _, f := range list.Files {
				names = append(names, f.Name)
			}
			return loadOutcomeOf(err)
		})
		for range 5 {
			h.repeat("file of a phone", 500*time.Millisecond, func() outcome {
				mu.Lock()
				var name digime.FileName
				if len(names) > 0 {
					name = names[rand.N(len(names))]
				}
				mu.Unlock()
				if name == "" {
					return outcome{status: http.StatusOK}
				}
				file, err := session.OpenFile(ctx, name)
				if err == nil {
					_, err = io.Copy(io.Discard, file)
					_ = file.Close()
				}
				return loadOutcomeOf(err)
			})
		}
	}
	// Fifty at once, and slow bodies of an application beside its others.
	for range 50 {
		h.repeat("calls of fifty", 2*time.Second, func() outcome {
			_, err := h.site.writer.ListAccounts(ctx)
			return loadOutcomeOf(err)
		})
	}
	h.slowBodies(50)
	created := 0
	h.repeat("create a library", max(time.Second, h.duration/30), func() outcome {
		created++
		b := newLoadBrowser(h.site.url)
		defer b.client.CloseIdleConnections()
		page, o := b.get(ctx, "/create")
		if !o.ok() {
			return o
		}
		_, o = b.click(ctx, "/create", page, "create-library", map[string][]string{
			"email": {fmt.Sprintf("person-%d@example.org", created)}, "password": {h.site.password},
		})
		return o
	})
}

// slowBodies sends bodies of which a part comes every 100 ms, and lasts as long as the load.
func (h *honestLoad) slowBodies(n int) {
	for range n {
		h.wait.Go(func() {
			h.measure("slow push", func() outcome {
				body := &slowBody{until: h.began.Add(h.duration)}
				err := h.site.writer.Push(h.t.Context(), digime.PushInput{
					Data: body, MIMEType: "text/plain", AccountID: "slow",
				})
				return loadOutcomeOf(err)
			})
		})
	}
}

// slowBody is a content that comes slowly.
type slowBody struct{ until time.Time }

func (b *slowBody) Read(p []byte) (int, error) {
	if time.Now().After(b.until) {
		return 0, io.EOF
	}
	time.Sleep(100 * time.Millisecond)
	return copy(p, strings.Repeat("slow ", 100)), nil
}

func (h *honestLoad) isOver() bool { return time.Since(h.began) > h.duration }

// repeat does something again and again, with a pause between, until the load is over.
func (h *honestLoad) repeat(what string, pause time.Duration, f func() outcome) {
	h.wait.Go(func() {
		for !h.isOver() {
			time.Sleep(pause/2 + rand.N(pause))
			h.measure(what, f)
		}
	})
}

func (h *honestLoad) measure(what string, f func() outcome) {
	m := measurement{what: what, began: time.Now()}
	m.outcome = f()
	m.took = time.Since(m.began)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, m)
}

// measured returns everything by what was done. What a restart of PostgreSQL has disturbed is apart.
func (h *honestLoad) measured() map[string][]measurement {
	by := map[string][]measurement{}
	for _, m := range h.done {
		for _, p := range h.restarts {
			m.atARestart = m.atARestart || m.began.Before(p.to) && m.began.Add(m.took).After(p.from)
		}
		what := m.what
		if m.atARestart {
			what += " (restart)"
		}
		by[what] = append(by[what], m)
	}
	return by
}

// check checks what everybody got.
func (h *honestLoad) check(t *testing.T, s loadScenario, size loadSize) {
	t.Helper()
	for what, all := range h.measured() {
		for _, m := range all {
			mayRefuse := !s.refusesNothing && (!s.restarts || m.atARestart) &&
				(!s.refusesPushes || strings.HasPrefix(what, "push"))
			if !m.outcome.ok() && !(mayRefuse && m.outcome.refused()) {
				t.Errorf("%s, after %v, took %v: %v, Retry-After: %v, %v", what, m.began.Sub(h.began), m.took,
					m.outcome, m.outcome.retryAfter, m.outcome.err)
			}
		}
		if p99 := percentile(all, 99); size.measured && p99 > maxLoadTime && !all[0].atARestart &&
			!strings.HasPrefix(what, "slow") {
			t.Errorf("%s: 99 of 100 took %v", what, p99)
		}
	}
	if len(h.done) == 0 {
		t.Error("nobody did anything")
	}
}

// percentile returns the time within which so many of 100 were done.
func percentile(all []measurement, percent int) time.Duration {
	times := make([]time.Duration, len(all))
	for i, m := range all {
		times[i] = m.took
	}
	slices.Sort(times)
	return times[(len(times)*percent+99)/100-1]
}

// loadTable is the result of the scenarios of a database.
type loadTable struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *loadTable) add(scenario string, by map[string][]measurement) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, "\n%s\n", scenario)
	w := tabwriter.NewWriter(&l.text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tn\tp50 ms\tp99 ms\tmax ms\tanswers\t")
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
	for _, what := range slices.Sorted(maps.Keys(by)) {
		all := by[what]
		statuses := map[string]int{}
		for _, m := range all {
			statuses[m.outcome.String()]++
		}
		var answers []string
		for _, status := range slices.SortedFunc(maps.Keys(statuses), func(a, b string) int {
			return cmp.Compare(statuses[b], statuses[a])
		}) {
			answers = append(answers, fmt.Sprintf("%s×%d", status, statuses[status]))
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\t%s\t%s\t%s\t\n", what, len(all), ms(percentile(all, 50)),
			ms(percentile(all, 99)), ms(percentile(all, 100)), strings.Join(answers, " "))
	}
	_ = w.Flush() // into memory
}

func (l *loadTable) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// loadAverage is the load of the machine in the last minute; empty where it is not known.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
