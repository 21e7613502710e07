package sampledata

import (
	"cmp"
	"slices"

	"github.com/carrelhq/carrel/digime/wire"
)

// typeTransaction is the type of what is paid and received.
var typeTransaction = ObjectType{201, "transaction"}

// finance is what a bank has of an account.
var finance = collection{
	id:    "finance",
	types: []ObjectType{typeTransaction},
	description: Text{
		"The transactions of a current account in a year: salary, rent, shopping, savings",
		"De af- en bijschrijvingen van een betaalrekening in een jaar: salaris, huur, boodschappen, sparen",
	},
	testDescription: Text{
		"The transactions of two months", "De af- en bijschrijvingen van twee maanden",
	},
	files: func(b *builder) []File { return b.periods(typeTransaction, schemaDigime, b.transactions()) },
}

// transaction is an amount that was paid (DEBIT) or received (CREDIT).
type transaction struct {
	AccountEntityID        string      `json:"accountentityid"`
	EntityID               string      `json:"entityid"`
	ID                     string      `json:"id"`
	Amount                 float64     `json:"amount"`
	Currency               string      `json:"currency"`
	BaseType               string      `json:"basetype"`
	Category               string      `json:"category"`
	CategoryID             int         `json:"categoryid"`
	CategorySource         string      `json:"categorysource"`
	CategoryType           string      `json:"categorytype"`
	HighLevelCategoryID    int         `json:"highlevelcategoryid"`
	CheckNumber            string      `json:"checknumber"`
	ConsumerRef            string      `json:"consumerref"`
	OriginalRef            string      `json:"originalref"`
	SimpleRef              string      `json:"simpleref"`
	CreatedDate            wire.Millis `json:"createddate"`
	PostDate               wire.Millis `json:"postdate"`
	TransactionDate        wire.Millis `json:"transactiondate"`
	IsManual               bool        `json:"ismanual"`
	MerchantID             string      `json:"merchantid"`
	MerchantName           string      `json:"merchantname"`
	MerchantCity           string      `json:"merchantcity"`
	MerchantCountry        string      `json:"merchantcountry"`
	MerchantState          string      `json:"merchantstate"`
	MerchantZip            string      `json:"merchantzip"`
	MerchantAddress1       string      `json:"merchantaddress1"`
	MerchantAddress2       string      `json:"merchantaddress2"`
	RunningBalance         float64     `json:"runningbalance"`
	RunningBalanceCurrency string      `json:"runningbalancecurrency"`
	Status                 string      `json:"status"`
	SubType                string      `json:"subtype"`
	Type                   string      `json:"type"`
}

// payments are what is paid or received regularly. Amounts are in cents; what is received is above zero.
var payments = []struct {
	id, name, category   string
	categoryID, highest  int
	every, first         int // days
	cents, spread        int
	merchant, incomeKind bool
}{
	{id: "salary", name: "Salaris Bureau Voorbeeld", category: "Salary/Regular Income", categoryID: 29,
		highest: 10000012, every: 30, first: 6, cents: 268500, incomeKind: true},
	{id: "rent", name: "Huur Woonstichting Voorbeeld", category: "Rent", categoryID: 21, highest: 10000009, every: 30,
		first: 3, cents: -74250},
	{id: "health", name: "Premie Zorgverzekeraar Voorbeeld", category: "Insurance", categoryID: 11, highest: 10000009,
		every: 30, first: 4, cents: -15925},
	{id: "energy", name: "Voorschot Energie Voorbeeld", category: "Utilities", categoryID: 39, highest: 10000009,
		every: 30, first: 8, cents: -13800},
	{id: "savings", name: "Sparen", category: "Savings", categoryID: 40, highest: 10000009, every: 30, first: 5,
		cents: -60000},
	{id: "groceries", name: "Supermarkt Voorbeeld", category: "Groceries", categoryID: 10, highest: 10000007, every: 3,
		first: 1, cents: -2600, spread: 4200, merchant: true},
	{id: "bakery", name: "Bakkerij De Proef", category: "Groceries", categoryID: 10, highest: 10000007, every: 7,
		first: 2, cents: -420, spread: 700, merchant: true},
	{id: "train", name: "Vervoer Voorbeeld", category: "Travel", categoryID: 23, highest: 10000006, every: 9, first: 2,
		cents: -860, spread: 1400, merchant: true},
	{id: "cafe", name: "Café Het Voorbeeld", category: "Restaurants", categoryID: 22, highest: 10000007, every: 12,
		first: 5, cents: -1250, spread: 3100, merchant: true},
	{id: "pharmacy", name: "Apotheek Voorbeeld", category: "Healthcare/Medical", categoryID: 15, highest: 10000005,
		every: 45, first: 13, cents: -950, spread: 2200, merchant: true},
}

// transactions returns the transactions of the last year, newest first.
func (b *builder) transactions() (items []item) {
	for _, p := range payments {
		for i := 0; p.first+i*p.every <= b.pick(360, 59); i++ {
			age := p.first + i*p.every
			at := b.day(age, 6+vary(p.id+" hour", i, 14), vary(p.id+" minute", i, 60))
			id, cents := p.id+"-"+serial(i), p.cents
			if p.spread > 0 {
				cents -= vary(p.id, i, p.spread)
			}
			t := transaction{
				AccountEntityID: string(b.account.ID), EntityID: b.entityID(id), ID: id,
				Amount: float64(max(cents, -cents)) / 100, Currency: "EUR", BaseType: "DEBIT",
				Category: p.category, CategoryID: p.categoryID, CategorySource: "SYSTEM", CategoryType: "EXPENSE",
				HighLevelCategoryID: p.highest, OriginalRef: p.name, SimpleRef: p.name,
				CreatedDate: wire.MillisOf(at), PostDate: wire.MillisOf(at), TransactionDate: wire.MillisOf(at),
				RunningBalanceCurrency: "EUR", Status: "POSTED", Type: "PAYMENT",
			}
			if p.incomeKind {
				t.BaseType, t.CategoryType, t.Type = "CREDIT", "INCOME", "DEPOSIT"
			}
			if p.merchant {
				t.MerchantName, t.MerchantCity, t.MerchantCountry, t.Type = p.name, "Voorbeeldstad", "NL", "PURCHASE"
			}
			items = append(items, item{at, age, t})
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Or(cmp.Compare(a.age, b.age), b.at.Compare(a.at)) })
	balance := 124_000
	for i := len(items) - 1; i >= 0; i-- {
		t := items[i].object.(transaction)
		cents := int(t.Amount*100 + 0.5)
		if t.BaseType == "DEBIT" {
			cents = -cents
		}
		balance += cents
		t.RunningBalance = float64(balance) / 100
		items[i].object = t
	}
	return items
}
