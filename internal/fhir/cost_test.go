package fhir

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a stranger sends costs time in proportion to its size, whatever is in it.
func TestCost(t *testing.T) {
	const size = MaxBody / 2
	repeat := func(head, item, tail string) string {
		n := (size - len(head) - len(tail)) / (len(item) + 1)
		return head + strings.Repeat(item+",", n-1) + item + tail
	}
	pairs := size / 60
	var members strings.Builder
	for i := range size / 16 {
		fmt.Fprintf(&members, `"a%d":1,`, i)
	}
	for name, body := range map[string]string{
		"pairs": `{"resourceType":"Patient","name":[{"given":[` + strings.Repeat(`null,`, pairs) + `"x"],"_given":[` +
			strings.Repeat(`{"extension":[{"url":"x","valueCode":"x"}]},`, pairs) + `null]}]}`,
		"codings": `{"resourceType":"Observation","status":"final","valueString":"x","code":{"coding":[` + strings.Repeat(`{"system":"a:b","code":"c"},`, 100000) +
			`{"code":"c"}]},"component":[{"code":{"coding":[` + strings.Repeat(`{"system":"a:b","code":"c"},`, 100000) + `{"code":"c"}]}}]}`,
		"members":   `{"resourceType":"Patient",` + members.String() + `"z":1}`,
		"contained": repeat(`{"resourceType":"Patient","contained":[`, `{"resourceType":"Basic","id":"x"}`, `]}`),
		"references": `{"resourceType":"Patient","contained":[` + strings.Repeat(`{"resourceType":"Basic","id":"y"},`, 50000) + `{"resourceType":"Organization","id":"x","name":"x"}],"generalPractitioner":[` +
			strings.Repeat(`{"reference":"#x"},`, 100000) + `{"reference":"#x"}]}`,
		"entries":   repeat(`{"resourceType":"Bundle","type":"collection","entry":[`, `{"resource":{"resourceType":"Patient","id":"p"}}`, `]}`),
		"labels":    `{"resourceType":"Patient","name":[` + repeat(``, `{"text":"`+strings.Repeat("bsn ", 10000)+`"}`, `]}`),
		"tags":      `{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>` + strings.Repeat("<b>", 1000000) + `"}}`,
		"slashes":   `{"resourceType":"Patient","managingOrganization":{"reference":"` + strings.Repeat("/", 1000000) + `"}}`,
		"questions": repeat(`{"resourceType":"Questionnaire","status":"draft","item":[`, `{"linkId":"1","type":"string"}`, `]}`),
	} {
		start := time.Now()
		_, _ = Prepare(STU3, []byte(body))
		_, _ = Prepare(R4, []byte(body))
		// It takes a few hundred milliseconds; what grows with the square takes minutes.
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %d bytes take %v", name, len(body), took)
		} else {
			t.Logf("%s: %d bytes, %v", name, len(body), took)
		}
	}
}
