package digime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"slices"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// To a person's provider: the person connects it, and a measurement is sent there.
func Example_provider() {
	library := startLibrary()
	defer library.Close()
	ctx, client, contract := context.Background(), library.exampleClient(), library.writeContract()

	// The person chooses their provider, signs in there, and agrees.
	auth, err := client.Authorize(ctx, contract, digime.AuthorizeOptions{Callback: library.Callback, SourceType: digime.SourcePush})
	if err != nil {
		log.Fatal(err)
	}
	query, err := library.agree(auth.URL)
	if err != nil {
		log.Fatal(err)
	}
	back, err := digime.ParseCallback(query)
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Exchange(ctx, contract, back.Code, auth.Verifier)
	if err != nil {
		log.Fatal(err)
	}
	user := client.User(contract, token)

	// The callback tells which account it is. Keep its ID with the token.
	accounts, err := user.ReadAccounts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	i := slices.IndexFunc(accounts, func(a digime.Account) bool { return a.Reference == back.AccountReference })
	if i < 0 || accounts[i].Type != digime.AccountPush {
		log.Fatal("no provider is connected")
	}

	answer, err := user.PushToProvider(ctx, accounts[i].ID, digime.STU3, weight)
	fmt.Println(answer.Delivered(), err)
	// Output: true <nil>
}

// weight is a resource of FHIR STU3.
var weight = map[string]any{
	"resourceType": "Observation", "status": "final",
	"code":          map[string]any{"text": "Weight"},
	"valueQuantity": map[string]any{"value": json.Number("72.50"), "unit": "kg"}, // its digits are kept
}

// Each way that a push can end asks for something else.
func ExampleUser_PushToProvider() {
	library := startLibrary()
	defer library.Close()
	ctx, user := context.Background(), library.exampleUser(library.Write)
	library.provider = func(w http.ResponseWriter, _ *http.Request) { writeError(w, wire.ServiceAuthorization()) }

	answer, err := user.PushToProvider(ctx, "13_y", digime.STU3, weight)
	switch {
	case err == nil && answer.Delivered():
		fmt.Printf("the provider has it: %s\n", answer.Body)
	case err == nil:
		fmt.Println("on its way; look again later at", answer.DeliveryID)
	case errors.Is(err, digime.ErrServiceAuthorization):
		// The provider's consent is over. Push again once the person has been there.
		again, err := user.ReauthorizeAccount(ctx, "13_y", digime.ReauthorizeAccountOptions{Callback: library.Callback})
		fmt.Println("send the person to", again.URL[len(library.URL):][:22], err)
	case errors.Is(err, digime.ErrProviderRefused), errors.Is(err, digime.ErrValidation):
		var e *digime.Error
		if errors.As(err, &e) {
			fmt.Printf("not as it should be: %s\n", e.Outcome)
		}
	case errors.Is(err, digime.ErrDeliveryUnknown):
		fmt.Println("ask the provider before you push again")
	default:
		log.Fatal(err)
	}
	// Output: send the person to /apps/saas/reauthorize <nil>
}

func ExampleUser_WaitForDelivery() {
	library := startLibrary()
	defer library.Close()
	ctx, user := context.Background(), library.exampleUser(library.Write)
	library.deliveries = map[string][]wire.Delivery{"delivery1": {{ID: "delivery1", State: "refused", ProviderStatus: 422, Reason: "status is not known"}}}

	kept := digime.DeliveryID("delivery1") // of the ProviderAnswer that was not Delivered
	delivery, err := user.WaitForDelivery(ctx, kept)
	fmt.Println(delivery.State, errors.Is(err, digime.ErrProviderRefused))
	// Output: refused true
}

func ExampleUser_Delivery() {
	library := startLibrary()
	defer library.Close()
	library.deliveries = map[string][]wire.Delivery{"delivery1": {{ID: "delivery1", State: "waiting", Attempts: 2}}}

	delivery, err := library.exampleUser(library.Write).Delivery(context.Background(), "delivery1")
	fmt.Println(delivery.State, delivery.Attempts, err)
	// Output: waiting 2 <nil>
}

func ExampleUser_Deliveries() {
	library := startLibrary()
	defer library.Close()
	library.deliveries = map[string][]wire.Delivery{"delivery1": {{ID: "delivery1", State: "delivered", Provider: "Huisarts"}}}

	list, err := library.exampleUser(library.Write).Deliveries(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range list {
		fmt.Println(d.ID, d.State, "to", d.Provider)
	}
	// Output: delivery1 delivered to Huisarts
}
