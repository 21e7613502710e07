package sampledata

import (
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
)

// The types of social objects.
var (
	typeMedia   = ObjectType{1, "media"}
	typePost    = ObjectType{2, "post"}
	typeComment = ObjectType{7, "comment"}
	typeLikes   = ObjectType{10, "likes"}
)

// social is what a social network has of a member.
var social = collection{
	id:    "social",
	types: []ObjectType{typePost, typeMedia, typeComment, typeLikes},
	description: Text{
		"Posts, pictures, comments and likes of a year",
		"Berichten, foto's, reacties en likes van een jaar",
	},
	testDescription: Text{"Two posts with a picture and comments", "Twee berichten met een foto en reacties"},
	files: func(b *builder) []File {
		posts, media, comments, likes := b.social()
		files := b.periods(typePost, schemaDigime, posts)
		files = append(files, b.periods(typeMedia, schemaDigime, media)...)
		files = append(files, b.periods(typeComment, schemaDigime, comments)...)
		return append(files, b.periods(typeLikes, schemaDigime, likes)...)
	},
}

// author is who wrote an object.
type author struct {
	PersonEntityID string `json:"personentityid"`
	PersonFullname string `json:"personfullname"`
	PersonUsername string `json:"personusername"`
	PersonFileURL  string `json:"personfileurl"`
}

// post is a message of the member.
type post struct {
	author
	AccountEntityID     string      `json:"accountentityid"`
	EntityID            string      `json:"entityid"`
	BaseID              string      `json:"baseid"`
	PostID              string      `json:"postid"`
	ReferenceEntityID   string      `json:"referenceentityid"`
	ReferenceEntityType int         `json:"referenceentitytype"`
	CreatedDate         wire.Millis `json:"createddate"`
	UpdatedDate         wire.Millis `json:"updateddate"`
	Title               string      `json:"title"`
	Text                string      `json:"text"`
	RawText             string      `json:"rawtext"`
	PostURL             string      `json:"posturl"`
	OriginalPostURL     string      `json:"originalposturl"`
	Source              string      `json:"source"`
	Type                int         `json:"type"`
	CommentCount        int         `json:"commentcount"`
	LikeCount           int         `json:"likecount"`
	ShareCount          int         `json:"sharecount"`
	FavouriteCount      int         `json:"favouritecount"`
	IsCommentable       int         `json:"iscommentable"`
	IsFavourited        int         `json:"isfavourited"`
	IsLikeable          int         `json:"islikeable"`
	IsLikes             int         `json:"islikes"`
	IsShared            int         `json:"isshared"`
	IsTruncated         int         `json:"istruncated"`
	Latitude            float64     `json:"latitude"`
	Longitude           float64     `json:"longitude"`
	Visibility          string      `json:"visibility"`
}

// media is a picture of the member.
type media struct {
	author
	AccountEntityID      string          `json:"accountentityid"`
	EntityID             string          `json:"entityid"`
	BaseID               string          `json:"baseid"`
	MediaID              string          `json:"mediaid"`
	MediaObjectID        string          `json:"mediaobjectid"`
	PostEntityID         string          `json:"postentityid"`
	CreatedDate          wire.Millis     `json:"createddate"`
	UpdatedDate          wire.Millis     `json:"updateddate"`
	Name                 string          `json:"name"`
	MediaAlbumName       string          `json:"mediaalbumname"`
	Link                 string          `json:"link"`
	ImageFileURL         string          `json:"imagefileurl"`
	Resources            []mediaResource `json:"resources"`
	Type                 int             `json:"type"`
	OriginatorType       int             `json:"originatortype"`
	CommentCount         int             `json:"commentcount"`
	LikeCount            int             `json:"likecount"`
	InterestScore        int             `json:"interestscore"`
	TagCount             int             `json:"tagcount"`
	TaggedPeopleCount    int             `json:"taggedpeoplecount"`
	DisplayURLIndexStart int             `json:"displayurlindexstart"`
	DisplayURLIndexEnd   int             `json:"displayurlindexend"`
}

