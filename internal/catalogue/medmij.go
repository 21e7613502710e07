package catalogue

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

// DataTypes are the kinds of data by which an application may narrow the choice of
// sources.
var DataTypes = []string{
	"medication-information", "laboratory-results", "appointments", "patient-summary-hospital-data", "gp-data",
	"mental-health-patient-summary", "documents", "measurements-vital-signs", "allergy-intolerances", "images",
	"medication-related-intolerances", "referral-to-questionnaire", "questionnaire-response",
	"longterm-healthcare-patient-summary", "patient-corrections-request", "vaccinations", "integral-birth-care-process",
}

// OrganizationTypes are the kinds of organisation by which it may.
var OrganizationTypes = []string{
	"general-practitioner", "health-center", "hospital", "private-treatment-center", "specialist-centre", "radiotherapy-center",
	"dialysis-center", "obstetrics-and-maternity-care", "mental-health-care", "youth-health-care", "psychology-and-psychotherapy",
	"nursing-and-care-homes-and-home-care", "disability-care", "mentally-disabled-care", "daycare-centers", "rehabilitation-center",
	"pharmacy", "audiological-center", "medical-aids", "physiotherapy", "protected-and-supported-living", "dentist", "ambulance",
	"health-insurers",
}

// medmijData is what is sent to a provider under each of MedMij's services.
var medmijData = map[string]string{
	"53": "measurements-vital-signs",
	"57": "documents",
	"60": "questionnaire-response",
}

// MedMijSource is a provider's service to which a person can have data sent: one source
// for each, since what a person allows at the provider is for one of them. The key is
// what connects it, and the source's id depends on it alone: it is the same on every
// server and after every start.
func MedMijSource(key delivery.ProviderKey, provider, serviceID, serviceName string, d Directory) Source {
	provider = strings.TrimSuffix(provider, "@medmij")
	s := Source{
		ID: listedID(key), Name: readable(provider), Detail: serviceName, Reference: provider + "~" + serviceID,
		Service: Service{ID: ServiceMedMij}, Countries: []wire.Country{{ID: netherlands}},
		Push: true, Status: wire.Approved, Provider: key, Version: fhir.STU3,
	}
	if t, ok := medmijData[serviceID]; ok {
		s.DataTypes = []string{t}
	}
	if p, ok := d[provider]; ok {
		s.Name, s.Alias, s.Abbreviation, s.MedicalCenter, s.Practitioner = p.Name, p.Alias, p.Abbreviation, p.MedicalCenter, p.Practitioner
		s.Address = Address{City: p.City, ZipCode: p.ZipCode, StreetName: p.StreetName, StreetNumber: p.StreetNumber}
		s.OrganizationType, s.Logo = p.OrganizationType, p.Logo
	}
	return s
}

// netherlands is the id of that country.
const netherlands = 528

// listedID makes a key the id of a source. It stays below 2^53, up to which every
// client's numbers are exact.
func listedID(key delivery.ProviderKey) int {
	h := sha256.Sum256([]byte(key))
	return FirstListedID + int(binary.BigEndian.Uint64(h[:])&(1<<40-1))
}

// readable makes a provider's technical name one for people: "test.huisarts.amsterdam"
// becomes "Test Huisarts Amsterdam".
func readable(provider string) string {
	parts := strings.FieldsFunc(provider, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, p := range parts {
		first, size := utf8.DecodeRuneInString(p)
		parts[i] = string(unicode.ToUpper(first)) + p[size:]
	}
	return strings.Join(parts, " ")
}
