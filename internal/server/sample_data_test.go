package server_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestSampleData: an application gets sample data as if it came from the service, through the pages and the SDK.
func TestSampleData(t *testing.T) {
	t.Parallel()
	w := carreltest.Serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	contract := w.Application().Contract(library.Read, func(c *library.Contract) {
		c.Scope = library.Scope{Mapped: true}
	})
	sdk, v := contract.SDK(), w.Visitor()
	auth := carreltest.Must(sdk.Authorize(ctx, digime.AuthorizeOptions{
		RedirectURL: carreltest.Callback, SourceID: 900101, SampleDataSet: "test",
	}))(t)
	user := sdk.User(carreltest.Must(sdk.Exchange(ctx, v.Visits(auth)))(t))
	sample := func() (found digime.Account) {
		for _, a := range carreltest.Must(user.ListAccounts(ctx))(t) {
			if a.SourceID == 900101 {
				found = a
			}
		}
		return found
	}
	if a := sample(); !a.Sample {
		t.Fatalf("account %+v", a)
	}
	names := map[digime.FileName]bool{}
	for file, err := range user.ResumeSession(auth.Session).Files(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		content := carreltest.Must(io.ReadAll(file))(t)
		if mapped := file.Metadata.Mapped; mapped != nil && (mapped.ObjectCount == 0 || content[0] != '[') {
			t.Errorf("file %s: %+v, %.40s", file.Name, mapped, content)
		}
		names[file.Name] = true
	}
	if len(names) < 3 {
		t.Fatalf("files of the session of the request: %v", names)
	}
	session := carreltest.Must(user.StartSession(ctx, digime.SessionOptions{}))(t)
	for file, err := range session.Files(ctx) {
		if err != nil || !names[file.Name] {
			t.Errorf("a second session: %+v, %v", file, err)
		}
	}
	if err := user.DeleteAccount(ctx, sample().ID); err != nil {
		t.Fatal(err)
	}
	if a := sample(); a.ID != "" {
		t.Errorf("still there: %+v", a)
	}
}
