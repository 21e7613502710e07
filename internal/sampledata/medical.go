package sampledata

// The types of medical objects. The first five ids are those of digi.me; the others are ours.
var (
	typePrescription = ObjectType{103, "prescription"}
	typeMedication   = ObjectType{104, "medication"}
	typeDiagnosis    = ObjectType{105, "diagnosis"}
	typeAllergy      = ObjectType{107, "allergy"}
	typeMeasurement  = ObjectType{111, "measurement"}
	typePatient      = ObjectType{900401, "patient"}
	typeLaboratory   = ObjectType{900402, "laboratoryresult"}
)

// medical is what a Dutch care provider has of a patient: resources of FHIR STU3 by the profiles of the zibs (2017),
// and two documents.
var medical = collection{
	id: "medical",
	types: []ObjectType{
		typePatient, typeMeasurement, typeMedication, typePrescription, typeAllergy, typeDiagnosis, typeLaboratory,
	},
	description: Text{
		"A grown-up with diabetes and high blood pressure: measurements of two years, medication, allergies, " +
			"problems, laboratory results, a letter and a picture",
		"Een volwassene met diabetes en hoge bloeddruk: metingen van twee jaar, medicijnen, allergieën, problemen, " +
			"uitslagen van het laboratorium, een brief en een afbeelding",
	},
	testDescription: Text{
		"The same person with the measurements of one month",
		"Dezelfde persoon met de metingen van één maand",
	},
	files: func(b *builder) []File {
		files := []File{b.list(typePatient, schemaFHIR, []any{patientResource()})}
		files = append(files, b.periods(typeMeasurement, schemaFHIR, b.measurements())...)
		statements, requests := b.medication()
		files = append(files,
			b.list(typeMedication, schemaFHIR, statements),
			b.list(typePrescription, schemaFHIR, requests),
			b.list(typeAllergy, schemaFHIR, b.allergies()),
			b.list(typeDiagnosis, schemaFHIR, b.problems()))
		files = append(files, b.periods(typeLaboratory, schemaFHIR, b.laboratory())...)
		return append(files, b.letter(), b.picture())
	},
}

func patientResource() object {
	return resource("Patient", patientID, "http://fhir.nl/fhir/StructureDefinition/nl-core-patient",
		personName+", geboren op 14 maart 1968", object{
			"active": true,
			"name": []any{object{
				"extension": []any{object{
					"url": "http://hl7.org/fhir/StructureDefinition/humanname-assembly-order", "valueCode": "NL1",
				}},
				"use": "official", "text": personName, "family": personFamily, "given": []any{personGiven},
			}},
			"gender":    "female",
			"_gender":   specified("http://hl7.org/fhir/v3/AdministrativeGender", "F", "Vrouw"),
			"birthDate": personBirth,
			"telecom": []any{
				object{"system": "email", "value": personUsername + "@example.org", "use": "home"},
			},
			"address": []any{object{
				"use": "home", "line": []any{"Voorbeeldstraat 1"}, "city": "Voorbeeldstad", "country": "NLD",
			}},
			"managingOrganization": object{"display": practiceName},
		})
}
