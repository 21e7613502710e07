package sampledata

import "fmt"

// medicines are the medicines that the person takes or has taken.
var medicines = []struct {
	id, atc, substance, product string
	started, days               int // age of the start; days is 0 if it is still taken
	frequency                   int // times a day
	dose                        int // pieces
	asNeeded                    bool
	reason, text                string
}{
	{
		id: "metformine", atc: "A10BA02", substance: "metformine", product: "Metformine tablet 500 mg", started: 1460,
		frequency: 2, dose: 1, reason: "Diabetes mellitus type 2", text: "2 maal per dag 1 tablet, bij de maaltijd",
	},
	{
		id: "lisinopril", atc: "C09AA03", substance: "lisinopril", product: "Lisinopril tablet 10 mg", started: 1100,
		frequency: 1, dose: 1, reason: "Hypertensie", text: "1 maal per dag 1 tablet, 's ochtends",
	},
	{
		id: "simvastatine", atc: "C10AA01", substance: "simvastatine", product: "Simvastatine tablet 40 mg",
		started: 720, frequency: 1, dose: 1, reason: "Verhoogd cholesterol",
		text: "1 maal per dag 1 tablet, 's avonds",
	},
	{
		id: "paracetamol", atc: "N02BE01", substance: "paracetamol", product: "Paracetamol tablet 500 mg",
		started: 203, days: 5, frequency: 3, dose: 2, asNeeded: true, reason: "Koorts",
		text: "Zo nodig 3 maal per dag 2 tabletten, 5 dagen",
	},
}

// medication returns what the person takes (zib MedicationUse) and what was agreed on (zib MedicationAgreement).
func (b *builder) medication() (statements, requests []any) {
	for _, m := range medicines[:b.pick(len(medicines), 2)] {
		start, status, stopped := b.consultation(m.started), "active", object{"start": date(b.consultation(m.started))}
		if m.days > 0 {
			status, stopped["end"] = "completed", date(b.consultation(m.started-m.days))
		}
		treatment := object{
			"url":             profiles + "zib-Medication-MedicationTreatment",
			"valueIdentifier": object{"system": "urn:oid:2.999.900401", "value": "sample-treatment-" + m.id},
		}
		product := []any{object{
			"resourceType": "Medication", "id": "product",
			"meta": object{"profile": []any{profiles + "zib-Product"}},
			"code": object{"coding": []any{coding(atc, m.atc, m.substance)}, "text": m.product},
		}}
		dosage := object{
			"sequence": 1, "text": m.text,
			"timing": object{"repeat": object{"frequency": m.frequency, "period": 1, "periodUnit": "d"}},
			"route":  concept(gRoute, "9", "Oraal"),
			"doseQuantity": object{
				"value": m.dose, "unit": "Stuk", "system": gUnit, "code": "245",
			},
		}
		if m.asNeeded {
			dosage["asNeededCodeableConcept"] = concept(
				"https://referentiemodel.nhg.org/tabellen/nhg-tabel-25-gebruiksvoorschrift#aanvullend-numeriek",
				"1137", "Zo nodig")
		}
		reference := object{"reference": "#product", "display": m.product}
		agreement := "sample-agreement-" + m.id
		statements = append(statements, resource("MedicationStatement", "sample-use-"+m.id,
			profiles+"zib-MedicationUse", m.product+": "+m.text, object{
				"contained": product,
				"extension": []any{
					object{"url": profiles + "zib-MedicationUse-AsAgreedIndicator", "valueBoolean": true}, treatment,
				},
				"status": status,
				"category": concept("urn:oid:2.16.840.1.113883.2.4.3.11.60.20.77.5.3", "6",
					"Medicatiegebruik"),
				"medicationReference": reference,
				"effectivePeriod":     stopped,
				"dateAsserted":        dateTime(start),
				"informationSource":   patient(),
				"subject":             patient(),
				"derivedFrom":         []any{object{"reference": "MedicationRequest/" + agreement}},
				"taken":               "y",
				"reasonCode":          []any{object{"text": m.reason}},
				"dosage":              []any{dosage},
			}))
		requests = append(requests, resource("MedicationRequest", agreement, profiles+"zib-MedicationAgreement",
			fmt.Sprintf("%s, afgesproken op %s: %s", m.product, written(start), m.text), object{
				"contained": product,
				"extension": []any{
					treatment, object{"url": profiles + "zib-Medication-PeriodOfUse", "valuePeriod": stopped},
				},
				"status":              status,
				"intent":              "order",
				"category":            concept(snomed, "16076005", "Voorschrijven"),
				"medicationReference": reference,
				"subject":             patient(),
				"authoredOn":          dateTime(start),
				"requester":           object{"agent": object{"display": doctorName}},
				"reasonCode":          []any{object{"text": m.reason}},
				"dosageInstruction":   []any{dosage},
			}))
	}
	return statements, requests
}
