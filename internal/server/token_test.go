package server_test

import (
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// tokenCall sends a request with the signed token to an endpoint, and returns the answer.
func tokenCall(w *carreltest.World, method, endpoint, bearer string) (status int, body []byte, err error) {
	r, err := http.NewRequest(method, w.URL+"/v1.7/"+endpoint, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, errors.Join(err, response.Body.Close())
}

// tokensOf calls oauth/token and returns the tokens of the answer.
func tokensOf(w *carreltest.World, bearer string) (claims wire.TokenClaims, err error) {
	status, body, err := tokenCall(w, http.MethodPost, "oauth/token", bearer)
	if err != nil || status != http.StatusOK {
		return claims, errors.Join(fmt.Errorf("status %d: %s", status, body), err)
	}
	var answer wire.SignedAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return claims, err
	}
	token, err := wire.ParseToken(answer.Token)
	if err != nil {
		return claims, err
	}
	return claims, token.Peek(&claims)
}

// TestRefreshManyAtOnce: clients refresh concurrently with one refresh token, and some discard an answer. Each gets an
// access token of its own, which works, and the same refresh token.
func TestRefreshManyAtOnce(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		w := carreltest.Serve(t, options...)
		for name, access := range map[string]library.Access{"read": library.Read, "write": library.Write} {
			g := w.Person().Allows(w.Application().Contract(access))
			var wait sync.WaitGroup
			var got [30]wire.TokenClaims
			for i := range got {
				bearer := g.Signs(carreltest.Refreshing(g.Refresh()))
				wait.Go(func() {
					var err error
					if got[i], err = tokensOf(w, bearer); err != nil {
						t.Errorf("%s: refresh %d of %d at once: %v", name, i, len(got), err)
					}
				})
			}
			wait.Wait()
			different := map[string]bool{}
			for i, tokens := range got {
				different[tokens.AccessToken.Value] = true
				if tokens.RefreshToken != g.Tokens.RefreshToken {
					t.Errorf("%s: refresh %d gave another refresh token", name, i)
				}
				status, body, err := tokenCall(w, http.MethodGet, "permission-access/accounts",
					g.Signs(carreltest.WithToken(tokens.AccessToken.Value)))
				if err != nil || status != http.StatusOK {
					t.Errorf("%s: access token %d: status %d, %s, error %v", name, i, status, body, err)
				}
			}
			if len(different) != len(got) {
				t.Errorf("%s: %d different access tokens of %d refreshes", name, len(different), len(got))
			}
		}
	})
}

// TestTokenTransactions: an exchange and a refresh write in two transactions each, which are synced: one uses up the
// nonce of the call, the other adds the tokens.
func TestTokenTransactions(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []carreltest.Option
		count   func(t *testing.T, database string) func() int
	}{
		{"sqlite", nil, sqliteTransactions},
		{"postgres", []carreltest.Option{carreltest.OnPostgres(t)}, postgresTransactions},
	} {
		t.Run(test.name, func(t *testing.T) {
			var database string
			w := carreltest.Serve(t, append(test.options, func(c *server.Config) { database = c.Database })...)
			if test.options == nil {
				database = filepath.Join(w.Folder, "carrel.db")
			}
			contract, grants := w.Application().Contract(library.Read), [20]*carreltest.Grant{}
			for i := range grants {
				grants[i] = w.Person().Consents(contract)
			}
			counted := test.count(t, database)
			call := func(what string, claim func(*carreltest.Grant) carreltest.Claim) {
				before := counted()
				for _, g := range grants {
					tokens, err := tokensOf(w, g.Signs(claim(g)))
					if err != nil {
						t.Fatal(err)
					}
					g.Tokens = tokens
				}
				// What the server does every few seconds may come between.
				const each, more = 2, 5
				n := counted() - before
				t.Logf("%d times %s: %d transactions", len(grants), what, n)
				if n < len(grants) || n > each*len(grants)+more {
					t.Errorf("%d times %s: %d transactions, want %d for each", len(grants), what, n, each)
				}
			}
			call("exchange", func(g *carreltest.Grant) carreltest.Claim { return carreltest.Exchanging(g.Code) })
			call("refresh", func(g *carreltest.Grant) carreltest.Claim { return carreltest.Refreshing(g.Refresh()) })
		})
	}
}

