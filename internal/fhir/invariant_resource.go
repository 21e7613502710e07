package fhir

import "slices"

// stu3Invariants returns the invariants of STU3 that are checked. docs/fhir.md says
// which are left out, and why.
func stu3Invariants() []invariant {
	return slices.Concat(datatypeInvariants(), clinicalInvariants(), administrativeInvariants(), definitionInvariants())
}

func clinicalInvariants() []invariant {
	return []invariant{
		{"obs-3", "", "must have a low, a high or a text", anyOf("low", "high", "text")},
		{"obs-6", "dataAbsentReason", "must not stand beside a value", func(v view) bool {
			return !v.has("dataAbsentReason") || !v.hasChoice("value")
		}},
		{"obs-7", "", "must have no value, since a component has the same code", func(v view) bool {
			if !v.hasChoice("value") {
				return true
			}
			code, ok := v.child("code")
			if !ok {
				return true
			}
			for part := range v.each("component") {
				if other, ok := part.child("code"); ok && sameCode(code, other) {
					return false
				}
			}
			return true
		}},
		{"ait-1", "clinicalStatus", "is required unless verificationStatus is entered-in-error", func(v view) bool {
			return v.is("verificationStatus", "entered-in-error") || v.has("clinicalStatus")
		}},
		{"ait-2", "clinicalStatus", "must be left out if verificationStatus is entered-in-error", func(v view) bool {
			return !v.is("verificationStatus", "entered-in-error") || !v.has("clinicalStatus")
		}},
		{"con-1", "", "must have a summary or an assessment", anyOf("summary", "assessment")},
		{"con-2", "", "must have a code or a detail", anyOf("code", "detail")},
		{"con-3", "clinicalStatus", "is required unless verificationStatus is entered-in-error", func(v view) bool {
			return v.is("verificationStatus", "entered-in-error") || v.has("clinicalStatus")
		}},
		{"pro-1", "notDoneReason", "is only for what was not done (notDone)", func(v view) bool {
			return !v.has("notDoneReason") || v.isTrue("notDone")
		}},
		{"com-1", "notDoneReason", "is only for what was not done (notDone)", func(v view) bool {
			return !v.has("notDoneReason") || v.isTrue("notDone")
		}},
		{"fhs-1", "", "must not have both an age and a birth", func(v view) bool {
			return !v.hasChoice("age") || !v.hasChoice("born")
		}},
		{"fhs-2", "estimatedAge", "is only for an age", func(v view) bool {
			return !v.has("estimatedAge") || v.hasChoice("age")
		}},
		{"fhs-3", "notDoneReason", "is only for what was not done (notDone)", func(v view) bool {
			return !v.has("notDoneReason") || v.isTrue("notDone")
		}},
		{"gol-1", "measure", "is required beside a detail", func(v view) bool {
			return !v.hasChoice("detail") || v.has("measure")
		}},
		{"imm-1", "", "was not given, so it must have neither a reaction nor a reason", func(v view) bool {
			why, _ := v.child("explanation")
			return !v.isTrue("notGiven") || !v.has("reaction") && !why.hasIn("reason")
		}},
		{"imm-2", "", "was given, so it must have no reason why not", func(v view) bool {
			why, _ := v.child("explanation")
			return v.isTrue("notGiven") || !why.hasIn("reasonNotGiven")
		}},
		{"imr-1", "", "must have a vaccineCode or a targetDisease", anyOf("vaccineCode", "targetDisease")},
		{"mad-1", "", "must have a dose or a rate", func(v view) bool {
			return v.has("dose") || v.hasChoice("rate")
		}},
		{"mad-2", "reasonNotGiven", "is only for what was not given (notGiven)", func(v view) bool {
			return !v.has("reasonNotGiven") || v.isTrue("notGiven")
		}},
		{"mad-3", "reasonCode", "is only for what was given", func(v view) bool {
			return !v.has("reasonCode") || !v.isTrue("notGiven")
		}},
		{"mdd-1", "whenHandedOver", "is before whenPrepared", func(v view) bool {
			prepared, ok := v.dateTime("whenPrepared")
			handed, ok2 := v.dateTime("whenHandedOver")
			return !ok || !ok2 || !prepared.after(handed)
		}},
		{"mst-1", "reasonNotTaken", "is only for what was not taken (taken is n)", func(v view) bool {
			return !v.has("reasonNotTaken") || v.is("taken", "n")
		}},
		{"cpl-3", "", "must not have both a detail and a reference", notBoth("detail", "reference")},
		{"ras-2", "", "has a probability above 100", func(v view) bool {
			n, ok := v.number("probabilityDecimal")
			return !ok || n <= 100
		}},
		{"qrs-1", "item", "must stand in answer, since there is one", notBoth("answer", "item")},
		{"mda-1", "height", "is only for a photo or a video", notForType("height", "audio")},
		{"mda-2", "width", "is only for a photo or a video", notForType("width", "audio")},
		{"mda-3", "frames", "is only for a photo", func(v view) bool {
			return !v.has("frames") || v.is("type", "photo")
		}},
		{"mda-4", "duration", "is only for audio or a video", notForType("duration", "photo")},
	}
}