// mediaResource is a picture in one size.
type mediaResource struct {
	AspectRatio aspectRatio `json:"aspectratio"`
	Height      int         `json:"height"`
	Width       int         `json:"width"`
	MIMEType    string      `json:"mimetype"`
	Type        int         `json:"type"`
	URL         string      `json:"url"`
}

type aspectRatio struct {
	Accuracy int    `json:"accuracy"`
	Actual   string `json:"actual"`
	Closest  string `json:"closest"`
}

// picture4x3 is a picture of four to three.
func picture4x3(url string, width int) mediaResource {
	return mediaResource{
		AspectRatio: aspectRatio{100, "4:3", "4:3"},
		Height:      width * 3 / 4, Width: width, MIMEType: "image/jpeg", URL: url,
	}
}

// comment is a reaction of a friend to a post.
type comment struct {
	author
	AccountEntityID     string      `json:"accountentityid"`
	EntityID            string      `json:"entityid"`
	BaseID              string      `json:"baseid"`
	CommentID           string      `json:"commentid"`
	CommentReplyID      string      `json:"commentreplyid"`
	MetaID              string      `json:"metaid"`
	AppID               string      `json:"appid"`
	ReferenceEntityID   string      `json:"referenceentityid"`
	ReferenceEntityType int         `json:"referenceentitytype"`
	CreatedDate         wire.Millis `json:"createddate"`
	UpdatedDate         wire.Millis `json:"updateddate"`
	Text                string      `json:"text"`
	Link                string      `json:"link"`
	CommentCount        int         `json:"commentcount"`
	LikeCount           int         `json:"likecount"`
	Privacy             int         `json:"privacy"`
	PersonFileRelative  string      `json:"personfilerelativepath"`
}

// like says that a friend likes a post. Its layout is ours: that of a comment without its text.
type like struct {
	author
	AccountEntityID     string      `json:"accountentityid"`
	EntityID            string      `json:"entityid"`
	BaseID              string      `json:"baseid"`
	ReferenceEntityID   string      `json:"referenceentityid"`
	ReferenceEntityType int         `json:"referenceentitytype"`
	CreatedDate         wire.Millis `json:"createddate"`
	Link                string      `json:"link"`
}

// postReference is the type of a post in referenceentitytype.
const postReference = 2

// posts are the messages, newest first. The pictures are of the posts that have a name for one.
var posts = []struct{ text, picture string }{
	{"Eerste vorst! De sloot achter het huis is wit.", "Vorst"},
	{"Wie gaat er zaterdag mee naar de markt?", ""},
	{"Vandaag tien kilometer gewandeld. Mijn knie hield het goed vol.", "Duinpad"},
	{"De kat heeft besloten dat mijn stoel nu van haar is.", "Kat op stoel"},
	{"Boek uit. Iemand nog een tip voor een goede detective?", ""},
	{"Appeltaart volgens het recept van oma. Bijna zo lekker als die van haar.", "Appeltaart"},
	{"Concert van De Proefdraaiers was geweldig gisteren!", "Concert"},
	{"Nieuwe fiets! Nu alleen nog mooi weer.", "Fiets"},
	{"Na drie weken regen eindelijk zon op het balkon.", ""},
	{"Terug van een week op het eiland. Uitgerust en vol zand.", "Strand"},
	{"De tomaten zijn rijp. Wie wil er een paar?", "Tomaten"},
	{"Vandaag hoorde ik dat mijn bloedsuiker beter is. Dat wandelen helpt dus echt.", ""},
	{"Buurtbarbecue was gezellig. Bedankt allemaal!", "Buurtfeest"},
	{"Weet iemand een goede fietsenmaker in de buurt?", ""},
	{"Eerste keer hardlopen in tijden. Vijf kilometer!", ""},
	{"De tuin staat in bloei.", "Tulpen"},
	{"Verjaardag gevierd met de hele familie.", "Verjaardag"},
	{"Trein gemist, maar wel een ijsje gevonden.", ""},
	{"Lente! De eerste krokussen zijn er.", "Krokussen"},
	{"Opruimen is begonnen. Drie dozen boeken weg te geven.", ""},
	{"Nieuwe baan, dag één. Leuke collega's.", ""},
	{"Sneeuwpop gemaakt met de buurkinderen.", "Sneeuwpop"},
	{"Goed voornemen: elke week een keer zwemmen.", ""},
	{"Gelukkig nieuwjaar!", "Vuurwerk"},
}

