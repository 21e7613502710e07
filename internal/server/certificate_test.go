package server_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/server"
)

// TestCertificateWarnings lets the time pass over a certificate: the log says once a day when it is not valid yet, when
// it expires within two weeks, and when it has expired, with the file and the date.
func TestCertificateWarnings(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		ca, start := providertest.NewCA(t, "Root of the test"), time.Now()
		c := certificateAt(t, folder, ca, start.Add(2*day), start.Add(20*day))
		var log carreltest.Log
		read := 0 // how much of the log has been looked at
		said := func() string { return log.String()[read:] }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go c.WarnDaily(ctx, slog.New(slog.NewTextHandler(&log, nil)))
		count := func(words ...string) (n int) {
			t.Helper()
		next:
			for line := range strings.Lines(said()) {
				for _, word := range append(words, "level=WARN", filepath.Join(folder, "own.pem")) {
					if !strings.Contains(line, word) {
						continue next
					}
				}
				n++
			}
			read = len(log.String())
			return n
		}
		date := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05") }
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pass(day + time.Hour)
		if n := count("not valid yet", "validFrom="+date(start.Add(2*day))); n != 2 {
			t.Errorf("%d warnings in two days of a certificate that is not valid yet", n)
		}
		pass(5 * day)
		if n := strings.Count(said(), "\n"); n != 0 {
			t.Errorf("%d lines of a certificate that is valid for long:\n%s", n, said())
		}
		pass(10 * day)
		if n := count("expires soon", "validUntil="+date(start.Add(20*day))); n != 10 {
			t.Errorf("%d warnings in ten days of a certificate that expires soon", n)
		}
		pass(4 * day)
		read = len(log.String())
		pass(3 * day)
		if n := count("has expired", "validUntil="+date(start.Add(20*day))); n != 3 {
			t.Errorf("%d warnings in three days of a certificate that has expired", n)
		}
	})
}

// TestCertificateNotReloaded: a certificate that is not valid now does not take the place of the present one.
func TestCertificateNotReloaded(t *testing.T) {
	t.Parallel()
	folder, ca, now := t.TempDir(), providertest.NewCA(t, "Root of the test"), time.Now()
	c := certificateAt(t, folder, ca, now.Add(-time.Hour), now.Add(time.Hour))
	for what, valid := range map[string][2]time.Time{
		"is not valid before": {now.Add(time.Hour), now.Add(2 * time.Hour)},
		"has expired at":      {now.Add(-2 * time.Hour), now.Add(-time.Hour)},
	} {
		certificateAt(t, folder, ca, valid[0], valid[1])
		if _, err := c.Reload(); err == nil || !strings.Contains(err.Error(), what) ||
			!strings.Contains(err.Error(), filepath.Join(folder, "own.pem")) {
			t.Errorf("a certificate that %s: %v", what, err)
		}
	}
}

// certificateAt writes a certificate with the given times to a folder, and opens it.
func certificateAt(t *testing.T, folder string, ca *providertest.CA, from, until time.Time) *server.Certificate {
	t.Helper()
	certificate, key := ca.Issue(t, providertest.CertOptions{
		Hosts: []string{"127.0.0.1"}, NotBefore: from, NotAfter: until,
	})
	for name, text := range map[string][]byte{"own.pem": certificate, "own.key": key} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := server.OpenCertificate(filepath.Join(folder, "own.pem"), filepath.Join(folder, "own.key"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
