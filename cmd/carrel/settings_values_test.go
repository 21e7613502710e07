package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/carrelhq/carrel/internal/provider/providertest"
)

// TestWrongValues gives "carrel serve" a wrong value for each of its settings. Each is refused with one line, which
// names the setting and says what is wrong, and what would be right.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	ca := providertest.NewCA(t, "Root of the test")
	certificate, key := ca.Issue(t, providertest.CertOptions{Hosts: []string{"medmij.example.nl"}})
	_, other := ca.Issue(t, providertest.CertOptions{})
	for name, text := range map[string][]byte{
		"cert.pem": certificate, "key.pem": key, "other.pem": other, "text": []byte("text"), "empty": nil,
		"cut.json": []byte("["), "roots.pem": ca.PEM,
	} {
		if err := os.WriteFile(path(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	none, noFile := path("none"), "no such file"
	tls := func(more ...string) []string {
		return append([]string{"--tls-cert", path("cert.pem"), "--tls-key", path("key.pem")}, more...)
	}
	medmij := func(more ...string) []string {
		return append([]string{"--medmij-client-id", "medmij.example.nl", "--medmij-cert", path("cert.pem"),
			"--medmij-key", path("key.pem"), "--medmij-roots", path("roots.pem")}, more...)
	}
	const noTime, noNumber = "give a number with a unit, such as 7d", "give digits only"
	const noSize = "such as 500MB or 10GiB"
	tried := map[string]bool{}
	for _, tt := range []struct {
		flag string // the last one of the arguments
		args []string
		says []string
	}{
		{"listen", []string{"nohost.invalid:80"}, []string{"nohost.invalid", "give HOST:PORT"}},
		{"listen", []string{"127.0.0.1:99999"}, []string{"127.0.0.1:99999", "give HOST:PORT"}},
		{"public-url", []string{"library.example.org"}, []string{"want https://host[:port]"}},
		{"public-url", []string{"http://library.example.org"}, []string{"give an https URL", "--allow-http"}},
		{"allow-http", []string{"maybe"}, []string{`"maybe"`, "must be true"}},
		{"data", []string{path("text")}, []string{"is a file"}},
		{"data", []string{path("text") + "/x"}, []string{"not a directory"}},
		{"database", []string{"mysql://127.0.0.1/carrel"}, []string{"mysql", "give postgres://"}},
		{"database", []string{"postgres://u:%zz@127.0.0.1/c"}, []string{"escape special characters"}},
		{"database", []string{path("text")}, []string{"no SQLite database"}},
		{"database", []string{folder}, []string{"is a folder"}},
		{"master-key-file", []string{path("text")}, []string{path("text"), "want 32 bytes in base64"}},
		{"master-key-file", []string{folder}, []string{"is a folder"}},
		{"operator", []string{" "}, []string{"is empty", "give your name"}},
		{"tls-cert", tls("--tls-cert", none), []string{none, noFile}},
		{"tls-key", tls("--tls-key", none), []string{none, noFile}},
		{"tls-cert", tls("--tls-cert", path("text")), []string{path("text"), "PEM"}},
		{"tls-key", tls("--tls-key", path("text")), []string{path("text"), "PEM"}},
		{"tls-key", tls("--tls-key", path("other.pem")), []string{path("other.pem"), "does not match", "of one pair"}},
		{"tls-cert", []string{path("cert.pem")}, []string{"--tls-key (CARREL_TLS_KEY)", "give both"}},
		{"behind-proxy", []string{"10.0.0.1"}, []string{`"10.0.0.1"`, "must be true"}},
		{"max-connections", []string{"many"}, []string{`"many"`, noNumber}},
		{"max-connections-per-address", []string{"1.5"}, []string{`"1.5"`, noNumber}},
		{"access-token-lifetime", []string{"24"}, []string{`"24"`, noTime}},
		{"access-token-lifetime", []string{"0s"}, []string{"must not be zero"}},
		{"refresh-token-lifetime", []string{"180 days"}, []string{`"180 days"`, noTime}},
		{"refresh-token-lifetime", []string{"0d"}, []string{"must not be zero"}},
		{"delete-wait", []string{"week"}, []string{`"week"`, noTime}},
		{"delete-wait", []string{"106752d"}, []string{`"106752d"`, noTime}},
		{"max-file-size", []string{"10XB"}, []string{`"10XB"`, noSize}},
		{"storage-quota", []string{"much"}, []string{`"much"`, noSize}},
		{"storage-quota-files", []string{"1k"}, []string{`"1k"`, noNumber}},
		{"storage-tokens-once", []string{"x"}, []string{"must be true"}},
		{"legacy", []string{"v8"}, []string{"must be true"}},
		{"library-quota", []string{"ten"}, []string{`"ten"`, noSize}},
		{"library-quota-files", []string{"x"}, []string{noNumber}},
		{"application-quota", []string{"150%"}, []string{"from 0% to 100%"}},
		{"application-quota-files", []string{"x"}, []string{noNumber}},
		{"contract-quota", []string{"x"}, []string{noSize}},
		{"contract-quota-files", []string{"9223372036854775808"}, []string{noNumber}},
		{"free-space-reserve", []string{"x%"}, []string{"from 0% to 100%"}},
		{"closed", []string{"x"}, []string{"must be true"}},
		{"catalogue", []string{none}, []string{none, noFile}},
		{"catalogue", []string{path("cut.json")}, []string{path("cut.json"), "not JSON"}},
		{"catalogue", []string{path("empty")}, []string{path("empty"), "is empty"}},
		{"delivery-timeout", []string{"65"}, []string{noTime}},
		{"delivery-timeout", []string{"0s"}, []string{"must not be zero"}},
		{"delivery-retry", []string{"soon"}, []string{noTime}},
		{"delivery-retry", []string{"0s"}, []string{"must not be zero"}},
		{"delivery-keep", []string{"1 d"}, []string{noTime}},
		{"delivery-keep", []string{"0s"}, []string{"must not be zero"}},
		{"sample-data-delay", []string{"x"}, []string{noTime}},
		{"log-format", []string{"xml"}, []string{"must be one of", `"json"`}},
		{"medmij-client-id", medmij("--medmij-client-id", "https://x.example"), []string{"not a host name"}},
		{"medmij-cert", medmij("--medmij-cert", none), []string{none, noFile}},
		{"medmij-cert", medmij("--medmij-cert", path("text")), []string{"certificate and key", "PEM"}},
		{"medmij-cert", []string{path("cert.pem")}, []string{"--medmij-client-id", "is missing"}},
		{"medmij-key", medmij("--medmij-key", none), []string{none, noFile}},
		{"medmij-key", medmij("--medmij-key", path("other.pem")), []string{"does not match"}},
		{"medmij-roots", medmij("--medmij-roots", none), []string{none, noFile}},
		{"medmij-roots", medmij("--medmij-roots", path("text")), []string{"no certificate in PEM"}},
		{"medmij-list-roots", medmij("--medmij-list-roots", none), []string{none, noFile}},
		{"medmij-list-roots", medmij("--medmij-list-roots", path("text")), []string{"no certificate in PEM"}},
		{"medmij-lists", medmij("--medmij-lists", "https://lists.example.nl"), []string{"must contain %s once"}},
		{"medmij-lists", medmij("--medmij-lists", "http://lists.example.nl/%s"), []string{"not https"}},
		{"medmij-refresh", medmij("--medmij-refresh", "15"), []string{noTime}},
		{"medmij-refresh", medmij("--medmij-refresh", "15ms"), []string{"too often", "at least 1s"}},
		{"medmij-refresh", medmij("--medmij-refresh", "0s"), []string{"must not be zero"}},
		{"medmij-services", medmij("--medmij-services", "53 57"), []string{`"53 57"`, "not an id"}},
		{"medmij-system-roles", medmij("--medmij-system-roles", "53"), []string{`"53"`, "<key>=<value>"}},
		{"medmij-directory", []string{none}, []string{none, noFile}},
		{"medmij-directory", []string{path("cut.json")}, []string{path("cut.json"), "not JSON"}},
		{"medmij-log", medmij("--medmij-log", path("no/folder")), []string{noFile}},
		{"loopback-providers", []string{"x"}, []string{"must be true"}},
		{"fhir-servers", []string{none}, []string{none, noFile}},
		{"fhir-servers", []string{path("cut.json")}, []string{path("cut.json"), "ends before the JSON list"}},
	} {
		tried[tt.flag] = true
		if len(tt.args) == 1 {
			tt.args = []string{"--" + tt.flag + "=" + tt.args[0]}
		}
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			args := append([]string{"serve", "--data", t.TempDir(), "--listen", freeAddress(t)}, tt.args...)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // for a server that starts all the same
			defer cancel()
			out, err := carrel(ctx, args...).CombinedOutput()
			said := string(out)
			if err == nil || strings.Count(said, "\n") != 1 {
				t.Errorf("%v, and not one line:\n%s", err, said)
			}
			says(t, said, append(tt.says, "carrel: ", "--"+tt.flag)...)
		})
	}
	var c cli
	for _, n := range kong.Must(&c).Model.Children {
		for _, f := range n.Flags {
			if n.Name == "serve" && f.Name != "help" && !tried[f.Name] {
				t.Errorf("no wrong value of --%s is tried", f.Name)
			}
		}
	}
}

// TestWrongVariables: a wrong value of a variable is refused with its name.
func TestWrongVariables(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for variable, wrong := range map[string]string{
		"CARREL_MASTER_KEYS": "key", "CARREL_DELETE_WAIT": "week", "CARREL_MAX_FILE_SIZE": "10XB",
		"CARREL_LEGACY": "v8", "CARREL_STORAGE_QUOTA_FILES": "1k", "CARREL_CATALOGUE": "/none",
		"CARREL_PUBLIC_URL": "library.example.org", "CARREL_DELIVERY_KEEP": "0s",
	} {
		cmd := carrel(ctx, "serve", "--data", t.TempDir(), "--listen", freeAddress(t))
		cmd.Env = append(os.Environ(), variable+"="+wrong)
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s=%s is taken", variable, wrong)
		}
		says(t, string(out), variable)
	}
}

// TestParseDuration parses lengths of time, with days and without.
func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"7d": 7 * day, "0d": 0, "-1d": -day, "1h30m": 90 * time.Minute, "168h": 7 * day, "0": 0, "0s": 0,
		"106751d": 106751 * day, " 5s ": 5 * time.Second,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "7", "1.5d", "1d12h", "1h2d", "7D", "106752d", "7 d", "1dd", "-106752d"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
