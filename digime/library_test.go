package digime_test

import (
	"net/http"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// A library is the server of a test.
type testLibrary struct{ *digimetest.Library }

// start starts a library that ends with the test.
func start(t testing.TB) testLibrary {
	t.Helper()
	l := digimetest.NewLibrary()
	t.Cleanup(l.Close)
	return testLibrary{l}
}

// client returns a client of the library that does not pause between attempts.
func (l testLibrary) client(options ...digime.Option) *digime.Client {
	return l.Client(append([]digime.Option{digime.WithoutPauses()}, options...)...)
}

// contract returns a contract of such a client.
func (l testLibrary) contract(t testing.TB, c digimetest.Contract, options ...digime.Option) *digime.Contract {
	t.Helper()
	contract, err := l.client(options...).ParseContract(c.ID, c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

func (l testLibrary) write(t testing.TB) *digime.Contract { return l.contract(t, l.WriteContract) }
func (l testLibrary) read(t testing.TB) *digime.Contract  { return l.contract(t, l.ReadContract) }

// writer returns the person, who has consented to the write contract.
func (l testLibrary) writer(t testing.TB, options ...digime.UserOption) *digime.User {
	return l.write(t).User(l.Token(l.WriteContract), options...)
}

// reader returns the person, who has consented to the read contract.
func (l testLibrary) reader(t testing.TB, options ...digime.UserOption) *digime.User {
	return l.read(t).User(l.Token(l.ReadContract), options...)
}

// count returns the number of requests to the endpoint.
func (l testLibrary) count(endpoint digimetest.Endpoint) int { return len(l.Requests(endpoint)) }

// respondJSON responds with a status and a JSON text.
func respondJSON(status int, text string, header ...string) digimetest.Failure {
	return digimetest.Respond(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	})
}
