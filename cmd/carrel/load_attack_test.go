package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/testenv"
)

// The attackers of the load test come from other addresses than everybody else. They pause between their tries, so that
// it is the server that has the work.

// loadSigner signs calls of a contract.
type loadSigner struct {
	client, token string
	key           *rsa.PrivateKey
}

// pushHead returns the head of a push of so many bytes.
func (s loadSigner) pushHead(address string, length int) (string, error) {
	bearer, err := wire.Sign(s.key, wire.Header{}, wire.RequestClaims{
		ClientID: s.client, Nonce: wire.NewNonce(), Timestamp: wire.MillisOf(time.Now()), AccessToken: s.token,
	})
	if err != nil {
		return "", err
	}
	descriptor, err := wire.Sign(s.key, wire.Header{}, map[string]any{"metadata": map[string]any{
		"mimeType": "text/plain", "accounts": []map[string]string{{"accountId": "attacker"}},
	}})
	return fmt.Sprintf("POST /v1.7/permission-access/import HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"FileDescriptor: %s\r\nContent-Length: %d\r\n\r\n", address, bearer, descriptor, length), err
}

// loadAttack is an attack that runs until its context ends.
type loadAttack struct {
	ctx  context.Context
	t    *testing.T
	site *loadSite
	size loadSize
	wait sync.WaitGroup

	mu     sync.Mutex
	counts map[string]int // of what the attackers did, and got
}

// counted counts something that the attackers did, or got.
func (a *loadAttack) counted(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[string]int{}
	}
	a.counts[what]++
}

// String says what the attackers did, and got.
func (a *loadAttack) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []string
	for _, what := range slices.Sorted(maps.Keys(a.counts)) {
		all = append(all, fmt.Sprintf("%s: %d", what, a.counts[what]))
	}
	return strings.Join(all, ", ")
}

// each runs f in so many goroutines, again and again, until the attack ends.
func (a *loadAttack) each(n int, f func(i int)) {
	for i := range n {
		a.wait.Go(func() {
			a.pause(rand.N(a.size.pause)) // so that they do not all come at once
			for a.ctx.Err() == nil {
				f(i)
			}
		})
	}
}

func (a *loadAttack) pause(d time.Duration) {
	select {
	case <-a.ctx.Done():
	case <-time.After(d):
	}
}

// connect connects to the server from an address. The attack's end closes the connection. It is nil if there is none.
func (a *loadAttack) connect(from string) (c net.Conn, done func()) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.DialContext(a.ctx, "tcp", a.site.address)
	if err != nil {
		return nil, func() {}
	}
	a.counted("connections")
	unhook := context.AfterFunc(a.ctx, func() { _ = c.Close() })
	return c, func() {
		unhook()
		_ = c.Close()
	}
}

// halfRequests has a stranger send parts of requests, on many connections.
func halfRequests(a *loadAttack) {
	form := "Content-Type: application/x-www-form-urlencoded\r\nOrigin: " + a.site.url + "\r\n"
	parts := []string{
		"POST /sign-in HTTP/1.1\r\nHost: " + a.site.address + "\r\n" + form + "Content-Length: 100\r\n\r\nemail=",
		"GET /files HTTP/1.1\r\nHost: " + a.site.address + "\r\nAccept: ",
		"POST /v1.7/oauth/token HTTP/1.1\r\nHost: " + a.site.address + "\r\nContent-Length: 1000\r\n\r\n{",
		"",
	}
	a.each(a.size.halfRequests, func(i int) {
		if c, done := a.connect("127.0.9.1"); c != nil {
			_, _ = io.WriteString(c, parts[i%len(parts)])
			_, _ = io.Copy(io.Discard, c) // until the server ends it
			done()
		}
		a.pause(a.size.pause / 10)
	})
}

// slowPushes has an application push files whose bytes trickle.
func slowPushes(a *loadAttack) {
	a.each(a.size.slowPushes, func(int) {
		c, done := a.connect("127.0.9.2")
		defer done()
		head, err := a.site.attacker.pushHead(a.site.address, 200_000)
		if err != nil {
			a.t.Error(err)
		}
		if c == nil || err != nil {
			a.pause(a.size.pause)
			return
		}
		_, err = io.WriteString(c, head+strings.Repeat("x", 1000))
		for answer := make([]byte, 1000); err == nil; {
			_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			n, failed := c.Read(answer)
			if err = failed; err == nil {
				a.counted("pushes answered with " + strings.SplitN(string(answer[:n])+"  ", " ", 3)[1])
				break
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				_, err = io.WriteString(c, "x")
			}
		}
		done()
		a.pause(a.size.pause)
	})
}

