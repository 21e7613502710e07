package catalogue

// DataTypes are the kinds of data that an application may restrict the choice of
// sources to.
var DataTypes = []string{
	"medication-information", "laboratory-results", "appointments", "patient-summary-hospital-data", "gp-data",
	"mental-health-patient-summary", "documents", "measurements-vital-signs", "allergy-intolerances", "images",
	"medication-related-intolerances", "referral-to-questionnaire", "questionnaire-response",
	"longterm-healthcare-patient-summary", "patient-corrections-request", "vaccinations", "integral-birth-care-process",
}

// OrganizationTypes are the kinds of organisation that an application may restrict the
// choice of sources to.
var OrganizationTypes = []string{
	"general-practitioner", "health-center", "hospital", "private-treatment-center", "specialist-centre",
	"radiotherapy-center", "dialysis-center", "obstetrics-and-maternity-care", "mental-health-care",
	"youth-health-care", "psychology-and-psychotherapy", "nursing-and-care-homes-and-home-care",
	"disability-care", "mentally-disabled-care", "daycare-centers", "rehabilitation-center", "pharmacy",
	"audiological-center", "medical-aids", "physiotherapy", "protected-and-supported-living", "dentist",
	"ambulance", "health-insurers",
}
