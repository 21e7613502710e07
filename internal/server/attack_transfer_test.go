package server_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// transferSize is more than what the network holds of an answer that nobody reads.
const transferSize = 40 << 20

// consent is what a test ends while something is under way.
type consent struct {
	s        *carreltest.World
	in       *library.SignedIn
	password string
	contract *carreltest.Contract
}

// ends are the ways in which a person, or the operator, ends what an application may do.
var ends = map[string]func(t *testing.T, c consent) error{
	"stopped": func(t *testing.T, c consent) error {
		for _, g := range carreltest.Must(c.s.Consents.ListGrants(t.Context(), c.in))(t) {
			if g.Grant.Contract == c.contract.Contract.ID {
				return c.s.Consents.Revoke(t.Context(), c.in, g.Grant.ID)
			}
		}
		return library.ErrNotFound
	},
	"everything stopped": func(t *testing.T, c consent) error {
		return c.s.Consents.RevokeApplication(t.Context(), c.in, c.contract.Application)
	},
	"library shut": func(t *testing.T, c consent) error {
		_, err := c.s.People.Shut(t.Context(), c.in, c.password)
		return err
	},
	"contract disabled": func(t *testing.T, c consent) error {
		return c.s.Clients.DisableContract(t.Context(), c.contract.Contract.ID)
	},
	"contract changed": func(t *testing.T, c consent) error {
		was := c.contract.Contract
		changed := was
		if changed.Access = library.Read; was.Access == library.Read {
			changed.Access = library.Write
		}
		return c.s.Clients.UpdateContract(t.Context(), was, changed)
	},
}

// TestAttackReadAfterStop: a read that is under way when its consent ends breaks off. The client sees that the content
// is incomplete.
func TestAttackReadAfterStop(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.Serve(t, options...)
		for name, end := range ends {
			person, app := s.Visitor(), s.Application()
			writer := person.Allows(app.Contract(library.Write))
			err := writer.Push(t.Context(), digime.PushInput{
				Data: bytes.NewReader(make([]byte, transferSize)), MIMEType: "text/plain", AccountID: "patient-42",
			})
			if err != nil {
				t.Fatal(err)
			}
			contract := app.Contract(library.Read)
			reader := contract.GrantOf(person.Allows(contract, writer.Token()).Token())
			session := carreltest.Must(reader.StartsSession(wire.SessionOptions{}))(t)
			in := signsIn(t, s, person)
			file := carreltest.Must(s.Files.ListForPerson(t.Context(), in, library.FileFilter{}))(t).Files[0]

			request := carreltest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet,
				s.URL+"/v1.7/permission-access/query/"+session+"/"+string(file.ID), nil))(t)
			request.Header.Set("Authorization", "Bearer "+contract.Signs(carreltest.WithToken(reader.Token())))
			answer := carreltest.Must(http.DefaultTransport.RoundTrip(request))(t)
			if answer.StatusCode != http.StatusOK || answer.ContentLength < transferSize {
				t.Fatalf("%s: %d, %d bytes", name, answer.StatusCode, answer.ContentLength)
			}
			carreltest.Must(io.CopyN(io.Discard, answer.Body, 1<<20))(t)
			before := len(s.Log.Lines(library.ErrEnded.Error()))
			if err := end(t, consent{s, in, person.Password, contract}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			carreltest.Eventually(t, name+": the read has broken off", func() bool {
				return len(s.Log.Lines(library.ErrEnded.Error())) > before
			})
			n, err := io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if err == nil || n > transferSize/2 {
				t.Errorf("%s: after the stop %d bytes arrived, and then %v", name, n, err)
			}
		}
	})
}

// TestAttackPushAfterStop: a push that is under way when its consent ends breaks off, and nothing of it is stored.
func TestAttackPushAfterStop(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.Serve(t, options...)
		for name, end := range ends {
			person := s.Visitor()
			contract := s.Application().Contract(library.Write)
			writer := person.Allows(contract)
			in := signsIn(t, s, person)
			sent, send := io.Pipe()
			answered := make(chan error, 1)
			go func() {
				answered <- writer.Push(t.Context(), digime.PushInput{
					Data: sent, MIMEType: "text/plain", AccountID: "patient-42",
				})
			}()
			carreltest.Must(send.Write(bytes.Repeat([]byte("x"), 1<<20)))(t)
			carreltest.Eventually(t, name+": the server receives it", func() bool { return s.BlobCount() > 0 })
			before := len(s.Log.Lines("InvalidToken"))
			if err := end(t, consent{s, in, person.Password, contract}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// The client sends nothing more and does not end the body.
			carreltest.Eventually(t, name+": the push has broken off", func() bool {
				return len(s.Log.Lines("InvalidToken")) > before
			})
			_ = send.Close()
			if err := <-answered; err == nil {
				t.Errorf("%s: the push succeeded", name)
			}
			if n := s.BlobCount(); n != 0 {
				t.Errorf("%s: %d contents are stored", name, n)
			}
		}
	})
}
