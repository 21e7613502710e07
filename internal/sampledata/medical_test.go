package sampledata_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// resources returns the resources of the default medical set.
func resources(t *testing.T, set string) (list []json.RawMessage) {
	t.Helper()
	for _, f := range load(t, "medical", set, account, now) {
		if f.Metadata.Mapped == nil {
			continue
		}
		var some []json.RawMessage
		if err := json.Unmarshal(content(t, f), &some); err != nil {
			t.Fatal(err)
		}
		list = append(list, some...)
	}
	return list
}

// Each resource is valid, and could be sent to a provider: it has no BSN.
func TestFHIR(t *testing.T) {
	t.Parallel()
	all := resources(t, "default")
	for _, r := range all {
		if _, err := fhir.Validate(fhir.STU3, r); err != nil {
			t.Errorf("%v\n%s", err, r)
		} else if _, err := fhir.Prepare(fhir.STU3, r); err != nil {
			t.Errorf("%v\n%s", err, r)
		}
	}
	if len(all) < 400 {
		t.Errorf("%d resources", len(all))
	}
}

// The set has what the documentation names, about one patient; references lead to resources of the set; texts are
// Dutch.
func TestMedicalContent(t *testing.T) {
	t.Parallel()
	type head struct {
		ResourceType, ID, Language string
		Text                       struct{ Div string }
		Meta                       struct{ Profile []string }
	}
	count, ids := map[string]int{}, map[string]bool{}
	all := resources(t, "default")
	for _, r := range all {
		var h head
		if err := json.Unmarshal(r, &h); err != nil {
			t.Fatal(err)
		}
		ids[h.ResourceType+"/"+h.ID] = true
		if !idPattern.MatchString(h.ID) || h.Language != "nl" || len(h.Text.Div) < 60 || len(h.Meta.Profile) != 1 {
			t.Errorf("%+v", h)
		}
		count[h.ResourceType]++
		for _, profile := range h.Meta.Profile {
			count[profile[strings.LastIndexByte(profile, '/')+1:]]++
		}
	}
	reference := regexp.MustCompile(`"reference":"([A-Z][^"]*)"`)
	for _, r := range all {
		for _, m := range reference.FindAllSubmatch(r, -1) {
			if !ids[string(m[1])] {
				t.Errorf("a reference to %s, which is not in the set", m[1])
			}
		}
		if !bytes.Contains(r, []byte("sample-patient")) {
			t.Errorf("not about the patient: %s", r)
		}
	}
	for profile, fewest := range map[string]int{
		"nl-core-patient": 1, "zib-BloodPressure": 100, "zib-BodyWeight": 100, "zib-BodyHeight": 2,
		"zib-HeartRate":       100,
		"zib-BodyTemperature": 5, "vitalsign-bloodglucose": 100, "zib-MedicationUse": 4, "zib-MedicationAgreement": 4,
		"zib-AllergyIntolerance": 2, "zib-Problem": 4, "zib-LaboratoryTestResult-Observation": 12,
		"zib-LaboratoryTestResult-DiagnosticReport": 2,
	} {
		if count[profile] < fewest {
			t.Errorf("%d resources of %s, want %d", count[profile], profile, fewest)
		}
	}
	if count["Patient"] != 1 {
		t.Errorf("%d patients", count["Patient"])
	}
}

// ranges are what a person can have, by the code in LOINC.
var ranges = map[string]struct {
	low, high float64
	unit      string
}{
	"8480-6": {100, 180, "mm[Hg]"}, "8462-4": {60, 110, "mm[Hg]"}, "8867-4": {45, 110, "/min"},
	"29463-7": {70, 90, "kg"},
	"8302-2":  {165, 175, "cm"}, "8310-5": {36, 40, "Cel"}, "14743-9": {4, 11, "mmol/L"},
	"59261-8": {40, 70, "mmol/mol"},
	"14749-6": {5, 9, "mmol/L"}, "14647-2": {3, 7, "mmol/L"}, "14646-4": {1, 2, "mmol/L"}, "22748-8": {1, 5, "mmol/L"},
	"14682-9": {50, 100, "umol/L"},
}

