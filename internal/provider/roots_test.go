package provider

import (
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/provider/providertest"
)

func TestCheckRoots(t *testing.T) {
	t.Parallel()
	root := providertest.NewCA(t, "A root").PEM
	other := providertest.NewCA(t, "Another root")
	expired, key := other.Issue(t, providertest.CertOptions{Hosts: []string{"localhost"}, Expired: true})
	for name, tt := range map[string]struct {
		text []byte
		want string // a part of the error; empty for none
	}{
		"one":                   {root, ""},
		"two":                   {slices.Concat(root, []byte("# the next one\n"), other.PEM), ""},
		"an expired one beside": {slices.Concat(expired, root), ""},
		"nothing":               {nil, "no certificate"},
		"no PEM":                {[]byte("no certificate"), "no certificate"},
		"a key":                 {key, "no certificate"},
		"expired":               {expired, "have expired"},
		"cut off":               {slices.Concat(root, other.PEM[:len(other.PEM)/2]), "cut off"},
		"cut off at once":       {root[:len(root)/2], "cut off"},
	} {
		err := CheckRoots(tt.text)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
