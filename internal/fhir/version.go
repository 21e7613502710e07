package fhir

// A Version is a version of FHIR. Its text is how it is stored and configured.
type Version string

// The versions that are supported.
const (
	STU3 Version = "3.0"
	R4   Version = "4.0"
)

// String returns the version's name.
func (v Version) String() string {
	switch v {
	case STU3:
		return "STU3"
	case R4:
		return "R4"
	}
	return "an unknown version"
}

// ParseVersion reads a version by its name or number. HL7's 3.0.1 and 3.0.2 are
// technical corrections of STU3 that do not change its structure.
func ParseVersion(s string) (Version, bool) {
	switch s {
	case "stu3", "STU3", "3.0", "3.0.0", "3.0.1", "3.0.2":
		return STU3, true
	case "r4", "R4", "4.0", "4.0.0", "4.0.1":
		return R4, true
	}
	return "", false
}
