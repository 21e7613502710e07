package digimetest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// A failure that could never happen is an error of the test.
func TestFailuresOfTests(t *testing.T) {
	l := start(t)
	for name, test := range map[string]struct {
		fail func()
		want string
	}{
		"an unknown endpoint": {func() { l.FailNext("accounts", digimetest.Status(503)) }, "access/accounts"},
		"no status":           {func() { digimetest.Refuse(digime.Error{Code: digime.CodeNotFound}) }, "Status"},
		"no code":             {func() { digimetest.Refuse(digime.Error{Status: 404}) }, "Code"},
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, test.want) {
					t.Errorf("%s: panic %s, want %q", name, text, test.want)
				}
			}()
			test.fail()
		}()
	}
}

// Only a consent with SourcePush allows to push to a provider, also after a refresh.
func TestPushToProviderRequiresSourcePush(t *testing.T) {
	l := start(t)
	k, ctx := contract(t, l, l.WriteContract), t.Context()
	push := func(user *digime.User) error {
		_, err := user.PushToProvider(ctx, "2_provider", digime.STU3, []byte(`{"resourceType":"Observation"}`))
		return err
	}
	authorize := func(source digime.SourceType) *digime.User {
		t.Helper()
		auth, err := k.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: l.RedirectURL, SourceType: source})
		if err != nil {
			t.Fatal(err)
		}
		back, err := l.Allow(auth.URL)
		if err != nil {
			t.Fatal(err)
		}
		callback, err := auth.ParseCallback(back.Query())
		if err != nil {
			t.Fatal(err)
		}
		token, err := k.Exchange(ctx, callback)
		if err != nil {
			t.Fatal(err)
		}
		return k.User(token)
	}
	pull := authorize(digime.SourcePull)
	if err := push(pull); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("without SourcePush: error %v", err)
	}
	user := authorize(digime.SourcePush)
	l.ExpireAccessTokens()
	if err := push(user); err != nil {
		t.Errorf("with SourcePush: error %v", err)
	}
	auth, err := pull.OnboardService(ctx, digime.OnboardOptions{
		RedirectURL: l.RedirectURL, SourceType: digime.SourcePush,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Allow(auth.URL); err != nil {
		t.Fatal(err)
	}
	if err := push(pull); err != nil {
		t.Errorf("after OnboardService: error %v", err)
	}
}
