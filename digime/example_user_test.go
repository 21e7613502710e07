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

	"github.com/carrelhq/carrel/digime"
)

// What the examples start from.

func (l *fakeLibrary) exampleClient() *digime.Client {
	client, err := digime.New(l.ApplicationID, digime.At(l.URL))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func (l *fakeLibrary) exampleContract(c fakeContract) *digime.Contract {
	contract, err := digime.ParseContract(c.ID, c.PrivateKey)
	if err != nil {
		log.Fatal(err)
	}
	return contract
}

func (l *fakeLibrary) writeContract() *digime.Contract { return l.exampleContract(l.Write) }

// exampleUser is a person who has agreed to the contract.
func (l *fakeLibrary) exampleUser(c fakeContract) *digime.User {
	return l.exampleClient().User(l.exampleContract(c), l.token(c))
}

// exampleSession is a session in which there is a letter.
func (l *fakeLibrary) exampleSession() *digime.Session {
	ctx := context.Background()
	err := l.exampleUser(l.Write).Push(ctx, digime.Push{
		Data: strings.NewReader("Dear Zoë, all is well."), MIMEType: "text/plain", AccountID: "patient-42", Reference: []string{"letter.txt"},
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := l.exampleUser(l.Read).ReadSession(ctx, digime.SessionOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return session
}

func ExampleUser_Push() {
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Write)

	file, err := os.Open("example_user_test.go")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	err = user.Push(context.Background(), digime.Push{
		Data:      file,
		MIMEType:  "text/plain",
		AccountID: "patient-42",
		Reference: []string{file.Name()},
		Tags:      []string{"source"},
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleUser_ReadSession() {
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Read)

	// What was pushed with a tag, and nothing that the library would have to fetch.
	no := false
	session, err := user.ReadSession(context.Background(), digime.SessionOptions{
		SourceFetch: &no,
		Scope:       &digime.Scope{Criteria: []digime.Criterion{{Metadata: &digime.MetadataFilter{Tags: []string{"scan"}}}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session.Expiry().IsZero())
	// Output: false
}

func ExampleUser_OpenSession() {
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Read)

	kept := library.exampleSession().Key() // or the Session of an Authorization
	list, err := user.OpenSession(kept).FileList(context.Background())
	fmt.Println(list.Status.State, err)
	// Output: completed <nil>
}

func ExampleSession_Files() {
	library := startLibrary()
	defer library.Close()
	session := library.exampleSession()

	for file, err := range session.Files(context.Background()) {
		var partial *digime.PartialError
		switch {
		case errors.As(err, &partial):
			// All is read that could be. Send the person to ReauthorizeAccount for each
			// account that says so.
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

func ExampleSession_FileList() {
	library := startLibrary()
	defer library.Close()

	list, err := library.exampleSession().FileList(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range list.Files {
		fmt.Println(list.Status.State, file.UpdatedDate.Time().Year())
	}
	// Output: completed 2026
}

func ExampleSession_ReadFile() {
	library := startLibrary()
	defer library.Close()
	ctx, session := context.Background(), library.exampleSession()

	list, err := session.FileList(ctx)
	if err != nil {
		log.Fatal(err)
	}
	file, err := session.ReadFile(ctx, list.Files[0].Name)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(os.Stdout, file); err != nil { // an error: what was read is not the whole
		log.Fatal(err)
	}
	// Output: Dear Zoë, all is well.
}

func ExampleSession_ReadFileMetadata() {
	library := startLibrary()
	defer library.Close()
	ctx, session := context.Background(), library.exampleSession()

	list, err := session.FileList(ctx)
	if err != nil {
		log.Fatal(err)
	}
	metadata, _, err := session.ReadFileMetadata(ctx, list.Files[0].Name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(metadata.Raw.MIMEType, metadata.Raw.Reference)
	// Output: text/plain [letter.txt]
}

func ExampleUser_ReadAccounts() {
	library := startLibrary()
	defer library.Close()

	accounts, err := library.exampleUser(library.Read).ReadAccounts(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, account := range accounts {
		fmt.Println(account.ID, account.ServiceTypeName)
	}
	// Output:
	// 11_x Clinic
	// 13_y Huisarts
}

func ExampleUser_DeleteAccount() {
	library := startLibrary()
	defer library.Close()

	fmt.Println(library.exampleUser(library.Read).DeleteAccount(context.Background(), "11_x"))
	// Output: <nil>
}

func ExampleUser_DeleteUser() {
	library := startLibrary()
	defer library.Close()

	fmt.Println(library.exampleUser(library.Read).DeleteUser(context.Background()))
	// Output: <nil>
}

func ExampleUser_RevokeAccountURL() {
	library := startLibrary()
	defer library.Close()

	address, err := library.exampleUser(library.Read).RevokeAccountURL(context.Background(), "11_x", library.Callback)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.HasPrefix(address, library.URL))
	// Output: true
}

func ExampleUser_OnboardService() {
	library := startLibrary()
	defer library.Close()

	on, err := library.exampleUser(library.Read).OnboardService(context.Background(), digime.OnboardOptions{Callback: library.Callback, ServiceID: 101})
	if err != nil {
		log.Fatal(err)
	}
	page, err := url.Parse(on.URL)
	fmt.Println(page.Path, err)
	// Output: /apps/saas/onboard <nil>
}

func ExampleUser_ReauthorizeAccount() {
	library := startLibrary()
	defer library.Close()

	on, err := library.exampleUser(library.Read).ReauthorizeAccount(context.Background(), "11_x", digime.ReauthorizeAccountOptions{Callback: library.Callback})
	if err != nil {
		log.Fatal(err)
	}
	page, err := url.Parse(on.URL)
	fmt.Println(page.Path, err)
	// Output: /apps/saas/reauthorize <nil>
}

func ExampleUser_Reauthorize() {
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Read)

	// After a call has failed with ErrReauthorize:
	auth, err := user.Reauthorize(context.Background(), digime.ReauthorizeOptions{Callback: library.Callback})
	if err != nil {
		log.Fatal(err)
	}
	page, err := url.Parse(auth.URL) // then as after Authorize
	fmt.Println(page.Path, err)
	// Output: /apps/saas/user-reauth <nil>
}

func ExampleUser_Refresh() {
	library := startLibrary()
	defer library.Close()
	user := library.exampleUser(library.Read)

	before := user.Token()
	if err := user.Refresh(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(before.AccessToken.Value.Equal(user.Token().AccessToken.Value))
	// Output: false
}

func ExampleClient_Refresh() {
	library := startLibrary()
	defer library.Close()

	fresh, err := library.exampleClient().Refresh(context.Background(), library.writeContract(), library.token(library.Write))
	fmt.Println(fresh.UserID, err)
	// Output: person-1 <nil>
}

func ExampleClient_ContractDetails() {
	library := startLibrary()
	defer library.Close()

	details, err := library.exampleClient().ContractDetails(context.Background(), library.writeContract())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(details.AccessType, details.ExpirationDate.Time().Year())
	// Output: w 2027
}
