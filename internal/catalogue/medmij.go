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

// medmijDataTypes has the type of the data that is sent to a service of MedMij, by the
// service's id.
var medmijDataTypes = map[string]string{
	"53": "measurements-vital-signs",
	"57": "documents",
	"60": "questionnaire-response",
}

// MedMijSource returns the source for a service of a MedMij provider that receives data.
// Each service is a source of its own, since a person's consent at the provider is for
// one service. key is the Provider of the source. The id of the source is computed from
// the key alone, so that it is the same on every server and after every start.
func MedMijSource(key delivery.ProviderKey, provider, serviceID, serviceName string, d Directory) Source {
	provider = strings.TrimSuffix(provider, "@medmij")
	s := Source{
		ID:        listedID(key),
		Name:      displayName(provider),
		Detail:    serviceName,
		Reference: provider + "~" + serviceID,
		Service:   Service{ID: ServiceMedMij},
		Countries: []wire.Country{{ID: countryNetherlands}},
		Push:      true,
		Status:    wire.Approved,
		Provider:  key,
		Version:   fhir.STU3,
	}
	if t, ok := medmijDataTypes[serviceID]; ok {
		s.DataTypes = []string{t}
	}
	if p, ok := d[provider]; ok {
		s.Name, s.Alias, s.Abbreviation, s.MedicalCenter, s.Practitioner = p.Name, p.Alias, p.Abbreviation,
			p.MedicalCenter, p.Practitioner
		s.Address = Address{City: p.City, ZipCode: p.ZipCode, StreetName: p.StreetName, StreetNumber: p.StreetNumber}
		s.OrganizationType, s.Logo = p.OrganizationType, p.Logo
	}
	return s
}

// countryNetherlands is the id of the Netherlands.
const countryNetherlands = 528

// listedID computes the id of a source from its key. The id is below 2^53, so that every
// client can represent it exactly.
func listedID(key delivery.ProviderKey) int {
	h := sha256.Sum256([]byte(key))
	return FirstListedID + int(binary.BigEndian.Uint64(h[:])&(1<<40-1))
}

// displayName makes a provider's technical name readable: "test.huisarts.amsterdam"
// becomes "Test Huisarts Amsterdam".
func displayName(provider string) string {
	parts := strings.FieldsFunc(provider, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, p := range parts {
		first, size := utf8.DecodeRuneInString(p)
		parts[i] = string(unicode.ToUpper(first)) + p[size:]
	}
	return strings.Join(parts, " ")
}
