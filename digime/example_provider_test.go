package digime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// To a person's provider: the person connects it, and a measurement is sent there.
func Example_provider() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, contract := context.Background(), writeContract(library)

	// The person chooses a provider, signs in there, and consents.
	auth, err := contract.Authorize(ctx, digime.AuthorizeOptions{
		RedirectURL: library.RedirectURL, SourceType: digime.SourcePush,
	})
	if err != nil {
		log.Fatal(err)
	}
	back, err := library.Allow(auth.URL)
	if err != nil {
		log.Fatal(err)
	}
	callback, err := auth.ParseCallback(back.Query())
	if err != nil {
		log.Fatal(err)
	}
	token, err := contract.Exchange(ctx, callback)
	if err != nil {
		log.Fatal(err)
	}
	user := contract.User(token)

	// The callback says which account it is. Store its ID with the token.
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	i := slices.IndexFunc(accounts, func(a digime.Account) bool { return a.Reference == callback.AccountReference })
	if i < 0 || accounts[i].Type != digime.AccountPush {
		log.Fatal("no provider is connected")
	}

	weight, err := digime.MarshalResource(weight)
	if err != nil {
		log.Fatal(err)
	}
	response, err := user.PushToProvider(ctx, accounts[i].ID, digime.STU3, weight)
	fmt.Println(response.Delivered(), err)
	// Output: true <nil>
}

// weight is a resource of FHIR STU3.
var weight = map[string]any{
	"resourceType": "Observation", "status": "final",
	"code":          map[string]any{"text": "Weight"},
	"valueQuantity": map[string]any{"value": json.Number("72.50"), "unit": "kg"}, // keeps its digits
}

func ExampleMarshalResource() {
	resource, err := digime.MarshalResource(weight)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(string(resource), "72.50"))
	_, err = digime.MarshalResource("not a resource")
	fmt.Println(err)
	// Output:
	// true
	// marshal resource: the resource is not a JSON object
}

// Each result of a push asks for another step.
func ExampleUser_PushToProvider() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, user := context.Background(), library.User(library.WriteContract)
	library.FailNext(digimetest.EndpointPushToProvider, digimetest.Refuse(digime.Error{
		Code: digime.CodeServiceAuthorization, Status: 511, Message: "Service authorization required",
	}))

	bundle := []byte(`{"resourceType":"Bundle","type":"batch"}`)
	response, err := user.PushToProvider(ctx, "2_provider", digime.STU3, bundle)
	switch {
	case err == nil && response.Delivered():
		fmt.Printf("the provider has it: %s\n", response.Body)
	case err == nil:
		fmt.Println("under way; ask later for", response.DeliveryID)
	case errors.Is(err, digime.ErrServiceAuthorization):
		// The permission at the provider has ended. Push again once the person has renewed it.
		auth, err := user.ReauthorizeAccount(ctx, "2_provider", digime.ReauthorizeAccountOptions{
			RedirectURL: library.RedirectURL,
		})
		fmt.Println("send the person to", auth.URL[len(library.URL):][:22], err)
	case errors.Is(err, digime.ErrProviderRefused), errors.Is(err, digime.ErrValidation):
		var e *digime.Error
		if errors.As(err, &e) {
			fmt.Printf("the resource is not acceptable: %s\n", e.Outcome)
		}
	case errors.Is(err, digime.ErrDeliveryUnknown):
		fmt.Println("ask the provider before you push again")
	default:
		log.Fatal(err)
	}
	// Output: send the person to /apps/saas/reauthorize <nil>
}

func ExampleUser_WaitForDelivery() {
	library := digimetest.NewLibrary()
	defer library.Close()
	ctx, user := context.Background(), library.User(library.WriteContract)
	library.SetDelivery(digime.Delivery{
		ID: "delivery1", State: digime.DeliveryRefused, ProviderStatus: 422, Reason: "the status is not known",
	})

	id := digime.DeliveryID("delivery1") // of a ProviderResponse that was not Delivered
	delivery, err := user.WaitForDelivery(ctx, id)
	fmt.Println(delivery.State, errors.Is(err, digime.ErrProviderRefused))
	// Output: refused true
}

func ExampleUser_GetDelivery() {
	library := digimetest.NewLibrary()
	defer library.Close()
	library.SetDelivery(digime.Delivery{ID: "delivery1", State: digime.DeliveryWaiting, Attempts: 2})

	delivery, err := library.User(library.WriteContract).GetDelivery(context.Background(), "delivery1")
	fmt.Println(delivery.State, delivery.Attempts, err)
	// Output: waiting 2 <nil>
}

func ExampleUser_ListDeliveries() {
	library := digimetest.NewLibrary()
	defer library.Close()
	library.SetDelivery(digime.Delivery{ID: "delivery1", State: digime.DeliveryDelivered, Provider: "GP"})

	list, err := library.User(library.WriteContract).ListDeliveries(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range list {
		fmt.Println(d.ID, d.State, "to", d.Provider)
	}
	// Output: delivery1 delivered to GP
}
