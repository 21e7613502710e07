package sampledata

import (
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// The types of objects about music.
var (
	typePlaylist       = ObjectType{403, "playlist"}
	typePlayHistory    = ObjectType{406, "playhistory"}
	typeFollowedArtist = ObjectType{407, "followedartist"}
)

// entertainment is what a music service has of a listener. Public example applications count the genres of the tracks
// that were played in the last day.
var entertainment = collection{
	id:    "entertainment",
	types: []ObjectType{typePlayHistory, typePlaylist, typeFollowedArtist},
	description: Text{
		"The music of three months, up to the last hour, with playlists and the artists that are followed",
		"De muziek van drie maanden, tot het laatste uur, met afspeellijsten en de artiesten die gevolgd worden",
	},
	testDescription: Text{
		"The music of the last day, a playlist and an artist",
		"De muziek van de laatste dag, een afspeellijst en een artiest",
	},
	files: func(b *builder) []File {
		return append(b.periods(typePlayHistory, schemaDigime, b.playHistory()),
			b.list(typePlaylist, schemaDigime, b.playlists()),
			b.list(typeFollowedArtist, schemaDigime, b.followedArtists()))
	},
}

// artist is who made a track. A followed artist is the same in a file of its own.
type artist struct {
	AccountEntityID string          `json:"accountentityid"`
	EntityID        string          `json:"entityid"`
	ID              string          `json:"id"`
	Name            string          `json:"name"`
	Link            string          `json:"link"`
	Genres          []string        `json:"genres"`
	Resources       []mediaResource `json:"resources"`
}

// album is what a track is on.
type album struct {
	AccountEntityID string `json:"accountentityid"`
	EntityID        string `json:"entityid"`
	ID              string `json:"id"`
	Name            string `json:"name"`
	Type            string `json:"type"`
	Link            string `json:"link"`
}

// track is a piece of music. The duration is in milliseconds.
type track struct {
	AccountEntityID string   `json:"accountentityid"`
	EntityID        string   `json:"entityid"`
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Link            string   `json:"link"`
	Duration        int      `json:"duration"`
	DiscNumber      int      `json:"discnumber"`
	Number          int      `json:"number"`
	Explicit        bool     `json:"explicit"`
	Artists         []artist `json:"artists"`
	Album           album    `json:"album"`
}

// play says that a track was played at a time.
type play struct {
	AccountEntityID string      `json:"accountentityid"`
	EntityID        string      `json:"entityid"`
	CreatedDate     wire.Millis `json:"createddate"`
	Track           track       `json:"track"`
}

// playlist is a list of tracks.
type playlist struct {
	AccountEntityID string          `json:"accountentityid"`
	EntityID        string          `json:"entityid"`
	ID              string          `json:"id"`
	Name            string          `json:"name"`
	Description     string          `json:"description"`
	FollowersCount  int             `json:"followerscount"`
	Public          bool            `json:"public"`
	Collaborative   bool            `json:"collaborative"`
	Owner           playlistOwner   `json:"owner"`
	Link            string          `json:"link"`
	Tracks          []playlistTrack `json:"tracks"`
	Resources       []mediaResource `json:"resources"`
}

// playlistOwner is who made a playlist.
type playlistOwner struct {
	AccountEntityID string `json:"accountentityid"`
	EntityID        string `json:"entityid"`
	ID              string `json:"id"`
	Name            string `json:"name"`
	Link            string `json:"link"`
}

// playlistTrack is a track in a playlist, and when it was added.
type playlistTrack struct {
	CreatedDate wire.Millis `json:"createddate"`
	Track       track       `json:"track"`
}

// artists are the artists with their genres and tracks.
var artists = []struct {
	name, album string
	genres      []string
	tracks      []string
}{
	{"De Proefdraaiers", "Proefrit", []string{"dutch indie", "indie pop"},
		[]string{"Vertrektijd", "Achter de dijk", "Fietsen in de regen"}},
	{"Marloes Maat", "Halverwege", []string{"singer-songwriter", "dutch folk"},
		[]string{"Brief aan de buren", "Halverwege"}},
	{"North Harbour Trio", "Low Tide", []string{"jazz", "contemporary jazz"},
		[]string{"Low Tide", "Blue Ferry", "Seven Past Nine"}},
	{"Placeholder", "Lorem", []string{"electronic", "techno"}, []string{"Ipsum", "Dolor", "Sit Amet"}},
	{"The Sample Rates", "44.1", []string{"rock", "alternative rock"}, []string{"Overflow", "Silence Detected"}},
	{"Kamerorkest Voorbeeld", "Winterconcert", []string{"classical", "baroque"},
		[]string{"Concert in d-klein: I", "Concert in d-klein: II"}},
	{"Lila Null", "Not a Number", []string{"pop", "dance pop"}, []string{"Zero", "Undefined", "Maybe"}},
	{"Oude Haven", "Kade", []string{"dutch folk", "shanty"}, []string{"De kade op", "Anker"}},
}

// slug returns a name for ids and addresses.
func slug(name string) string {
	return strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-"), "-")
}

func (b *builder) artist(i int) artist {
	a := artists[i]
	id := "artist-" + slug(a.name)
	return artist{
		AccountEntityID: string(b.account.ID), EntityID: b.entityID(id), ID: id, Name: a.name,
		Link: website + "artists/" + slug(a.name), Genres: a.genres,
		Resources: []mediaResource{picture4x3(website+"artists/"+slug(a.name)+".jpg", 320)},
	}
}

// trackOf returns the track with a number; all numbers have one.
func (b *builder) trackOf(number int) track {
	i := number % len(artists)
	a := artists[i]
	j := number / len(artists) % len(a.tracks)
	id, albumID := "track-"+slug(a.name)+"-"+serial(j), "album-"+slug(a.album)
	account := string(b.account.ID)
	return track{
		AccountEntityID: account, EntityID: b.entityID(id), ID: id, Name: a.tracks[j], Link: website + "tracks/" + id,
		Duration: 1000 * (150 + vary(id, 0, 200)), DiscNumber: 1, Number: j + 1,
		Artists: []artist{b.artist(i)},
		Album: album{
			AccountEntityID: account, EntityID: b.entityID(albumID), ID: albumID, Name: a.album, Type: "album",
			Link: website + "albums/" + slug(a.album),
		},
	}
}

// playHistory returns what was played, newest first: eight tracks in the last day, and four on each day before.
func (b *builder) playHistory() (items []item) {
	for i := range b.pick(8+4*89, 8) {
		ago := 40*time.Minute + time.Duration(i)*150*time.Minute // the last eight end after 18 hours
		if i >= 8 {
			ago = hours(24+24*((i-8)/4)) + time.Duration(i%4)*time.Hour/4 + 2*time.Hour
		}
		at := b.now.Add(-ago)
		id := "play-" + serial(i)
		items = append(items, item{at, int(ago / hours(24)), play{
			AccountEntityID: string(b.account.ID), EntityID: b.entityID(id), CreatedDate: wire.MillisOf(at),
			Track: b.trackOf(vary("track", i, 24)),
		}})
	}
	return items
}

// playlists returns the playlists. Each has the tracks from a number on.
func (b *builder) playlists() (list []any) {
	account := string(b.account.ID)
	for i, p := range []struct {
		name, description string
		public            bool
		from, count       int
	}{
		{"Wandelen", "Muziek voor onderweg", false, 0, 9},
		{"Rustig aan", "Voor de zondagochtend", true, 9, 6},
		{"Keuken", "", false, 4, 12},
	}[:b.pick(3, 1)] {
		id := "playlist-" + slug(p.name)
		l := playlist{
			AccountEntityID: account, EntityID: b.entityID(id), ID: id, Name: p.name, Description: p.description,
			Public: p.public, Link: website + "playlists/" + slug(p.name),
			Owner: playlistOwner{
				AccountEntityID: account, EntityID: b.entityID(personUsername), ID: personUsername, Name: personName,
				Link: website + "people/" + personUsername,
			},
			Resources: []mediaResource{picture4x3(website+"playlists/"+slug(p.name)+".jpg", 320)},
		}
		if p.public {
			l.FollowersCount = 3
		}
		for j := range p.count {
			added := b.day(20+60*i+5*(p.count-j), 20, vary(id, j, 60))
			l.Tracks = append(l.Tracks, playlistTrack{CreatedDate: wire.MillisOf(added), Track: b.trackOf(p.from + j)})
		}
		list = append(list, l)
	}
	return list
}

// followedArtists returns the artists that the listener follows.
func (b *builder) followedArtists() (list []any) {
	for i := range b.pick(len(artists)-2, 1) {
		list = append(list, b.artist(i))
	}
	return list
}

// hours returns a duration of whole hours.
func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
