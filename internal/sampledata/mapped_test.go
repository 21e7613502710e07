package sampledata_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/sampledata"
)

// fields are the members that the public clients read from the objects of each type, with their JSON types.
var fields = map[string]map[string]string{
	"post": {
		"accountentityid": "text", "entityid": "text", "createddate": "number", "updateddate": "number",
		"baseid": "text", "postid": "text", "posturl": "text", "text": "text", "title": "text",
		"commentcount":   "number",
		"favouritecount": "number", "likecount": "number", "sharecount": "number", "iscommentable": "number",
		"isfavourited": "number", "islikeable": "number", "islikes": "number", "isshared": "number",
		"istruncated": "number", "latitude": "number", "longitude": "number", "originalposturl": "text",
		"personentityid": "text", "personfullname": "text", "personusername": "text", "personfileurl": "text",
		"referenceentityid": "text", "referenceentitytype": "number", "type": "number",
	},
	"media": {
		"accountentityid": "text", "entityid": "text", "createddate": "number", "updateddate": "number",
		"baseid": "text", "commentcount": "number", "displayurlindexend": "number", "displayurlindexstart": "number",
		"interestscore": "number", "likecount": "number", "link": "text", "mediaalbumname": "text", "mediaid": "text",
		"mediaobjectid": "text", "name": "text", "originatortype": "number", "personentityid": "text",
		"personfileurl": "text", "personfullname": "text", "personusername": "text", "resources": "list",
		"type": "number", "imagefileurl": "text",
	},
	"comment": {
		"accountentityid": "text", "entityid": "text", "createddate": "number", "updateddate": "number",
		"baseid": "text", "referenceentityid": "text", "referenceentitytype": "number", "appid": "text",
		"commentcount": "number", "commentid": "text", "commentreplyid": "text", "likecount": "number", "link": "text",
		"metaid": "text", "personentityid": "text", "personfilerelativepath": "text", "personfileurl": "text",
		"personfullname": "text", "personusername": "text", "privacy": "number", "text": "text",
	},
	"likes": {
		"accountentityid": "text", "entityid": "text", "createddate": "number", "baseid": "text",
		"referenceentityid": "text", "referenceentitytype": "number", "personentityid": "text",
		"personfullname": "text", "personusername": "text", "link": "text",
	},
	"transaction": {
		"accountentityid": "text", "entityid": "text", "id": "text", "createddate": "number", "postdate": "number",
		"transactiondate": "number", "amount": "number", "currency": "text", "basetype": "text", "category": "text",
		"categoryid": "number", "categorysource": "text", "categorytype": "text", "highlevelcategoryid": "number",
		"ismanual": "boolean", "merchantid": "text", "merchantname": "text", "originalref": "text",
		"runningbalance": "number", "runningbalancecurrency": "text", "simpleref": "text", "status": "text",
		"subtype": "text", "type": "text", "checknumber": "text", "consumerref": "text",
	},
	"dailyactivity": {
		"accountentityid": "text", "entityid": "text", "id": "text", "createddate": "number", "startdate": "number",
		"enddate": "number", "steps": "number", "distances": "list", "caloriesout": "number",
		"veryactiveminutes": "number",
	},
	"activity": {
		"accountentityid": "text", "entityid": "text", "id": "text", "activityname": "text", "activitytypeid": "text",
		"createddate": "number", "originalstartdate": "number", "updateddate": "number", "calories": "number",
		"distance": "number", "duration": "number", "steps": "number", "averageheartrate": "number",
	},
	"playhistory": {"accountentityid": "text", "entityid": "text", "createddate": "number", "track": "object"},
	"playlist": {
		"accountentityid": "text", "entityid": "text", "id": "text", "name": "text", "description": "text",
		"followerscount": "number", "public": "boolean", "collaborative": "boolean", "owner": "object", "link": "text",
		"tracks": "list", "resources": "list",
	},
	"followedartist": {
		"accountentityid": "text", "entityid": "text", "id": "text", "name": "text", "resources": "list",
		"genres": "list",
	},
}

// jsonTypes are the names of the types of JSON in the table.
var jsonTypes = map[reflect.Kind]string{
	reflect.String: "text", reflect.Float64: "number", reflect.Bool: "boolean", reflect.Slice: "list",
	reflect.Map: "object",
}

