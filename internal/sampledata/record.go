package sampledata

import "fmt"

// allergies returns the allergies and intolerances (zib AllergyIntolerance).
func (b *builder) allergies() (list []any) {
	for _, a := range []struct {
		id, code, name, category, kind, kindName  string
		criticality, severity                     string
		reactionCode, reaction, severityCode, how string
		since                                     int
	}{
		{
			id: "penicilline", code: "764146007", name: "Penicilline", category: "medication", kind: "419511003",
			kindName: "Medicijn", criticality: "high", severity: "moderate", severityCode: "6736007", how: "Matig",
			reactionCode: "271807003", reaction: "Exantheem", since: 4200,
		},
		{
			id: "pinda", code: "762952008", name: "Pinda", category: "food", kind: "418471000",
			kindName: "Voedsel", criticality: "low", severity: "mild", severityCode: "255604002", how: "Licht",
			reactionCode: "126485001", reaction: "Urticaria", since: 9000,
		},
	} {
		list = append(list, resource("AllergyIntolerance", "sample-allergy-"+a.id, profiles+"zib-AllergyIntolerance",
			fmt.Sprintf("Allergie voor %s: %s", a.name, a.reaction), object{
				"clinicalStatus":     "active",
				"_clinicalStatus":    specified("http://hl7.org/fhir/v3/ActStatus", "active", "Active"),
				"verificationStatus": "confirmed",
				"type":               "allergy",
				"category":           []any{a.category},
				"_category":          []any{specified(snomed, a.kind, a.kindName)},
				"criticality":        a.criticality,
				"code":               concept(snomed, a.code, a.name),
				"patient":            patient(),
				"onsetDateTime":      date(b.consultation(a.since)),
				"reaction": []any{object{
					"manifestation": []any{concept(snomed, a.reactionCode, a.reaction)},
					"severity":      a.severity,
					"_severity":     specified(snomed, a.severityCode, a.how),
				}},
			}))
	}
	return list[:b.pick(len(list), 1)]
}

// problems returns the problems (zib Problem).
func (b *builder) problems() (list []any) {
	for _, p := range []struct {
		id, code, name string
		began, ended   int // ages; ended is 0 if it lasts
	}{
		{id: "diabetes", code: "44054006", name: "Diabetes mellitus type 2", began: 1465},
		{id: "hypertensie", code: "38341003", name: "Hypertensie", began: 1102},
		{id: "artrose", code: "239873007", name: "Artrose van knie", began: 400},
		{id: "enkel", code: "44465007", name: "Verstuiking van enkel", began: 820, ended: 770},
	} {
		status, code, name := "active", "55561003", "Actueel"
		members := object{
			"verificationStatus":  "confirmed",
			"_verificationStatus": specified(snomed, "410605003", "Bevestigd"),
			"category":            []any{concept(snomed, "282291009", "Diagnose")},
			"code":                concept(snomed, p.code, p.name),
			"subject":             patient(),
			"onsetDateTime":       date(b.consultation(p.began)),
			"assertedDate":        date(b.consultation(p.began)),
			"asserter":            object{"display": doctorName},
		}
		if p.ended > 0 {
			status, code, name = "inactive", "73425007", "Niet actueel"
			members["abatementDateTime"] = date(b.consultation(p.ended))
		}
		members["clinicalStatus"] = status
		members["_clinicalStatus"] = specified(snomed, code, name)
		list = append(list, resource("Condition", "sample-problem-"+p.id, profiles+"zib-Problem",
			fmt.Sprintf("%s, sinds %s", p.name, written(b.consultation(p.began))), members))
	}
	return list[:b.pick(len(list), 2)]
}

// laboratoryCategory is the category of results of a laboratory.
var laboratoryCategory = concept(snomed, "49581000146104", "Bevinding betreffende laboratoriumonderzoek")

