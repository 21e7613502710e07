package demo

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/fhir"
)

// What the clinic sends is what the server lets out, as it is.
func TestMeasurement(t *testing.T) {
	body, err := json.Marshal(newMeasurement(pressure{128, 82}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	out, err := fhir.Prepare(fhir.STU3, body)
	if err != nil {
		t.Fatal(err)
	}
	if string(out.Body) != string(body) || out.BundleType != "batch" || len(out.Profiles) != 2 {
		t.Errorf("goes out as %s %q: %s", out.BundleType, out.Profiles, out.Body)
	}
	for _, wrong := range []pressure{{}, {120, 120}, {281, 80}, {120, 29}, {-1, -2}} {
		if wrong.check() == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}
