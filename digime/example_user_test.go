package digime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// writeContract returns a contract of a client of the library.
func writeContract(library *digimetest.Library) *digime.Contract {
	contract, err := library.Client().ParseContract(library.WriteContract.ID, library.WriteContract.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	return contract
}

// letterSession returns a session with one file, a letter.
func letterSession(library *digimetest.Library) *digime.Session {
	library.AddFile(digimetest.File{
		Metadata: digime.FileMetadata{Raw: &digime.RawMetadata{
			MIMEType: "text/plain", Reference: []string{"letter.txt"},
		}},
		Content: []byte("Dear Zoë, all is well."),
	})
	session, err := library.User(library.ReadContract).StartSession(context.Background(), digime.SessionOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return session
}

func ExampleUser_Push() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.WriteContract)

	file, err := os.Open("example_user_test.go")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	err = user.Push(context.Background(), digime.PushInput{
		Data:      file,
		MIMEType:  "text/plain",
		AccountID: "patient-42",
		Reference: []string{file.Name()},
		Tags:      []string{"source"},
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleUser_StartSession() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.ReadContract)

	// What was pushed with a tag, and nothing that the server would have to fetch.
	session, err := user.StartSession(context.Background(), digime.SessionOptions{
		SkipFetch: true,
		Scope: digime.Scope{Criteria: []digime.Criterion{
			{Metadata: digime.MetadataFilter{Tags: []string{"scan"}}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.Expiry().IsZero())
	// Output: false
}

func ExampleUser_OpenPortabilityReport() {
	library := digimetest.NewLibrary()
	defer library.Close()
	library.SetCollections(digimetest.Collection{
		Provider: "Huisartsenpraktijk De Linde", ServiceID: 49, At: time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC),
	})
	user := library.User(library.ReadContract)

	// What was collected in November, to be given to the person as a file.
	report, err := user.OpenPortabilityReport(context.Background(), digime.PortabilityReportOptions{
		From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		To:   time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer report.Close()
	text, err := io.ReadAll(report)
	if err != nil { // what was read is not the whole report
		log.Fatal(err)
	}
	_, collections, _ := strings.Cut(string(text), "<Verzameling>")
	fmt.Println(collections)
	// Output:
	// <Zorgaanbiedernaam>Huisartsenpraktijk De Linde</Zorgaanbiedernaam>
	//       <GegevensdienstId>49</GegevensdienstId>
	//       <Tijdstempel>2026-11-24T10:42:00Z</Tijdstempel>
	//     </Verzameling>
	//   </Verzamelingen>
	// </Portabiliteitsrapport>
}

func ExampleUser_ResumeSession() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.ReadContract)

	kept := letterSession(library).Key() // or the Session of an Authorization
	list, err := user.ResumeSession(kept).ListFiles(context.Background())
	fmt.Println(list.State, err)
	// Output: completed <nil>
}

func ExampleSession_Files() {
	library := digimetest.NewLibrary()
	defer library.Close()
	session := letterSession(library)

	for file, err := range session.Files(context.Background()) {
		var partial *digime.PartialError
		switch {
		case errors.As(err, &partial):
			// Everything else has been read. Send the person to ReauthorizeAccount for each account that says so.
			for account, why := range partial.Accounts {
				fmt.Println(account, why.Reauthorize)
			}
			continue
		case err != nil:
			log.Fatal(err)
		}
		fmt.Print(file.Metadata.Raw.MIMEType, ": ")
		if _, err := io.Copy(os.Stdout, file); err != nil {
			log.Fatal(err)
		}
	}
	// Output: text/plain: Dear Zoë, all is well.
}

func ExampleSession_ListFiles() {
	library := digimetest.NewLibrary()
	defer library.Close()

	list, err := letterSession(library).ListFiles(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range list.Files {
		fmt.Println(list.State, !file.UpdatedAt.IsZero())
	}
	// Output: completed true
}

func ExampleSession_OpenFile() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, session := context.Background(), letterSession(library)

	list, err := session.ListFiles(ctx)
	if err != nil {
		log.Fatal(err)
	}
	file, err := session.OpenFile(ctx, list.Files[0].Name)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(os.Stdout, file); err != nil { // an error: what was read is not the whole
		log.Fatal(err)
	}
	// Output: Dear Zoë, all is well.
}

func ExampleSession_GetFileMetadata() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, session := context.Background(), letterSession(library)

	list, err := session.ListFiles(ctx)
	if err != nil {
		log.Fatal(err)
	}
	metadata, err := session.GetFileMetadata(ctx, list.Files[0].Name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(metadata.Raw.MIMEType, metadata.Raw.Reference)
	// Output: text/plain [letter.txt]
}

func ExampleUser_ListAccounts() {
	library := digimetest.NewLibrary()
	defer library.Close()

	accounts, err := library.User(library.ReadContract).ListAccounts(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, account := range accounts {
		fmt.Println(account.ID, account.ServiceTypeName)
	}
	// Output:
	// 1_person Application
	// 2_provider GP
}

func ExampleUser_DeleteAccount() {
	library := digimetest.NewLibrary()
	defer library.Close()

	fmt.Println(library.User(library.ReadContract).DeleteAccount(context.Background(), "1_person"))
	// Output: <nil>
}

func ExampleUser_DeleteUser() {
	library := digimetest.NewLibrary()
	defer library.Close()

	fmt.Println(library.User(library.ReadContract).DeleteUser(context.Background()))
	// Output: <nil>
}

func ExampleUser_RevokeAccountURL() {
	library := digimetest.NewLibrary()
	defer library.Close()

	user := library.User(library.ReadContract)
	address, err := user.RevokeAccountURL(context.Background(), "1_person", library.RedirectURL)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.HasPrefix(address, library.URL))
	// Output: true
}

func ExampleUser_OnboardService() {
	library := digimetest.NewLibrary()
	defer library.Close()

	auth, err := library.User(library.ReadContract).OnboardService(context.Background(), digime.OnboardOptions{
		RedirectURL: library.RedirectURL, SourceID: 101,
	})
	if err != nil {
		log.Fatal(err)
	}
	page, err := url.Parse(auth.URL)
	fmt.Println(page.Path, err)
	// Output: /apps/saas/onboard <nil>
}

func ExampleUser_ReauthorizeAccount() {
	library := digimetest.NewLibrary()
	defer library.Close()

	user := library.User(library.ReadContract)
	auth, err := user.ReauthorizeAccount(context.Background(), "1_person", digime.ReauthorizeAccountOptions{
		RedirectURL: library.RedirectURL,
	})
	if err != nil {
		log.Fatal(err)
	}
	page, err := url.Parse(auth.URL)
	fmt.Println(page.Path, err)
	// Output: /apps/saas/reauthorize <nil>
}

func ExampleUser_Reauthorize() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.ReadContract)

	// After a call has failed with ErrReauthorize:
	auth, err := user.Reauthorize(context.Background(), digime.ReauthorizeOptions{RedirectURL: library.RedirectURL})
	if err != nil {
		log.Fatal(err)
	}
	page, err := url.Parse(auth.URL) // then as after Authorize
	fmt.Println(page.Path, err)
	// Output: /apps/saas/user-reauth <nil>
}

func ExampleUser_Refresh() {
	library := digimetest.NewLibrary()
	defer library.Close()
	user := library.User(library.ReadContract)

	before := user.Token()
	if err := user.Refresh(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(before.AccessToken.Value.Equal(user.Token().AccessToken.Value))
	// Output: false
}

func ExampleContract_Refresh() {
	library := digimetest.NewLibrary()
	defer library.Close()

	fresh, err := writeContract(library).Refresh(context.Background(), library.Token(library.WriteContract))
	fmt.Println(fresh.UserID, err)
	// Output: person-1 <nil>
}

func ExampleContract_GetDetails() {
	library := digimetest.NewLibrary()
	defer library.Close()

	details, err := writeContract(library).GetDetails(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(details.AccessType, details.ExpiresAt.Year())
	// Output: w 2027
}

func ExampleParseRevokeCallback() {
	library := digimetest.NewLibrary()
	defer library.Close()

	user := library.User(library.ReadContract)
	page, err := user.RevokeAccountURL(context.Background(), "1_person", library.RedirectURL)
	if err != nil {
		log.Fatal(err)
	}
	back, err := library.Deny(page) // the person, in their browser
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(digime.ParseRevokeCallback(back.Query()))
	// Output: authorisation failed: the person has refused or left (USER_CANCEL)
}