// determinations are what the laboratory determines, with the results of each year, newest first.
var determinations = []struct {
	id, code, name, display, unit, unitCode string
	low, high                               float64 // 0 if there is no such limit
	values                                  [2]float64
}{
	{
		id: "hba1c", code: "59261-8", name: "HbA1c", unit: "mmol/mol", unitCode: "mmol/mol", high: 53,
		display: "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol", values: [2]float64{51, 56},
	},
	{
		id: "glucose-nuchter", code: "14749-6", name: "Glucose", unit: "mmol/L", unitCode: "mmol/L", low: 4, high: 6.1,
		display: "Glucose [Moles/volume] in Serum or Plasma", values: [2]float64{6.8, 7.4},
	},
	{
		id: "cholesterol", code: "14647-2", name: "Cholesterol totaal", unit: "mmol/L", unitCode: "mmol/L", high: 6.5,
		display: "Cholesterol [Moles/volume] in Serum or Plasma", values: [2]float64{4.6, 5.3},
	},
	{
		id: "hdl", code: "14646-4", name: "HDL-cholesterol", unit: "mmol/L", unitCode: "mmol/L", low: 1.1,
		display: "Cholesterol in HDL [Moles/volume] in Serum or Plasma", values: [2]float64{1.4, 1.3},
	},
	{
		id: "ldl", code: "22748-8", name: "LDL-cholesterol", unit: "mmol/L", unitCode: "mmol/L", high: 2.6,
		display: "Cholesterol in LDL [Moles/volume] in Serum or Plasma", values: [2]float64{2.5, 3.2},
	},
	{
		id: "kreatinine", code: "14682-9", name: "Kreatinine", unit: "µmol/L", unitCode: "umol/L", low: 50, high: 90,
		display: "Creatinine [Moles/volume] in Serum or Plasma", values: [2]float64{72, 70},
	},
}

// laboratory returns the reports of the laboratory, each followed by its results (zib LaboratoryTestResult).
func (b *builder) laboratory() (items []item) {
	for i, age := range []int{40, 405}[:b.pick(2, 1)] {
		at := b.day(age, 8, 15)
		var results []item
		var references []any
		for _, d := range determinations {
			id, value := "sample-lab-"+d.id+"-"+serial(i), d.values[i]
			references = append(references, object{"reference": "Observation/" + id})
			limits := object{"type": concept("http://hl7.org/fhir/referencerange-meaning", "normal", "Normal Range")}
			if d.low > 0 {
				limits["low"] = quantity(d.low, d.unit, d.unitCode)
			}
			if d.high > 0 {
				limits["high"] = quantity(d.high, d.unit, d.unitCode)
			}
			code := concept(loinc, d.code, d.display)
			code["text"] = d.name
			members := object{
				"status":            "final",
				"category":          []any{laboratoryCategory},
				"code":              code,
				"subject":           patient(),
				"effectiveDateTime": dateTime(at),
				"issued":            dateTime(b.day(age-1, 16, 0)),
				"performer":         []any{object{"display": hospitalName + ", laboratorium"}},
				"valueQuantity":     quantity(value, d.unit, d.unitCode),
				"referenceRange":    []any{limits},
			}
			if d.high > 0 && value > d.high {
				members["interpretation"] = concept("http://hl7.org/fhir/v2/0078", "H", "High")
			}
			results = append(results, item{at, age, resource("Observation", id,
				profiles+"zib-LaboratoryTestResult-Observation",
				d.name+": "+decimal(value)+" "+d.unit, members)})
		}
		report := resource("DiagnosticReport", "sample-lab-report-"+serial(i),
			profiles+"zib-LaboratoryTestResult-DiagnosticReport",
			"Bloedonderzoek, jaarcontrole diabetes, "+written(at), object{
				"status":            "final",
				"category":          concept(snomed, "4241000179101", "Laboratoriumverslag"),
				"code":              concept(loinc, "11502-2", "Laboratory report"),
				"subject":           patient(),
				"effectiveDateTime": dateTime(at),
				"issued":            dateTime(b.day(age-1, 16, 0)),
				"performer":         []any{object{"actor": object{"display": hospitalName + ", laboratorium"}}},
				"result":            references,
			})
		items = append(append(items, item{at, age, report}), results...)
	}
	return items
}
