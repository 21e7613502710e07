package medmij

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/provider/providertest"
)

func TestNewChecksConfig(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	_, otherKey := w.ca.Issue(t, providertest.CertOptions{})
	for what, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no client id":       {func(c *Config) { c.ClientID = "" }, "client id"},
		"a bad client id":    {func(c *Config) { c.ClientID = "https://x.example" }, "client id"},
		"no certificate":     {func(c *Config) { c.Certificate = nil }, "certificate and key"},
		"another key":        {func(c *Config) { c.Key = otherKey }, "certificate and key"},
		"no roots":           {func(c *Config) { c.Roots = nil }, "roots (--medmij-roots): no certificate"},
		"bad list roots":     {func(c *Config) { c.ListRoots = []byte("x") }, "roots of the list server"},
		"lists without name": {func(c *Config) { c.ListURL = "https://x.example/" }, "%s once"},
		"lists over http":    {func(c *Config) { c.ListURL = "http://x.example/%s" }, "not https"},
		"lists nowhere":      {func(c *Config) { c.ListURL = "%s" }, "not a URL"},
		"too often":          {func(c *Config) { c.UpdateInterval = time.Millisecond }, "too often"},
		"a bad service":      {func(c *Config) { c.Services = []string{"5~3"} }, "service"},
		"a bad folder":       {func(c *Config) { c.CacheFolder = "/dev/null/x" }, "folder"},
	} {
		c := w.config
		tt.change(&c)
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", what, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
