package digime_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// The main job, from the keys to the bytes read back.
func TestMainJob(t *testing.T) {
	l := start(t)
	ctx := t.Context()

	write := consent(t, l, l.write(t), digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
	writer := l.write(t).User(write)
	contents := [][]byte{{}, []byte("a letter"), make([]byte, 3<<20)}
	_, _ = rand.Read(contents[2])
	for i, content := range contents {
		err := writer.Push(ctx, digime.PushInput{
			Data: bytes.NewReader(content), MIMEType: "application/octet-stream", AccountID: "patient-42",
			Reference: []string{"file"}, Tags: []string{"tag"}, Extra: map[string]any{"number": i},
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	read := consent(t, l, l.read(t), digime.AuthorizeOptions{
		RedirectURL: l.RedirectURL, Link: write, State: "state &=ü",
	})
	session, err := l.read(t).User(read).StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for file, err := range session.Files(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		raw := file.Metadata.Raw
		if raw == nil || raw.MIMEType != "application/octet-stream" || raw.Accounts[0].AccountID != "patient-42" ||
			!slices.Equal(raw.Reference, []string{"file"}) || !slices.Equal(raw.Tags, []string{"tag"}) ||
			raw.Extra["number"] == nil {
			t.Errorf("metadata %+v", raw)
		}
		if file.Metadata.LastModified.IsZero() {
			t.Error("no LastModified")
		}
		got = append(got, content)
	}
	if !slices.EqualFunc(got, contents, bytes.Equal) {
		t.Error("what was read is not what was pushed")
	}
	if n := l.count(digimetest.EndpointAuthorize); n != 2 {
		t.Errorf("%d authorisations", n)
	}
	linked := l.Requests(digimetest.EndpointAuthorize)[1].Claims.AccessToken
	if linked != write.AccessToken.Value.Reveal() {
		t.Error("the second consent was not linked to the first")
	}
}

// consent goes from Authorize to a token; the person allows everything.
func consent(t *testing.T, l testLibrary, contract *digime.Contract, o digime.AuthorizeOptions) digime.UserAccessToken {
	t.Helper()
	auth, err := contract.Authorize(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	back, err := l.Allow(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	if o.State != "" && (auth.State != o.State || back.Query().Get("state") != o.State) {
		t.Errorf("state %q came back as %q, want %q", auth.State, back.Query().Get("state"), o.State)
	}
	callback, err := auth.ParseCallback(back.Query())
	if err != nil {
		t.Fatal(err)
	}
	token, err := contract.Exchange(t.Context(), callback)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
