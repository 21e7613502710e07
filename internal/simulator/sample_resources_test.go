package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The Task of a questionnaire is found, accepted, and completed with the answers.
func TestQuestionnaire(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("rivierenland", "60")
	got := c.send(http.MethodGet, "/Task?code="+url.QueryEscape("http://loinc.org|74468-0")+"&status=requested", nil)
	var found struct {
		Total int
		Entry []struct{ Resource element }
	}
	if err := json.Unmarshal(got.body, &found); err != nil || found.Total != 1 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	task := found.Entry[0].Resource
	at := "/Task/" + stringField(task, "id")
	task["status"] = "accepted"
	if got := c.send(http.MethodPut, at, task); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	task["status"] = "completed"
	task["output"] = []any{element{"valueReference": element{"reference": patientURN}}}
	answers := element{"resourceType": "QuestionnaireResponse", "status": "completed",
		"identifier": element{"system": runSystem, "value": "q-1"},
		"item":       []any{element{"linkId": "1"}}}
	put := element{"fullUrl": c.testClient.service("rivierenland", "60").ResourceURL + at, "resource": task,
		"request": element{"method": "PUT", "url": at[1:]}}
	got = c.send(http.MethodPost, "", bundleOf("transaction", put, entryOf(patientURN, answers)))
	if got.status != http.StatusOK || !strings.Contains(string(got.body), `"200 OK"`) ||
		!strings.Contains(string(got.body), `"201 Created"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	last := n.s.Received()[1]
	if last.Run != "q-1" || last.Summary != "Task: completed; Answers to 1 questions" {
		t.Errorf("%+v", last)
	}
	if got := c.send(http.MethodGet, "/Task?status=requested", nil); !strings.Contains(string(got.body), `"total":0`) {
		t.Errorf("a Task is still requested: %s", got.body)
	}
	n.assertNoViolations()
}