// Each object has the members of its type, and its account, whose id begins the id of the object.
func TestMappedObjects(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, collection := range sampledata.Collections() {
		for _, f := range load(t, collection, "default", account, now) {
			if f.Metadata.Mapped == nil || f.Metadata.Mapped.Schema.Standard != "digime" {
				continue
			}
			want, ok := fields[f.ObjectType.Name]
			if !ok {
				t.Fatalf("the test does not know the type %s", f.ObjectType.Name)
			}
			seen[f.ObjectType.Name] = true
			for _, o := range objects(t, f) {
				for name, kind := range want {
					if got := jsonTypes[reflect.ValueOf(o[name]).Kind()]; got != kind {
						t.Errorf("%s: %s is %q, want %s", f.Key, name, got, kind)
					}
				}
				for name, v := range o {
					if v == nil {
						t.Errorf("%s: %s is null", f.Key, name)
					}
				}
				id, _ := o["entityid"].(string)
				if o["accountentityid"] != string(account.ID) || !strings.HasPrefix(id, string(account.ID)+"_") {
					t.Errorf("%s: object %s of account %v", f.Key, id, o["accountentityid"])
				}
			}
		}
	}
	if len(seen) != len(fields) {
		t.Errorf("only the types %v", seen)
	}
}

// Comments, likes and pictures lead to posts, whose counts are right.
func TestSocialReferences(t *testing.T) {
	t.Parallel()
	type counts struct{ comments, likes float64 }
	want, got := map[string]counts{}, map[string]counts{}
	for _, f := range load(t, "social", "default", account, now) {
		for _, o := range objects(t, f) {
			if f.ObjectType.Name == "post" {
				want[o["entityid"].(string)] = counts{o["commentcount"].(float64), o["likecount"].(float64)}
				continue
			}
			id, _ := o["referenceentityid"].(string)
			if f.ObjectType.Name == "media" {
				id, _ = o["postentityid"].(string)
			}
			c, ok := got[id]
			if _, post := want[id]; !post {
				t.Errorf("%s: an object of the post %q, known %v", f.Key, id, ok)
			}
			switch f.ObjectType.Name {
			case "comment":
				c.comments++
			case "likes":
				c.likes++
			}
			got[id] = c
		}
	}
	if len(want) < 20 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The balance of an account changes by each amount.
func TestBalance(t *testing.T) {
	t.Parallel()
	var all []map[string]any
	for _, f := range load(t, "finance", "default", account, now) {
		all = append(all, objects(t, f)...)
	}
	cents := func(v any) int { return int(v.(float64)*100 + 0.5) }
	for i := range all[:len(all)-1] {
		change := cents(all[i]["amount"])
		if all[i]["basetype"] == "DEBIT" {
			change = -change
		}
		if cents(all[i]["runningbalance"])-cents(all[i+1]["runningbalance"]) != change {
			t.Errorf("%v after %v by %d", all[i]["runningbalance"], all[i+1]["runningbalance"], change)
		}
	}
	if balance := cents(all[0]["runningbalance"]); len(all) < 200 || balance < 0 || balance > 10_000_00 {
		t.Errorf("%d transactions, a balance of %d cents", len(all), balance)
	}
}

// song is what the public example applications read: digi.me's for Node, and Genrefy for iOS.
type song struct {
	EntityID        string  `json:"entityid"`
	AccountEntityID string  `json:"accountentityid"`
	CreatedDate     float64 `json:"createddate"`
	Track           struct {
		Artists []struct {
			Genres []string `json:"genres"`
		} `json:"artists"`
	} `json:"track"`
}

// Genrefy counts the genres of what was played in the last 24 hours, by the account in the list of accounts.
func TestGenres(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"default", "test"} {
		genres, songs := map[string]int{}, 0
		for _, f := range load(t, "entertainment", set, account, now) {
			if f.Metadata.Mapped.ObjectType != "playhistory" {
				continue
			}
			var list []song
			if err := json.Unmarshal(content(t, f), &list); err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				at := time.UnixMilli(int64(s.CreatedDate))
				if s.AccountEntityID != string(account.ID) || !at.After(now.Add(-24*time.Hour)) {
					continue
				}
				songs++
				for _, a := range s.Track.Artists {
					for _, g := range a.Genres {
						genres[g]++
					}
				}
			}
		}
		if songs != 8 || len(genres) < 4 {
			t.Errorf("%s: %d songs in the last day, of the genres %v", set, songs, genres)
		}
	}
}
