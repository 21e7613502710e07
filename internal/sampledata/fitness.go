package sampledata

import (
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// The types of objects about health and fitness.
var (
	typeActivity      = ObjectType{300, "activity"}
	typeDailyActivity = ObjectType{301, "dailyactivity"}
)

// fitness is what an activity tracker has of its wearer.
var fitness = collection{
	id:    "fitness",
	types: []ObjectType{typeDailyActivity, typeActivity},
	description: Text{
		"Steps, distance and calories of each day of a year, and two walks or runs a week",
		"Stappen, afstand en calorieën van elke dag van een jaar, en twee keer per week wandelen of hardlopen",
	},
	testDescription: Text{"The steps of a week, and two activities", "De stappen van een week, en twee activiteiten"},
	files: func(b *builder) []File {
		return append(b.periods(typeDailyActivity, schemaDigime, b.dailyActivities()),
			b.periods(typeActivity, schemaDigime, b.activities())...)
	},
}

// dailyActivity is what was counted in a day.
type dailyActivity struct {
	AccountEntityID   string      `json:"accountentityid"`
	EntityID          string      `json:"entityid"`
	ID                string      `json:"id"`
	CreatedDate       wire.Millis `json:"createddate"`
	StartDate         wire.Millis `json:"startdate"`
	EndDate           wire.Millis `json:"enddate"`
	Steps             int         `json:"steps"`
	Distances         []distance  `json:"distances"`
	CaloriesOut       int         `json:"caloriesout"`
	VeryActiveMinutes int         `json:"veryactiveminutes"`
}

// distance is in kilometres.
type distance struct {
	Activity string  `json:"activity"`
	Distance float64 `json:"distance"`
}

func (b *builder) dailyActivities() (items []item) {
	for i := range b.pick(365, 7) {
		age := i + 1
		start, end := b.day(age, 0, 0), b.day(age-1, 0, 0).Add(-time.Second)
		steps := 4200 + vary("steps", i, 7000)
		if i%7 == 3 {
			steps += 5000 // the day of a long walk
		}
		id := "day-" + serial(i)
		items = append(items, item{start, age, dailyActivity{
			AccountEntityID: string(b.account.ID), EntityID: b.entityID(id), ID: id,
			CreatedDate: wire.MillisOf(start), StartDate: wire.MillisOf(start), EndDate: wire.MillisOf(end),
			Steps:             steps,
			Distances:         []distance{{"total", float64(steps*7/100) / 100}},
			CaloriesOut:       1500 + steps/25,
			VeryActiveMinutes: steps / 300,
		}})
	}
	return items
}

// activity is one walk or run. The distance is in metres, the duration in milliseconds.
type activity struct {
	AccountEntityID   string      `json:"accountentityid"`
	EntityID          string      `json:"entityid"`
	ID                string      `json:"id"`
	ActivityName      string      `json:"activityname"`
	ActivityTypeID    string      `json:"activitytypeid"`
	CreatedDate       wire.Millis `json:"createddate"`
	OriginalStartDate wire.Millis `json:"originalstartdate"`
	UpdatedDate       wire.Millis `json:"updateddate"`
	AverageHeartRate  int         `json:"averageheartrate"`
	Calories          int         `json:"calories"`
	Distance          int         `json:"distance"`
	Duration          int64       `json:"duration"`
	Steps             int         `json:"steps"`
}

func (b *builder) activities() (items []item) {
	for i := range b.pick(104, 2) {
		age := 2 + 7*(i/2) + i%2*3
		name, kind, speed, heart := "Wandelen", "walking", 5, 104
		if i%2 == 0 {
			name, kind, speed, heart = "Hardlopen", "running", 9, 142
		}
		minutes := 32 + vary("minutes", i, 45)
		start := b.day(age, 18, vary("start", i, 40))
		end := start.Add(time.Duration(minutes) * time.Minute)
		meters := minutes * speed * 1000 / 60
		id := "activity-" + serial(i)
		items = append(items, item{start, age, activity{
			AccountEntityID: string(b.account.ID), EntityID: b.entityID(id), ID: id,
			ActivityName: name, ActivityTypeID: kind,
			CreatedDate: wire.MillisOf(start), OriginalStartDate: wire.MillisOf(start), UpdatedDate: wire.MillisOf(end),
			AverageHeartRate: heart + vary("heart", i, 12), Calories: minutes * speed,
			Distance: meters, Duration: int64(minutes) * 60_000, Steps: meters * 10 / 8,
		}})
	}
	return items
}
