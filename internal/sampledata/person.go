package sampledata

// The invented person whose data this is, and the people and organisations around them.
const (
	personName     = "Noor Voorbeeld"
	personGiven    = "Noor"
	personFamily   = "Voorbeeld"
	personUsername = "noorvoorbeeld"
	personBirth    = "1968-03-14"

	practiceName = "Huisartsenpraktijk Voorbeeld"
	doctorName   = "M. Proef, huisarts"
	hospitalName = "Ziekenhuis Voorbeeld"
)

// website is the address of what the objects refer to. Nobody can have a site there.
const website = "https://example.org/"
