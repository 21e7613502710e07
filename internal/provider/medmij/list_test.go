package medmij

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/provider"
)

// strictReader reads lists without loopback hosts, as a real server publishes them.
var strictReader = listReader{}

func sampleService() testService {
	return testService{
		name: "umcharderwijk", id: "53", version: "1.4.0",
		authorization: "https://medmij.za982.xisbridge.net/oauth/authorize",
		token:         "https://medmij.xisbridge.net:8443/oauth/token",
		roles:         []string{"LAB-1.1-LRB-FHIR", "https://medmij.za982.xisbridge.net/fhir"},
	}
}

func TestReadZAL(t *testing.T) {
	for release, text := range map[string]string{
		"2": zal2XML(6, sampleService()), "3": zal3XML(6, sampleService()),
	} {
		t.Run("release "+release, func(t *testing.T) {
			l, err := strictReader.read(nameZAL, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			z := l.(*zalList)
			if z.Number != 6 || !z.At.Equal(time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC)) || len(z.providers) != 1 {
				t.Fatalf("%+v", z)
			}
			s := z.providers[0].services[0]
			if z.providers[0].name != "umcharderwijk" || s.id != "53" ||
				s.authorization != sampleService().authorization || s.token != sampleService().token ||
				len(s.roles) != 1 ||
				s.roles[0] != (zalRole{"LAB-1.1-LRB-FHIR", "https://medmij.za982.xisbridge.net/fhir"}) {
				t.Errorf("%+v", z.providers[0])
			}
		})
	}
}

