package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/server"
)

// TestAttackManyAddresses: behind a proxy, the addresses of one network count as one visitor, in whatever form the
// proxy writes them, and do not take the places of others.
func TestAttackManyAddresses(t *testing.T) {
	t.Parallel()
	w := carreltest.Serve(t, func(c *server.Config) { c.BehindProxy, c.MaxConnectionsPerAddress = true, 3 })
	address := strings.TrimPrefix(w.URL, "http://")
	for _, from := range []string{"2001:db8:0:1::1", "[2001:DB8:0:1::2]:4711", "\"[2001:db8:0:1::3]:4712\""} {
		c := dial(t, address)
		fmt.Fprintf(c, "POST /sign-in HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nX-Forwarded-For: 192.0.2.9, %s\r\n"+
			"Expect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n",
			address, w.URL, from)
		if r := readAnswer(t, c); r.StatusCode != http.StatusContinue { // its body is being read
			t.Fatalf("%s: %s", from, r.Status)
		}
	}
	for _, path := range []string{"/sign-in", "/v1.7/jwks/oauth"} {
		for from, want := range map[string]int{
			"2001:db8:0:1:ffff::4":   http.StatusServiceUnavailable,
			"[2001:db8:0:1::1]:4713": http.StatusServiceUnavailable,
			"2001:db8:0:2::1":        http.StatusOK,
			"192.0.2.9:1234":         http.StatusOK,
		} {
			r := getFrom(t, w.URL+path, from)
			if r.StatusCode != want || (want != http.StatusOK) != (r.Header.Get("Retry-After") != "") {
				t.Errorf("%s from %s: %s %v", path, from, r.Status, r.Header)
			}
		}
	}
	if !w.Log.Contains(`"client":"2001:db8:0:1:ffff::4"`) {
		t.Error("the log does not have the client's address")
	}
}

// TestProxySettingMismatch: the log says once that the setting does not fit what arrives.
func TestProxySettingMismatch(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		behind        bool
		from, warning string
	}{
		"a proxy without the setting": {false, "192.0.2.1", "--behind-proxy (CARREL_BEHIND_PROXY) is not set"},
		"the setting without a proxy": {true, "", "has no X-Forwarded-For that can be read"},
		"a proxy that hides":          {true, "unknown", "has no X-Forwarded-For that can be read"},
		"no proxy":                    {false, "", ""},
		"a proxy":                     {true, "192.0.2.1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carreltest.Serve(t, func(c *server.Config) { c.BehindProxy = tt.behind })
			for range 3 {
				if r := getFrom(t, w.URL+"/sign-in", tt.from); r.StatusCode != http.StatusOK {
					t.Error(r.Status)
				}
			}
			lines := w.Log.Lines("CARREL_BEHIND_PROXY")
			if tt.warning == "" && len(lines) > 0 ||
				tt.warning != "" && (len(lines) != 1 || !strings.Contains(lines[0], tt.warning)) {
				t.Errorf("the log says %q", lines)
			}
		})
	}
}

// getFrom gets a page as a proxy does for a client. The body is closed.
func getFrom(t *testing.T, url, from string) *http.Response {
	t.Helper()
	q := carreltest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))(t)
	if from != "" {
		q.Header.Set("X-Forwarded-For", from)
	}
	r := carreltest.Must(http.DefaultClient.Do(q))(t)
	_ = r.Body.Close()
	return r
}