// sqliteTransactions counts the transactions of an SQLite database: the index of its log has the number.
func sqliteTransactions(t *testing.T, path string) func() int {
	return func() int {
		t.Helper()
		index, err := os.ReadFile(path + "-shm")
		if err != nil || len(index) < 12 {
			t.Fatalf("read %d bytes of the index of the log: %v", len(index), err)
		}
		return int(binary.NativeEndian.Uint32(index[8:]))
	}
}

// postgresTransactions counts the transactions of which a row of the database is, since it was called.
func postgresTransactions(t *testing.T, url string) func() int {
	t.Helper()
	db := carreltest.Must(sql.Open("pgx", url))(t)
	t.Cleanup(func() { _ = db.Close() })
	tables := carreltest.Must(db.QueryContext(t.Context(),
		"SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"))(t)
	defer tables.Close()
	var selects []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		selects = append(selects, `SELECT xmin::text::bigint AS id FROM "`+name+`"`)
	}
	if err := tables.Err(); err != nil || len(selects) == 0 {
		t.Fatalf("%d tables, error %v", len(selects), err)
	}
	var began int64
	if err := db.QueryRowContext(t.Context(), "SELECT txid_current()").Scan(&began); err != nil {
		t.Fatal(err)
	}
	query := "SELECT COUNT(DISTINCT id) FROM (" + strings.Join(selects, " UNION ALL ") + ") AS rows WHERE id > $1"
	return func() (n int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), query, began).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// BenchmarkExchange exchanges codes of contracts that read, from many connections. Beside the rate it reports the
// processor time of one exchange, the client's part included, and of one RSA signature of 2048 bits, which each answer
// needs: their quotient does not depend on the machine.
func BenchmarkExchange(b *testing.B) {
	benchmarkTokens(b, func(g *carreltest.Grant) string { return g.Signs(carreltest.Exchanging(g.Code)) })
}

// BenchmarkRefresh does the same with refresh tokens.
func BenchmarkRefresh(b *testing.B) {
	benchmarkTokens(b, func(g *carreltest.Grant) string {
		g.Exchanges()
		return g.Signs(carreltest.Refreshing(g.Refresh()))
	})
}

func benchmarkTokens(b *testing.B, sign func(*carreltest.Grant) string) {
	for _, access := range []library.Access{library.Read, library.Write} {
		b.Run(string(access), func(b *testing.B) {
			w := carreltest.Serve(b)
			contract := w.Application().Contract(access)
			person := w.Person()
			bearers := make(chan string, b.N)
			for i := range b.N {
				if i%20 == 19 {
					person = w.Person()
				}
				bearers <- sign(person.Consents(contract))
			}
			close(bearers)
			signature := cpuTime(b)
			const signatures = 200
			for range signatures {
				carreltest.Must(wire.Sign(contract.Key, wire.Header{}, wire.TokenClaims{}))(b)
			}
			signature = (cpuTime(b) - signature) / signatures
			b.ResetTimer()
			began := cpuTime(b)
			var wait sync.WaitGroup
			for range 16 {
				wait.Go(func() {
					for bearer := range bearers {
						if _, err := tokensOf(w, bearer); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wait.Wait()
			each := (cpuTime(b) - began) / time.Duration(b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			b.ReportMetric(float64(each.Microseconds()), "cpu-µs/call")
			b.ReportMetric(float64(signature.Microseconds()), "cpu-µs/signature")
			b.ReportMetric(signature.Seconds()/each.Seconds(), "of-signatures")
		})
	}
}
