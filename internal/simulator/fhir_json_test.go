package simulator

import "testing"

func mustDecode(t *testing.T, text string) element {
	t.Helper()
	e, err := decodeObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// FuzzBody tests that no body causes a panic.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Observation"},` +
		`"request":{"method":"POST","url":"Observation"}}]}`))
	f.Add([]byte(`{"resourceType":"Observation","identifier":{"value":1},"code":{"coding":[null]},"component":[1]}`))
	f.Add([]byte(`{"entry":[{"resource":{"identifier":[{"system":"urn:carrel:run","value":"1"}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeObject(body)
		if err != nil {
			return
		}
		summarize(e)
		identifiers(e)
		carriesBSN(e)
		hasProfile(e)
		hasUnknownReference(e, map[string]string{})
		resolveReferences(e, map[string]string{"urn:uuid:1": "Patient/1"})
		indentJSON(body)
	})
}