func administrativeInvariants() []invariant {
	return []invariant{
		{"app-1", "", "must have a type or an actor", anyOf("type", "actor")},
		{"app-2", "", "must have both start and end, or neither", func(v view) bool {
			return v.has("start") == v.has("end")
		}},
		{"app-3", "", "must have start and end, unless it is proposed or cancelled", func(v view) bool {
			return v.count("start", "end") == 2 || v.is("status", "proposed", "cancelled")
		}},
		{"apr-1", "", "must have a participantType or an actor", anyOf("participantType", "actor")},
		{"cmp-1", "", "must have a text, entries or sections", anyOf("text", "entry", "section")},
		{"cmp-2", "emptyReason", "must not stand beside entries", notBoth("emptyReason", "entry")},
		{"ppc-1", "", "must have a policy or a policyRule", anyOf("policy", "policyRule")},
		{"grp-1", "member", "is only for a group that is actual", func(v view) bool {
			return !v.has("member") || v.isTrue("actual")
		}},
		{"lst-1", "emptyReason", "must not stand beside entries", notBoth("emptyReason", "entry")},
		{"lst-2", "", "has an entry that is deleted, which only a list of changes has", func(v view) bool {
			if v.is("mode", "changes") {
				return true
			}
			for e := range v.each("entry") {
				if e.has("deleted") {
					return false
				}
			}
			return true
		}},
		{"lnk-1", "item", "must have at least two items", func(v view) bool {
			n := 0
			for range v.each("item") {
				n++
			}
			return n != 1
		}},
		{"org-1", "", "must have an identifier or a name", anyOf("identifier", "name")},
		{"pat-1", "", "must have a name, telecom, address or organization",
			anyOf("name", "telecom", "address", "organization")},
		{"sev-1", "", "must not have both a name and a query", notBoth("name", "query")},
		{"inv-1@Parameters.parameter", "", "must have one of value, resource and part", func(v view) bool {
			n := v.count("part", "resource")
			if v.hasChoice("value") {
				n++
			}
			return n == 1
		}},
		{"inv-1@Task", "lastModified", "is before authoredOn", func(v view) bool {
			written, ok := v.dateTime("authoredOn")
			modified, ok2 := v.dateTime("lastModified")
			return !ok || !ok2 || !written.after(modified)
		}},
		{"rqg-1", "", "must have either a resource or actions", func(v view) bool {
			return v.has("resource") != v.has("action")
		}},
	}
}

func definitionInvariants() []invariant {
	return []invariant{
		{"que-1", "item", "is required of a group, and must be left out of a display", func(v view) bool {
			return !(v.is("type", "group") && !v.has("item")) && !(v.is("type", "display") && v.has("item"))
		}},
		{"que-2", "", "has two items with the same linkId", func(v view) bool {
			seen := map[string]bool{}
			for m := range v.descendants("linkId") {
				id := string(v.c.doc.text(m))
				if seen[id] && id != "" {
					return false
				}
				seen[id] = true
			}
			return true
		}},
		{"que-3", "code", "must be left out of a display", notForType("code", "display")},
		{"que-4", "", "must not have both option and options", notBoth("option", "options")},
		{"que-5", "", "must have no options, since it is no choice", func(v view) bool {
			return v.is("type", "choice", "open-choice") || !v.hasAny("option", "options")
		}},
		{"que-6", "", "must have neither required nor repeats, since it is a display", func(v view) bool {
			return !v.is("type", "display") || !v.hasAny("required", "repeats")
		}},
		{"que-7", "", "must have either an answer or hasAnswer", func(v view) bool {
			return v.has("hasAnswer") != v.hasChoice("answer")
		}},
		{"que-8", "", "must have no initial value, since it is a group or a display", func(v view) bool {
			return !v.is("type", "group", "display") || !v.hasChoice("initial")
		}},
		{"que-9", "readOnly", "must be left out of a display", notForType("readOnly", "display")},
		{"que-10", "maxLength", "is only for simple questions", func(v view) bool {
			return !v.has("maxLength") || v.is("type", "boolean", "decimal", "integer", "string", "text", "url")
		}},
		{"vsd-1", "", "must have a system or a valueSet", anyOf("system", "valueSet")},
		{"vsd-2", "system", "is required beside concepts or filters", func(v view) bool {
			return !v.hasAny("concept", "filter") || v.has("system")
		}},
		{"vsd-3", "", "must not have both concepts and filters", notBoth("concept", "filter")},
		{"vsd-5", "", "must have a compose or an expansion", anyOf("compose", "expansion")},
		{"vsd-6", "", "must have a code or a display", anyOf("code", "display")},
		{"vsd-10", "system", "is required beside a code", requires("code", "system")},
		{"opd-1", "", "must have a type or parts", anyOf("type", "part")},
		{"sdf-6", "", "must have a differential or a snapshot", anyOf("differential", "snapshot")},
		{"spd-1", "xpathUsage", "is required beside an xpath", requires("xpath", "xpathUsage")},
		{"cpb-1", "", "must have rest, messaging or document", anyOf("rest", "messaging", "document")},
		{"cpb-2", "", "must have a description, software or an implementation",
			anyOf("description", "software", "implementation")},
	}
}

// notForType returns the condition that an element is absent if type has a certain value.
func notForType(name, typ string) func(view) bool {
	return func(v view) bool { return !v.has(name) || !v.is("type", typ) }
}

// hasIn is like has, for a view that may be zero because the element is missing.
func (v view) hasIn(name string) bool {
	return v.c != nil && v.i != 0 && v.has(name)
}

// sameCode reports whether two CodeableConcepts have the same codings, and at least one.
// It returns false if there are more than maxCodings, since the comparison takes
// quadratic time.
func sameCode(a, b view) bool {
	const maxCodings = 64
	n, m := 0, 0
	for range b.each("coding") {
		if m++; m > maxCodings {
			return false
		}
	}
	for x := range a.each("coding") {
		if n++; n > maxCodings {
			return false
		}
		found := false
		for y := range b.each("coding") {
			if x.text("system") == y.text("system") && x.text("code") == y.text("code") && x.text("code") != "" {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return n > 0 && n == m
}
