package simulator

import "testing"

func TestSummary(t *testing.T) {
	for want, e := range map[string]element{
		"Blood pressure 120/80 mmHg": pressure("run"),
		"Body weight 80.50 kg": mustDecode(t,
			`{"resourceType":"Observation","code":{"coding":[{"display":"Body weight"}]},`+
				`"valueQuantity":{"value":80.50,"unit":"kg"}}`),
		"Observation": {"resourceType": "Observation"},
		"Condition":   {"resourceType": "Condition", "code": "odd"},
		"Document":    {"resourceType": "DocumentReference"},
		"Smoking never": {"resourceType": "Observation", "code": element{"text": "Smoking"},
			"valueString": "never"},
		"": {"resourceType": "Patient"},
	} {
		if got := summarize(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
