package fhir

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The processor time to check a body must grow linearly with its size, whatever the body is. A
// body of four times the size may take less than ten times as long; with quadratic time it would
// take sixteen times as long.
func TestCost(t *testing.T) {
	const (
		size  = 128 << 10
		floor = 100 * time.Millisecond // shorter times are noise
		tries = 6                      // a single measurement may be too long
	)
	for name, hostile := range hostileBodies {
		t.Run(name, func(t *testing.T) {
			small, large := hostile(size), hostile(4*size)
			var once, fourfold time.Duration
			for try := range tries {
				if fourfold = least(fourfold, cost(large), try); fourfold < floor {
					break
				}
				if once = least(once, cost(small), try); fourfold < 10*once {
					break
				}
			}
			t.Logf("%d bytes take %v, and %d bytes %v (0s: not measured)", len(large), fourfold, len(small), once)
			if fourfold >= max(floor, 10*once) {
				t.Error("the time grows faster than the body")
			}
		})
	}
}

// cost returns the processor time that it takes to prepare a body as STU3 and as R4.
func cost(body string) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	_, _ = Prepare(STU3, []byte(body))
	_, _ = Prepare(R4, []byte(body))
	return threadTime() - start
}

// least returns the shortest time so far, including that of this try. Disturbances only add time.
func least(sofar, took time.Duration, try int) time.Duration {
	if try == 0 {
		return took
	}
	return min(sofar, took)
}