// Each value is one that a person can have, in the unit that its profile requires.
func TestMeasuredValues(t *testing.T) {
	t.Parallel()
	type value struct {
		Code struct {
			Coding []struct{ System, Code string }
		}
		ValueQuantity *struct {
			Value        float64
			System, Code string
		}
	}
	seen := map[string]bool{}
	check := func(v value) {
		code := v.Code.Coding[0].Code
		r, ok := ranges[code]
		q := v.ValueQuantity
		if !ok || q == nil || q.Value < r.low || q.Value > r.high || q.Code != r.unit ||
			q.System != "http://unitsofmeasure.org" || v.Code.Coding[0].System != "http://loinc.org" {
			t.Errorf("%s: %+v", code, q)
		}
		seen[code] = true
	}
	for _, r := range resources(t, "default") {
		var o struct {
			value
			ResourceType string
			Component    []value
		}
		if err := json.Unmarshal(r, &o); err != nil {
			t.Fatal(err)
		}
		if o.ResourceType != "Observation" {
			continue
		}
		for _, c := range o.Component {
			check(c)
		}
		if len(o.Component) == 0 {
			check(o.value)
		}
	}
	if len(seen) != len(ranges) {
		t.Errorf("codes %v of %d", seen, len(ranges))
	}
}

func TestTestSetIsValid(t *testing.T) {
	t.Parallel()
	for _, r := range resources(t, "test") {
		if _, err := fhir.Validate(fhir.STU3, r); err != nil {
			t.Error(err)
		}
	}
}

func raw(t *testing.T, mimeType string) []byte {
	t.Helper()
	files := load(t, "medical", "default", account, now)
	i := slices.IndexFunc(files, func(f sampledata.File) bool { return f.MIMEType() == mimeType })
	if i < 0 {
		t.Fatalf("no file of type %s", mimeType)
	}
	return content(t, files[i])
}

// The letter is a PDF: its table leads to its objects, the stream is as long as it says, and each paragraph is tagged.
func TestLetter(t *testing.T) {
	t.Parallel()
	letter := raw(t, "application/pdf")
	if !bytes.HasPrefix(letter, []byte("%PDF-1.7\n")) || !bytes.HasSuffix(letter, []byte("%%EOF\n")) {
		t.Fatalf("%.20q … %.20q", letter, letter[len(letter)-20:])
	}
	_, end, _ := bytes.Cut(letter, []byte("startxref\n"))
	start, err := strconv.Atoi(strings.Fields(string(end))[0])
	if err != nil || !bytes.HasPrefix(letter[start:], []byte("xref\n0 ")) {
		t.Fatalf("startxref %d, %v", start, err)
	}
	lines := strings.SplitAfter(string(letter[start:]), "\n")
	number := 0
	for _, line := range lines[3:] {
		if line == "trailer\n" {
			break
		}
		number++
		offset, err := strconv.Atoi(line[:10])
		if err != nil || len(line) != 20 || !bytes.HasPrefix(letter[offset:], []byte(strconv.Itoa(number)+" 0 obj\n")) {
			t.Errorf("object %d: %q, %v", number, line, err)
		}
	}
	if size := "/Size " + strconv.Itoa(number+1) + " "; !bytes.Contains(letter, []byte(size)) {
		t.Errorf("not %s", size)
	}
	length := regexp.MustCompile(`/Length (\d+) >>\nstream\n`).FindSubmatchIndex(letter)
	n, err := strconv.Atoi(string(letter[length[2]:length[3]]))
	if err != nil || !bytes.HasPrefix(letter[length[1]+n:], []byte("endstream")) {
		t.Errorf("a stream of %d bytes, %v", n, err)
	}
	paragraphs := bytes.Count(letter, []byte("/S /P "))
	if paragraphs < 8 || paragraphs != bytes.Count(letter, []byte("/P << /MCID")) ||
		bytes.Count(letter, []byte("/S /H1 ")) != 1 {
		t.Errorf("%d tagged paragraphs", paragraphs)
	}
	for _, want := range []string{
		"/Lang (nl-NL)", "/MarkInfo << /Marked true >>", "/Title (Brief van de internist over Noor Voorbeeld)",
		`Uw pati\353nte was op 21 oktober 2026`, `72 \265mol/L`, "Voorbeeldstad, 23 oktober 2026",
	} {
		if !bytes.Contains(letter, []byte(want)) {
			t.Errorf("the letter does not have %s", want)
		}
	}
}

func TestPicture(t *testing.T) {
	t.Parallel()
	img, err := png.Decode(bytes.NewReader(raw(t, "image/png")))
	if err != nil {
		t.Fatal(err)
	}
	colours := map[any]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			colours[img.At(x, y)]++
		}
	}
	if len(colours) != 3 || img.Bounds().Dx() != 640 {
		t.Errorf("%v, colours %v", img.Bounds(), colours)
	}
}
