package digime_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func readReport(ctx context.Context, u *digime.User, o digime.PortabilityReportOptions) (string, error) {
	report, err := u.OpenPortabilityReport(ctx, o)
	if err != nil {
		return "", err
	}
	defer report.Close()
	text, err := io.ReadAll(report)
	return string(text), err
}

// reported has a library in which something was collected at three moments.
func reported(t *testing.T) (l testLibrary, first time.Time) {
	l, first = start(t), time.Date(2026, 11, 24, 10, 42, 0, 500_000_000, time.UTC)
	l.SetCollections(
		digimetest.Collection{Provider: "De Linde", ServiceID: 1, At: first},
		digimetest.Collection{Provider: `<&"> & Co`, ServiceID: 2, At: first.Add(time.Hour)},
		digimetest.Collection{Provider: "De Es", ServiceID: 3, At: first.Add(2 * time.Hour)},
	)
	return l, first
}

// The period has both its ends in it, to the millisecond.
func TestPortabilityReportOfAPeriod(t *testing.T) {
	l, first := reported(t)
	reader := l.reader(t)
	elsewhere := time.FixedZone("", 3600)
	second, third := first.Add(time.Hour), first.Add(2*time.Hour)
	for name, test := range map[string]struct {
		digime.PortabilityReportOptions
		want []string // services
	}{
		"all":        {digime.PortabilityReportOptions{}, []string{"1", "2", "3"}},
		"both ends":  {digime.PortabilityReportOptions{From: first, To: third}, []string{"1", "2", "3"}},
		"one moment": {digime.PortabilityReportOptions{From: second, To: second}, []string{"2"}},
		"from":       {digime.PortabilityReportOptions{From: first.Add(time.Millisecond)}, []string{"2", "3"}},
		"to":         {digime.PortabilityReportOptions{To: third.Add(-time.Millisecond)}, []string{"1", "2"}},
		"before all": {digime.PortabilityReportOptions{To: first.Add(-time.Second)}, nil},
		"elsewhere":  {digime.PortabilityReportOptions{From: second.In(elsewhere)}, []string{"2", "3"}},
	} {
		text, err := readReport(t.Context(), reader, test.PortabilityReportOptions)
		var got []string
		for _, part := range strings.Split(text, "<GegevensdienstId>")[1:] {
			id, _, _ := strings.Cut(part, "<")
			got = append(got, id)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: services %q, error %v, want %q", name, got, err, test.want)
		}
		if !strings.HasSuffix(text, "</Portabiliteitsrapport>") {
			t.Errorf("%s: it ends with %q", name, text[max(0, len(text)-30):])
		}
	}
}

func TestPortabilityReportErrors(t *testing.T) {
	l, first := reported(t)
	reader := l.reader(t)
	before := l.count(digimetest.EndpointPortabilityReport)
	_, err := readReport(t.Context(), reader, digime.PortabilityReportOptions{From: first, To: first.Add(-1)})
	if !errors.Is(err, digime.ErrValidation) || l.count(digimetest.EndpointPortabilityReport) != before {
		t.Errorf("a period that ends before it begins: error %v", err)
	}
	if _, err := readReport(t.Context(), l.writer(t), digime.PortabilityReportOptions{}); !errors.Is(err,
		digime.ErrInsufficientScope) {
		t.Errorf("a write contract: error %v", err)
	}
	l.SetCollections(slices.Repeat([]digimetest.Collection{{Provider: "De Linde", ServiceID: 1, At: first}}, 100)...)
	l.FailNext(digimetest.EndpointPortabilityReport, digimetest.CutBody())
	text, err := readReport(t.Context(), reader, digime.PortabilityReportOptions{})
	if !errors.Is(err, digime.ErrTruncated) || text == "" {
		t.Errorf("a cut report: %d bytes, error %v", len(text), err)
	}
	var cut bytes.Buffer
	l.FailNext(digimetest.EndpointPortabilityReport, digimetest.CutBody())
	report, err := reader.OpenPortabilityReport(t.Context(), digime.PortabilityReportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&cut, report); !errors.Is(err, digime.ErrTruncated) {
		t.Errorf("a cut report that is copied: error %v", err)
	}
	if err := report.Close(); err != nil {
		t.Error(err)
	}
	l.ExpireAccessTokens() // the call refreshes the token by itself
	if _, err := readReport(t.Context(), reader, digime.PortabilityReportOptions{}); err != nil {
		t.Error(err)
	}
}