// hostileBodies make bodies of about a given size for which a naive check would take
// quadratic time.
var hostileBodies = map[string]func(size int) string{
	"pairs": func(size int) string {
		n := size / 50
		return `{"resourceType":"Patient","name":[{"given":[` + strings.Repeat(`null,`, n) + `"x"],"_given":[` +
			strings.Repeat(`{"extension":[{"url":"x","valueCode":"x"}]},`, n) + `null]}]}`
	},
	"codings": func(size int) string {
		codings := filled(size/2, `{"coding":[`, `{"system":"a:b","code":"c"}`, `,{"code":"c"}]}`)
		return `{"resourceType":"Observation","status":"final","valueString":"x","code":` + codings +
			`,"component":[{"code":` + codings + `}]}`
	},
	"members": func(size int) string {
		var members strings.Builder
		for i := range size / 12 {
			fmt.Fprintf(&members, `"a%d":1,`, i)
		}
		return `{"resourceType":"Patient",` + members.String() + `"z":1}`
	},
	"contained": func(size int) string {
		return filled(size, `{"resourceType":"Patient","contained":[`, `{"resourceType":"Basic","id":"x"}`, `]}`)
	},
	"references": func(size int) string {
		return filled(size/2, `{"resourceType":"Patient","contained":[`, `{"resourceType":"Basic","id":"y"}`,
			`,{"resourceType":"Organization","id":"x","name":"x"}]`) +
			filled(size/2, `,"generalPractitioner":[`, `{"reference":"#x"}`, `]}`)
	},
	"entries": func(size int) string {
		return filled(size, `{"resourceType":"Bundle","type":"collection","entry":[`,
			`{"resource":{"resourceType":"Patient","id":"p"}}`, `]}`)
	},
	"labels": func(size int) string {
		return filled(size, `{"resourceType":"Patient","name":[`, `{"text":"`+strings.Repeat("bsn ", 10000)+`"}`, `]}`)
	},
	"label": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("bsn ", size/4) + `"}]}`
	},
	"question marks": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("?", size) + `"}]}`
	},
	"almost a search": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("?i", size/2) + `"}]}`
	},
	"labels and numbers": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("bsn 1 2 ", size/8) + `"}]}`
	},
	"spaces": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"bsn ` + strings.Repeat("1   ", size/4) + `"}]}`
	},
	"unended tags": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"bsn ` + strings.Repeat("<a", size/2) + `"}]}`
	},
	"unended comments": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"bsn ` + strings.Repeat("<!--", size/4) + `"}]}`
	},
	"entities": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"bsn ` + strings.Repeat("&#1", size/3) + `"}]}`
	},
	"hosts": func(size int) string {
		return `{"resourceType":"Patient","name":[{"text":"bsn fhir.nl` + strings.Repeat("/", size/2) +
			strings.Repeat("fhir.nl:1", size/18) + `"}]}`
	},
	"labelled": func(size int) string {
		return `{"resourceType":"Patient","x":` +
			strings.Repeat(`{"text":"bsn","code":{"coding":[{"code":"x"}]},"x":`, 50) +
			filled(size, `[`, `123456789`, `]`) + strings.Repeat("}", 51)
	},
	"tags": func(size int) string {
		return `{"resourceType":"Patient","text":{"status":"generated",` +
			`"div":"<div xmlns='http://www.w3.org/1999/xhtml'>` + strings.Repeat("<b>", size/3) + `"}}`
	},
	"comments": func(size int) string {
		return hostileNarrative(strings.Repeat("<!---->", size/7))
	},
	"almost comments": func(size int) string {
		return hostileNarrative("<!-- " + strings.Repeat("<!- ->", size/6))
	},
	"character references": func(size int) string {
		return hostileNarrative(strings.Repeat("&#65;", size/10) + "&#" + strings.Repeat("0", size/2) + "65;")
	},
	"ends of CDATA": func(size int) string {
		return hostileNarrative(strings.Repeat("]]&gt;]", size/7))
	},
	"attributes": func(size int) string {
		return hostileNarrative(strings.Repeat("<br "+manyAttributes("xmlns:", 60)+"/>", size/2800))
	},
	"many attributes": func(size int) string {
		return hostileNarrative("<br" + strings.Repeat(" class=''", size/9) + "/>")
	},
	"links": func(size int) string {
		return hostileNarrative("<a href='" + strings.Repeat("a&#9;", size/10) + "'/><a href='" +
			strings.Repeat(" ", size/2) + "x:'/>")
	},
	"styles": func(size int) string {
		return hostileNarrative("<p style='" + strings.Repeat("/**/", size/8) + strings.Repeat("/*", size/8) +
			strings.Repeat(`\\65 `, size/10) + "'/>")
	},
	"elements that do not nest": func(size int) string {
		return hostileNarrative(strings.Repeat("<b></b>", size/14) + strings.Repeat("<b>", size/6))
	},
	"ids": func(size int) string {
		return `{"resourceType":"Patient","name":[` + numbered(size, `{"id":"%d","text":"x"}`) + `]}`
	},
	"ids of contained resources": func(size int) string {
		return `{"resourceType":"Patient","contained":[` +
			numbered(size, `{"resourceType":"Basic","id":"%d","code":{"id":"x","text":"x"}}`) + `]}`
	},
	"arrays of other lengths": func(size int) string {
		return filled(size, `{"resourceType":"Patient","name":[`, `{"given":["a","b"],"_given":[null]}`, `]}`)
	},
	"addresses": func(size int) string {
		return `{"resourceType":"Bundle","type":"batch","entry":[` + numbered(size,
			`{"fullUrl":"http://x/Basic/%[1]d","resource":{"resourceType":"Basic","id":"%[1]d"},`+
				`"request":{"method":"PUT","url":"Basic/%[1]d"}}`) + `]}`
	},
	"urns": func(size int) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[` + numbered(size,
			`{"fullUrl":"urn:oid:%[1]d","resource":{"resourceType":"Basic",`+
				`"subject":{"reference":"urn:oid:%[1]d0"}}}`) + `]}`
	},
	"attachments": func(size int) string {
		return filled(size, `{"resourceType":"Patient","photo":[`, `{"url":"urn:oid:1"}`, `]}`)
	},
	"media types": func(size int) string {
		return `{"resourceType":"Patient","photo":[{"contentType":"a/b` + numberedText(size/2, "; a*%d=b") +
			`"},{"contentType":"a/b` + strings.Repeat(";", size/2) + `"}]}`
	},
	"slashes": func(size int) string {
		return `{"resourceType":"Patient","managingOrganization":{"reference":"` + strings.Repeat("/", size) + `"}}`
	},
	"questions": func(size int) string {
		return filled(size, `{"resourceType":"Questionnaire","status":"draft","item":[`,
			`{"linkId":"1","type":"string"}`, `]}`)
	},
}

// hostileNarrative returns a resource with a narrative.
func hostileNarrative(content string) string {
	return `{"resourceType":"Patient","text":{"status":"generated",` +
		`"div":"<div xmlns='http://www.w3.org/1999/xhtml'>` + content + `</div>"}}`
}

// numbered returns a list of items, each with its number, of about a size.
func numbered(size int, item string) string {
	return strings.TrimPrefix(numberedText(size, ","+item), ",")
}

func numberedText(size int, item string) string {
	var b strings.Builder
	for n := 0; b.Len() < size; n++ {
		fmt.Fprintf(&b, item, n)
	}
	return b.String()
}

// filled returns a list with as many items as the size allows, at least one.
func filled(size int, head, item, tail string) string {
	n := max(1, (size-len(head)-len(tail))/(len(item)+1))
	return head + strings.Repeat(item+",", n-1) + item + tail
}