// friends are who comments and likes.
var friends = []struct{ name, username string }{
	{"Sam Proefsma", "samproefsma"}, {"Femke Testers", "femketesters"}, {"Ravi Monster", "ravimonster"},
	{"Aylin Schets", "aylinschets"}, {"Joost Model", "joostmodel"},
}

// reactions are what friends say.
var reactions = []string{
	"Wat leuk!", "Mooi!", "Ik ga mee.", "Goed bezig.", "Haha, herkenbaar.", "Volgende keer ben ik er ook bij.",
	"Prachtige foto.", "Gefeliciteerd!", "Ik stuur je een berichtje.", "Lekker!", "Doe ze de groeten.",
}

func (b *builder) author(name, username string) author {
	return author{
		PersonEntityID: b.entityID(username), PersonFullname: name, PersonUsername: username,
		PersonFileURL: website + "people/" + username + ".jpg",
	}
}

// social returns the objects, each newest first.
func (b *builder) social() (all, pictures, comments, likes []item) {
	me := b.author(personName, personUsername)
	account := string(b.account.ID)
	for i, p := range posts[:b.pick(len(posts), 2)] {
		age := 2 + 15*i
		at := b.day(age, 9+vary("post hour", i, 12), vary("post minute", i, 60))
		id, url := "post-"+serial(i), website+"posts/"+serial(i)
		commented, liked := 1+vary("comments", i, 3), 2+vary("likes", i, 3)
		all = append(all, item{at, age, post{
			author: me, AccountEntityID: account, EntityID: b.entityID(id), BaseID: id, PostID: id,
			ReferenceEntityID: account, CreatedDate: wire.MillisOf(at), UpdatedDate: wire.MillisOf(at),
			Text: p.text, RawText: p.text, PostURL: url, OriginalPostURL: url, Source: "web",
			CommentCount: commented, LikeCount: liked, IsCommentable: 1, IsLikeable: 1, Visibility: "friends",
		}})
		if p.picture != "" {
			pictureID, address := "media-"+serial(i), website+"pictures/"+serial(i)
			pictures = append(pictures, item{at, age, media{
				author: me, AccountEntityID: account, EntityID: b.entityID(pictureID), BaseID: pictureID,
				MediaID: pictureID, MediaObjectID: id, PostEntityID: b.entityID(id),
				CreatedDate: wire.MillisOf(at), UpdatedDate: wire.MillisOf(at),
				Name: p.picture, MediaAlbumName: "Tijdlijn", Link: address, ImageFileURL: address + ".jpg",
				Resources: []mediaResource{
					picture4x3(address+".jpg", 1600), picture4x3(address+"-small.jpg", 320),
				},
				CommentCount: commented, LikeCount: liked,
			}})
		}
		for j := range commented {
			f := friends[(i+2*j)%len(friends)]
			written := at.Add(hours(1 + 2*(commented-j)))
			commentID := fmt.Sprintf("comment-%s-%d", serial(i), j+1)
			comments = append(comments, item{written, age, comment{
				author: b.author(f.name, f.username), AccountEntityID: account, EntityID: b.entityID(commentID),
				BaseID: commentID, CommentID: commentID, ReferenceEntityID: b.entityID(id),
				ReferenceEntityType: postReference,
				CreatedDate:         wire.MillisOf(written), UpdatedDate: wire.MillisOf(written),
				Text: reactions[(i*3+j*4)%len(reactions)], Link: url + "#" + commentID,
			}})
		}
		for j := range liked {
			f := friends[(i+j)%len(friends)]
			clicked := at.Add(hours(1 + liked - j))
			likeID := fmt.Sprintf("like-%s-%d", serial(i), j+1)
			likes = append(likes, item{clicked, age, like{
				author: b.author(f.name, f.username), AccountEntityID: account, EntityID: b.entityID(likeID),
				BaseID: likeID, ReferenceEntityID: b.entityID(id), ReferenceEntityType: postReference,
				CreatedDate: wire.MillisOf(clicked), Link: url,
			}})
		}
	}
	return all, pictures, comments, likes
}