func TestReadOCL(t *testing.T) {
	o, err := strictReader.read(nameOCL, []byte(oclXML(522, testClientID, "pgo68.example.net")))
	if err != nil || o.number() != 522 || o.(*oclList).names[testClientID] != "De Enige Echte" ||
		len(o.(*oclList).names) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestReadWHL(t *testing.T) {
	w, err := strictReader.read(nameWHL, []byte(whlXML(7, "rcf-rso.nl", "medmij.xisbridge.net")))
	if err != nil || !w.(*whlList).hosts["rcf-rso.nl"] || !w.(*whlList).hosts["medmij.xisbridge.net"] ||
		len(w.(*whlList).hosts) != 2 {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestReadGNL(t *testing.T) {
	g, err := strictReader.read(nameGNL,
		[]byte(gnlXML(28800, "53", "Meetwaarden vitale functies", "900000407", "Iets nieuws")))
	if err != nil || g.(*gnlList).names["900000407"] != "Iets nieuws" || len(g.(*gnlList).names) != 2 {
		t.Errorf("%+v, %v", g, err)
	}
}

// An empty list is a list too. None is read as another.
func TestReadEmptyLists(t *testing.T) {
	for _, text := range []string{zal2XML(1), oclXML(1), whlXML(1), gnlXML(1)} {
		for _, name := range listNames {
			_, err := strictReader.read(name, []byte(text))
			if ok := strings.Contains(text, "</"+string(name)+">"); ok != (err == nil) {
				t.Errorf("%s as %s: %v", text[:60], name, err)
			}
		}
	}
}

// refusedList is a valid list in which one thing is changed, and what the error then contains.
type refusedList struct{ what, list, from, to, want string }

// checkRefused checks that each of the lists is refused.
func checkRefused(t *testing.T, lists []refusedList) {
	for _, tt := range lists {
		t.Run(tt.what, func(t *testing.T) {
			if !strings.Contains(tt.list, tt.from) {
				t.Fatalf("the list has no %q", tt.from)
			}
			text := strings.ReplaceAll(tt.list, tt.from, tt.to)
			if strings.HasPrefix(tt.from, "</") { // the last one of its kind
				i := strings.LastIndex(tt.list, tt.from)
				text = tt.list[:i] + tt.to + tt.list[i+len(tt.from):]
			}
			var name listName
			for _, n := range listNames {
				if strings.Contains(tt.list, "</"+string(n)+">") {
					name = n
				}
			}
			_, err := strictReader.read(name, []byte(text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestRefusedXML(t *testing.T) {
	zal := zal2XML(6, sampleService())
	checkRefused(t, []refusedList{
		{"nothing", zal, zal, "", "ends too early"},
		{"no XML", zal, zal, "<html><body>Storing</body></html>", `the root is "html"`},
		{"another list", zal, "Zorgaanbiederslijst", "Whitelist", `the root is "Whitelist"`},
		{"cut", zal, "</Zorgaanbiederslijst>", "", "unexpected EOF"},
		{"more", zal, "</Zorgaanbiederslijst>", "</Zorgaanbiederslijst><x/>", "something after the root"},
		{"more text", zal, "</Zorgaanbiederslijst>", "</Zorgaanbiederslijst>x", "text where only"},
		{"broken after", zal, "</Zorgaanbiederslijst>", "</Zorgaanbiederslijst></x>", "after the root"},
		{"unclosed", zal, "</Zorgaanbieder>", "", "not well-formed"},
		{"an unknown release", zal, "release2/", "release9/", "none of the known releases"},
		{"no namespace", zal, "xmlns=", "xmlns:y=", "none of the known releases"},
		{"a child of another", zal, "<Zorgaanbieders>", `<Zorgaanbieders xmlns="x">`, "another namespace"},
		{"an attribute", zal, "<Zorgaanbieder>", `<Zorgaanbieder x="y">`, "an attribute"},
		{"an attribute of the root", zal, "<Zorgaanbiederslijst ", `<Zorgaanbiederslijst x="y" `, "an attribute"},
		{"an attribute of a leaf", zal, "<Volgnummer>", `<Volgnummer x="y">`, "an attribute"},
		{"a document type", zal, "<!--File version: 5-->", `<!DOCTYPE x [<!ENTITY a "b">]>`, "a document type"},
		{"an entity", zal, "umcharderwijk", "umc&a;", "not well-formed"},
		{"an instruction", zal, "<Zorgaanbieders>", "<Zorgaanbieders><?php x?>", "a processing instruction"},
		{"an instruction first", zal, "<!--File version: 5-->", `<?xml-stylesheet href="x"?>`,
			"a processing instruction"},
		{"another encoding", zal, "UTF-8", "ISO-8859-1", "encoding"},
		{"another version", zal, `version="1.0"`, `version="1.1"`, "version"},
		{"no UTF-8", zal, "umcharderwijk", "umc\xff", "not well-formed"},
		{"text between", zal, "<Zorgaanbieders>", "<Zorgaanbieders>x", "text where only"},
	})
}

// The number and the time stand in every list.
func TestRefusedNumber(t *testing.T) {
	zal := zal2XML(6, sampleService())
	const stamp, number = "<Tijdstempel>2026-02-01T10:00:00Z</Tijdstempel>", "<Volgnummer>6</Volgnummer>"
	checkRefused(t, []refusedList{
		{"an element too many", zal, number, number + "<Extra/>", `"Extra" where Zorgaanbieders must come`},
		{"an element twice", zal, number, number + number, "second Volgnummer"},
		{"the order", zal, stamp + number, number + stamp, `"Volgnummer" where Tijdstempel must come`},
		{"no Volgnummer", zal, number, "", `where Volgnummer must come`},
		{"no Tijdstempel", zal, stamp, "", `where Tijdstempel must come`},
		{"Volgnummer zero", zal, ">6<", ">0<", "not a positive number"},
		{"Volgnummer negative", zal, ">6<", ">-6<", "not a positive number"},
		{"Volgnummer huge", zal, ">6<", ">99999999999999999999<", "not a positive number"},
		{"Volgnummer a word", zal, ">6<", ">zes<", "not a positive number"},
		{"Volgnummer empty", zal, ">6<", "><", "not a positive number"},
		{"Tijdstempel short", zal, "2026-02-01T10:00:00Z", "2026-02-01T10:00:00", "at least 20"},
		{"Tijdstempel nonsense", zal, "2026-02-01T10:00:00Z", "2026-02-31T10:00:00Z", "not a date"},
		{"an element in a leaf", zal, ">6<", "><x/>6<", `"x" is not expected here`},
		{"a long text", zal, "umcharderwijk", strings.Repeat("a", 5000), "too long"},
	})
}

func TestRefusedZAL(t *testing.T) {
	zal := zal2XML(6, sampleService())
	checkRefused(t, []refusedList{
		{"no providers", zal, "<Zorgaanbieders>", "<Zorgaanbieders/><x>", `"x" is not expected here`},
		{"a name in capitals", zal, "umcharderwijk", "UMC", "lower-case"},
		{"a name with a tilde", zal, "umcharderwijk", "umc~53", "lower-case"},
		{"a name with a space", zal, "umcharderwijk", "umc harderwijk", "lower-case"},
		{"a short name", zal, "umcharderwijk", "um", "10 to 57"},
		{"a long name", zal, "umcharderwijk", strings.Repeat("a", 51), "10 to 57"},
		{"a name without @medmij", zal, "umcharderwijk@medmij", "umcharderwijk", "@medmij"},
		{"an id that is long", zal, ">53<", ">" + strings.Repeat("5", 31) + "<", "1 to 30"},
		{"an id with a space", zal, ">53<", ">5 3<", "1 to 30"},
		{"an id with a tilde", zal, ">53<", ">5~3<", "1 to 30"},
		{"an empty id", zal, ">53<", "><", "1 to 30"},
		{"http", zal, "https://medmij.za982.xisbridge.net/oauth", "http://medmij.za982.xisbridge.net/oauth",
			"not an https address"},
		{"a port in front", zal, "xisbridge.net/oauth/authorize", "xisbridge.net:443/oauth/authorize", "with a port"},
		{"a bad port", zal, ":8443", ":99999", "bad port"},
		{"an empty port", zal, ":8443", ":", "bad port"},
		{"a query", zal, "/oauth/authorize", "/oauth/authorize?a=b", "more than host and path"},
		{"an empty query", zal, "/oauth/authorize", "/oauth/authorize?", "more than host and path"},
		{"a fragment", zal, "/oauth/authorize", "/oauth/authorize#", "more than host and path"},
		{"a user", zal, "https://medmij.za982", "https://a:b@medmij.za982", "more than host and path"},
		{"a host in capitals", zal, "https://medmij.za982", "https://Medmij.za982", "not a host name"},
		{"a host alone", zal, "medmij.xisbridge.net:8443", "medmij:8443", "not a host name"},
		{"this machine", zal, "medmij.xisbridge.net:8443", "localhost:8443", "not a host name"},
		{"this machine's number", zal, "medmij.xisbridge.net:8443", "127.0.0.1:8443", "not a host name"},
		{"no address", zal, "https://medmij.xisbridge.net:8443/oauth/token", "https://%zz/", "not an address"},
		{"no endpoint", zal, "<TokenEndpoint>", "<TokenEndpunt>", "where TokenEndpoint must come"},
		{"no services", zal, zal[strings.Index(zal, "<Gegevensdienst>"):strings.Index(zal, "</Gegevensdiensten>")], "",
			"Gegevensdienst is missing"},
		{"no roles", zal, zal[strings.Index(zal, "<Systeemrol>"):strings.Index(zal, "</Systeemrollen>")], "",
			"Systeemrol is missing"},
		{"a provider twice", zal, "</Zorgaanbieders>",
			zal[strings.Index(zal, "<Zorgaanbieder>"):strings.Index(zal, "</Zorgaanbieders>")] + "</Zorgaanbieders>",
			"occurs twice"},
		{"a service twice", zal, "</Gegevensdiensten>", sampleService().xml() + "</Gegevensdiensten>", "occurs twice"},
		{"a role twice", zal, "</Systeemrol>",
			zal[strings.Index(zal, "</Systeemrol>"):strings.Index(zal, "</Systeemrollen>")] +
				zal[strings.Index(zal, "<Systeemrol>"):strings.Index(zal, "</Systeemrollen>")], "occurs twice"},
	})
}

// Release 3 of the ZAL has more elements.
func TestRefusedZAL3(t *testing.T) {
	zal, zal3 := zal2XML(6, sampleService()), zal3XML(6, sampleService())
	checkRefused(t, []refusedList{
		{"a type of provider in release 2", zal, "@medmij</Zorgaanbiedernaam>",
			"@medmij</Zorgaanbiedernaam><Aanbiedertype>ZA</Aanbiedertype>", "where Gegevensdiensten must come"},
		{"an unknown type of provider", zal3, ">ZA<", ">XY<", "not ZA"},
		{"no type of provider", zal3, "<Aanbiedertype>ZA</Aanbiedertype>", "", "where Aanbiedertype must come"},
		{"no version", zal3, "<InterfaceversieId>1.4.0</InterfaceversieId>", "", "where InterfaceversieId must come"},
		{"a version that is none", zal3, "1.4.0", "new", "not a version"},
		{"a bad subscription", zal3, "https://sub.example/s", "sub", "not an https address"},
		{"two subscriptions", zal3, "</Abonneren>", "</Abonneren><Abonneren/>", "a second Abonneren"},
	})
}

func TestRefusedOtherLists(t *testing.T) {
	ocl := oclXML(6, testClientID, "b.example.nl")
	whl, gnl := whlXML(6, "rcf-rso.nl", "b.example.nl"), gnlXML(6, "53", "Meetwaarden", "57", "Documenten")
	checkRefused(t, []refusedList{
		{"a client twice", ocl, "b.example.nl", testClientID, "occurs twice"},
		{"a client's host", ocl, testClientID, "Example.nl", "not a host name"},
		{"a client's short name", ocl, "De Enige Echte", "De", "3 to 50"},
		{"a client's long name", ocl, "De Enige Echte", strings.Repeat("é", 51), "3 to 50"},
		{"a client's blank name", ocl, "De Enige Echte", "    ", "3 to 50"},
		{"a client without a name", ocl, "<OAuthclientOrganisatienaam>De Enige Echte</OAuthclientOrganisatienaam>", "",
			"is missing"},
		{"a host twice", whl, "b.example.nl", "rcf-rso.nl", "occurs twice"},
		{"a host and a port", whl, "rcf-rso.nl", "rcf-rso.nl:443", "not a host name"},
		{"a host with a star", whl, "rcf-rso.nl", "*.nl", "not a host name"},
		{"a host with space", whl, "rcf-rso.nl", " rcf-rso.nl ", "not a host name"},
		{"an empty node", whl, "rcf-rso.nl", "", "not a host name"},
		{"two hosts in a node", whl, "<Hostname>b.example.nl</Hostname>",
			"<Hostname>b.example.nl</Hostname><Hostname>c.example.nl</Hostname>", "second Hostname"},
		{"a host beside a host", whl, "<Hostname>b.example.nl</Hostname>",
			"c.example.nl<Hostname>b.example.nl</Hostname>", "text where only"},
		{"a service's name twice", gnl, ">57<", ">53<", "occurs twice"},
		{"a service's short name", gnl, "Documenten", "Do", "3 to 50"},
		{"a service without a name", gnl, "<Weergavenaam>Documenten</Weergavenaam>", "", "Weergavenaam is missing"},
	})
}

// TestAcceptedLists has lists that deviate from the available schemas and are accepted on
// purpose.
func TestAcceptedLists(t *testing.T) {
	zal, zal3 := zal2XML(6, sampleService()), zal3XML(6, sampleService())
	a, b := strings.Index(zal3, "<Abonneren>"), strings.Index(zal3, "<Systeemrollen>")
	for what, text := range map[string]string{
		"dots":         strings.ReplaceAll(zal, "umcharderwijk", "test.huisarts.amsterdam"),
		"digits":       strings.ReplaceAll(zal, "umcharderwijk", "praktijk2-west"),
		"a time zone":  strings.ReplaceAll(zal, "10:00:00Z", "18:13:51.0+01:00"),
		"no time zone": strings.ReplaceAll(zal, "10:00:00Z", "18:13:51.000"),
		"a prefix": strings.NewReplacer("</", "</z:", "<?", "<?", "<!", "<!", "<", "<z:", "xmlns=",
			"xmlns:z=").Replace(zal),
		"APD":               strings.ReplaceAll(zal3, ">ZA<", ">APD<"),
		"no subscription":   zal3[:a] + zal3[b:],
		"subscription last": strings.Replace(zal3[:a]+zal3[b:], "</Systeemrollen>", "</Systeemrollen>"+zal3[a:b], 1),
	} {
		t.Run(what, func(t *testing.T) {
			if _, err := strictReader.read(nameZAL, []byte(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A reader for the simulator takes hosts of this machine, and plain HTTP for them where a browser
// goes.
func TestLoopbackLists(t *testing.T) {
	local := listReader{loopback: true}
	own := strings.NewReplacer("https://medmij.za982.xisbridge.net/oauth", "http://127.0.0.1:8080/oauth",
		"medmij.xisbridge.net", "localhost").Replace(zal2XML(6, sampleService()))
	if _, err := local.read(nameZAL, []byte(own)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{
		strings.ReplaceAll(own, "https://localhost", "http://localhost"), // the backchannel is TLS, always
		strings.ReplaceAll(own, "127.0.0.1", "example.nl"),
	} {
		if _, err := local.read(nameZAL, []byte(text)); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
	if _, err := local.read(nameWHL, []byte(whlXML(1, "localhost", "127.0.0.1"))); err != nil {
		t.Error(err)
	}
}

func TestNewer(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"2.0.0", "1.9.9", true}, {"1.10.0", "1.9.0", true}, {"1.4.0", "1.4.0", false}, {"1.4.0", "1.4", false},
		{"1.4.1", "1.4", true}, {"2.2.4B", "2.2.4", true}, {"2.2.4", "2.2.4B", false}, {"1", "", true},
		{"", "1", false},
	} {
		if got := newerVersion(tt.a, tt.b); got != tt.want {
			t.Errorf("%q is newer than %q: %v", tt.a, tt.b, got)
		}
	}
}

// fuzzList fuzzes the reader of one list.
func fuzzList(f *testing.F, name listName, check func(testing.TB, parsedList), seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, loopback bool) {
		l, err := listReader{loopback}.read(name, text)
		if err != nil {
			if l != nil {
				t.Errorf("a list beside an error: %v", err)
			}
			return
		}
		if l.number() == 0 {
			t.Error("a list without a number")
		}
		check(t, l)
	})
}

func FuzzZAL(f *testing.F) {
	fuzzList(f, nameZAL, func(t testing.TB, l parsedList) {
		for _, p := range l.(*zalList).providers {
			if strings.ContainsAny(p.name, "~ :@") || len(p.services) == 0 {
				t.Errorf("provider %q with %d services", p.name, len(p.services))
			}
			for _, s := range p.services {
				if strings.ContainsAny(s.id, "~ ") || len(s.roles) == 0 || !strings.HasPrefix(s.token, "https://") ||
					hostOf(s.token) == "" {
					t.Errorf("service %+v", s)
				}
				if !strings.HasPrefix(s.authorization, "https://") && !provider.IsLoopback(hostOf(s.authorization)) {
					t.Errorf("authorization endpoint %q", s.authorization)
				}
			}
		}
	}, zal2XML(6, sampleService()), zal3XML(6, sampleService()))
}

func FuzzOCL(f *testing.F) {
	fuzzList(f, nameOCL, func(t testing.TB, l parsedList) {
		for host := range l.(*oclList).names {
			if host != strings.ToLower(host) || host == "" {
				t.Errorf("host %q", host)
			}
		}
	}, oclXML(6, testClientID, "b.example.nl"))
}

func FuzzWHL(f *testing.F) {
	fuzzList(f, nameWHL, func(t testing.TB, l parsedList) {
		for host := range l.(*whlList).hosts {
			if host != strings.ToLower(host) || host == "" || strings.ContainsAny(host, "*/ ") {
				t.Errorf("host %q", host)
			}
		}
	}, whlXML(6, "rcf-rso.nl", "b.example.nl"))
}

func FuzzGNL(f *testing.F) {
	fuzzList(f, nameGNL, func(t testing.TB, l parsedList) {
		for id, name := range l.(*gnlList).names {
			if id == "" || strings.TrimSpace(name) == "" {
				t.Errorf("%q is %q", id, name)
			}
		}
	}, gnlXML(6, "53", "Meetwaarden", "57", "Documenten"))
}
