package digime_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"slices"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

// The main job, from the keys to the bytes read back.
func TestJourney(t *testing.T) {
	l := start(t)
	ctx := t.Context()
	client := l.client(t)

	write := consent(t, l, client, l.Write, digime.AuthorizeOptions{Callback: l.Callback})
	writer := client.User(l.Write.parse(t), write)
	contents := [][]byte{{}, []byte("a letter"), make([]byte, 3<<20)}
	_, _ = rand.Read(contents[2])
	for i, content := range contents {
		err := writer.Push(ctx, digime.Push{
			Data: bytes.NewReader(content), MIMEType: "application/octet-stream", AccountID: "patient-42",
			Reference: []string{"file"}, Tags: []string{"tag"}, Extra: map[string]any{"number": i},
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	read := consent(t, l, client, l.Read, digime.AuthorizeOptions{Callback: l.Callback, Link: write, State: "state &=ü"})
	session, err := client.User(l.Read.parse(t), read).ReadSession(ctx, digime.SessionOptions{})
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
			!slices.Equal(raw.Reference, []string{"file"}) || !slices.Equal(raw.Tags, []string{"tag"}) || raw.Extra["number"] == nil {
			t.Errorf("metadata %+v", raw)
		}
		if file.LastModified.IsZero() {
			t.Error("no LastModified")
		}
		got = append(got, content)
	}
	if !slices.EqualFunc(got, contents, bytes.Equal) {
		t.Error("what was read is not what was pushed")
	}
	if n := len(l.seen("oauth/authorize")); n != 2 {
		t.Errorf("%d authorisations", n)
	}
	if linked := l.seen("oauth/authorize")[1].claims.AccessToken; linked != write.AccessToken.Value.Reveal() {
		t.Error("the second consent was not linked to the first")
	}
}

// consent goes from Authorize to a token, with the person agreeing.
func consent(t *testing.T, l *fakeLibrary, client *digime.Client, c fakeContract, o digime.AuthorizeOptions) digime.UserAccessToken {
	t.Helper()
	ctx := context.Background()
	contract := c.parse(t)
	auth, err := client.Authorize(ctx, contract, o)
	if err != nil {
		t.Fatal(err)
	}
	query, err := l.agree(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	back, err := digime.ParseCallback(query)
	if err != nil {
		t.Fatal(err)
	}
	if back.State != auth.State || o.State != "" && back.State != o.State {
		t.Errorf("state %q, want %q", back.State, auth.State)
	}
	token, err := client.Exchange(ctx, contract, back.Code, auth.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