// unreadDownloads has an application ask for large files, of the library and of its storage, and read nothing of them.
func unreadDownloads(a *loadAttack) {
	content := contentOf(fmt.Sprintf("storage-%d", 20<<20))
	if err := a.site.attackingStorage.Upload(a.ctx, "large", bytes.NewReader(content)); err != nil {
		a.t.Fatal(err)
	}
	if err := a.site.push(a.ctx, "large", len(content)); err != nil {
		a.t.Fatal(err)
	}
	session, err := a.site.attackingReader.StartSession(a.ctx, digime.SessionOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
	list, err := session.ListFiles(a.ctx)
	if err != nil {
		a.t.Fatal(err)
	}
	newest := slices.MaxFunc(list.Files, func(x, y digime.FileEntry) int { return x.UpdatedAt.Compare(y.UpdatedAt) })
	open := []func() (io.Closer, error){
		func() (io.Closer, error) { return session.OpenFile(a.ctx, newest.Name) },
		func() (io.Closer, error) { return a.site.attackingStorage.OpenFile(a.ctx, "large") },
	}
	a.each(a.size.unreadDownloads, func(i int) {
		file, err := open[i%len(open)]()
		if err == nil {
			a.counted("downloads")
			<-a.ctx.Done()
			_ = file.Close()
			return
		}
		a.counted("refused downloads")
		a.pause(a.size.pause)
	})
}

// largePushes has an application push until there is no space for more, and on.
func largePushes(a *loadAttack) {
	content := make([]byte, 1<<20)
	a.each(4, func(int) {
		c, done := a.connect("127.0.9.3")
		defer done()
		head, err := a.site.attacker.pushHead(a.site.address, len(content))
		if err != nil {
			a.t.Error(err)
		}
		if c == nil || err != nil {
			a.pause(a.size.pause / 10)
			return
		}
		_, _ = io.WriteString(c, head)
		_, _ = c.Write(content) // it may be refused meanwhile
		if r, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			a.counted(fmt.Sprint("pushes answered with ", r.StatusCode))
			_ = r.Body.Close()
		}
		done()
		a.pause(100 * time.Millisecond)
	})
}

// manySignUps has strangers at many addresses create libraries.
func manySignUps(a *loadAttack) {
	a.each(a.size.addresses, func(i int) {
		b := newLoadBrowser(a.site.url)
		b.client = clientFrom(fmt.Sprintf("127.0.8.%d", 1+i), true)
		defer b.client.CloseIdleConnections()
		answer, err := getLoad(a.ctx, b.client, a.site.url+"/create")
		if err != nil {
			a.pause(a.size.pause / 10)
			return
		}
		cookies := answer.cookies
		token := attributeOf(findElement(answer.root, func(n *html.Node) bool {
			return attributeOf(n, "name") == "token"
		}), "value")
		for range 50 { // of the same page
			form := url.Values{
				"token": {token}, "step": {"create"}, "email": {wire.NewNonce() + "@example.org"},
				"password": {"a password of four words"},
			}
			q, err := http.NewRequestWithContext(a.ctx, http.MethodPost, a.site.url+"/create",
				strings.NewReader(form.Encode()))
			if err != nil {
				a.t.Error(err)
				return
			}
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			q.Header.Set("Origin", a.site.url)
			for _, c := range cookies {
				q.AddCookie(c)
			}
			if r, err := b.client.Do(q); err == nil {
				a.counted(fmt.Sprint("sign-ups answered with ", r.StatusCode))
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
			}
			a.pause(a.size.pause / 20)
			if a.ctx.Err() != nil {
				return
			}
		}
	})
}

// loadPage is a page with the cookies that came with it.
type loadPage struct {
	root    *html.Node
	cookies []*http.Cookie
}

func getLoad(ctx context.Context, client *http.Client, address string) (loadPage, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return loadPage{}, err
	}
	r, err := client.Do(q)
	if err != nil {
		return loadPage{}, err
	}
	defer func() { _ = r.Body.Close() }()
	root, err := html.Parse(r.Body)
	return loadPage{root, r.Cookies()}, err
}

// fillDisk keeps the disk of the server full.
func fillDisk(a *loadAttack) {
	filler, err := os.Create(filepath.Join(filepath.Dir(a.site.data), "filler"))
	if err != nil {
		a.t.Fatal(err)
	}
	fill := func() {
		for size := 1 << 20; size > 0; size /= 2 {
			for err := error(nil); err == nil; {
				_, err = filler.Write(make([]byte, size))
			}
		}
	}
	fill()
	a.wait.Go(func() {
		for a.ctx.Err() == nil {
			a.pause(100 * time.Millisecond)
			fill()
		}
		if err := errors.Join(filler.Close(), os.Remove(filler.Name())); err != nil {
			a.t.Error(err)
		}
	})
}

// restartPostgres restarts PostgreSQL a few times. The channel gets the time of each restart when it is over.
func restartPostgres(a *loadAttack, postgres *testenv.RestartablePostgres, restarts chan<- loadPeriod) {
	a.wait.Go(func() {
		defer close(restarts)
		for n := 0; n < 3 && a.ctx.Err() == nil; n++ {
			began := time.Now()
			postgres.Stop(a.t, testenv.ShutdownFast)
			postgres.Start(a.t)
			restarts <- loadPeriod{began, time.Now()}
			a.pause(a.size.duration / 4)
		}
	})
}
