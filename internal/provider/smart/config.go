package smart

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider"
	"github.com/carrelhq/carrel/internal/seal"
)

// prefix begins the keys of this network.
const prefix = "smart:"

// Server is one FHIR server that can be sent to.
type Server struct {
	// ID names it in its key. Once somebody has connected it, it stays as it is.
	ID string
	// Source is its id in the catalogue, Name and City what people see of it.
	Source     int
	Name, City string
	// Base is the address of the FHIR server.
	Base    string
	Version fhir.Version
	// Authorize and Token are its endpoints; both empty if it says itself where they are,
	// in [base]/.well-known/smart-configuration. With a Secret it can name a token endpoint
	// at the host of Base only.
	Authorize, Token string
	// ClientID is what it knows us by. Secret is zero for a public client.
	ClientID string
	Secret   seal.Secret
	Scopes   []string
	// Roots, in PEM, are the authorities of its certificate; the system's if empty.
	Roots []byte
}

// Key is what the server is known by to [delivery.Providers].
func (s Server) Key() delivery.ProviderKey { return delivery.ProviderKey(prefix + s.ID) }

// entry is a server in the file.
type entry struct {
	ID               string   `json:"id"`
	Source           int      `json:"source"`
	Name             string   `json:"name"`
	City             string   `json:"city"`
	Base             string   `json:"base"`
	Version          string   `json:"version"`
	Authorize        string   `json:"authorize"`
	Token            string   `json:"token"`
	ClientID         string   `json:"clientId"`
	ClientSecretFile string   `json:"clientSecretFile"`
	Scopes           []string `json:"scopes"`
	Roots            string   `json:"roots"`
}

// maxFile bounds the files that the operator names.
const maxFile = 1 << 20

// Load reads a file of servers: a list in JSON. Files that it names are looked for
// beside it. Whether the servers make sense is found out by [New].
func Load(file string) ([]Server, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("load FHIR servers: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var entries []entry
	if err := d.Decode(&entries); err != nil {
		return nil, fmt.Errorf("load FHIR servers from %s: %w", file, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("load FHIR servers from %s: something after the list", file)
	}
	servers := make([]Server, 0, len(entries))
	for i, e := range entries {
		s, err := e.server(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("load FHIR servers from %s: entry %d (%q): %w", file, i+1, e.ID, err)
		}
		servers = append(servers, s)
	}
	return servers, nil
}

func (e entry) server(folder string) (Server, error) {
	s := Server{
		ID: e.ID, Source: e.Source, Name: e.Name, City: e.City, Base: e.Base,
		Authorize: e.Authorize, Token: e.Token, ClientID: e.ClientID, Scopes: e.Scopes,
	}
	switch e.Version {
	case "stu3":
		s.Version = fhir.STU3
	case "r4":
		s.Version = fhir.R4
	default:
		return Server{}, fmt.Errorf("version is %q, not \"stu3\" or \"r4\"", e.Version)
	}
	if e.ClientSecretFile != "" {
		secret, err := readFile(beside(folder, e.ClientSecretFile))
		if err != nil {
			return Server{}, fmt.Errorf("clientSecretFile: %w", err)
		}
		if s.Secret = seal.SecretOf(strings.TrimSpace(string(secret))); s.Secret.IsZero() {
			return Server{}, errors.New("clientSecretFile: the file is empty")
		}
	}
	if e.Roots != "" {
		roots, err := readFile(beside(folder, e.Roots))
		if err != nil {
			return Server{}, fmt.Errorf("roots: %w", err)
		}
		s.Roots = roots
	}
	return s, nil
}

func beside(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is longer than %d MiB", name, maxFile>>20)
	}
	return text, err
}

var serverID = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// check finds what is wrong with a server by itself.
func (s Server) check(loopback bool) error {
	if !serverID.MatchString(s.ID) {
		return errors.New("id: not 1 to 64 of a-z, 0-9, dot, hyphen and underscore")
	}
	if s.Source <= 0 {
		return errors.New("source: not a positive number")
	}
	if strings.TrimSpace(s.Name) == "" || len(s.Name) > 200 {
		return errors.New("name: missing, or too long")
	}
	if s.Version != fhir.STU3 && s.Version != fhir.R4 {
		return fmt.Errorf("version: %q is neither STU3 nor R4", string(s.Version))
	}
	if err := checkAddress(s.Base, false, loopback); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if (s.Authorize == "") != (s.Token == "") {
		return errors.New("authorize, token: give both, or none")
	}
	if s.Authorize != "" {
		if err := checkEndpoints(s.Authorize, s.Token, loopback); err != nil {
			return err
		}
	}
	if s.ClientID == "" {
		return errors.New("clientId: missing")
	}
	if len(s.Scopes) == 0 {
		return errors.New("scopes: missing")
	}
	for _, scope := range s.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			return fmt.Errorf("scopes: %q is not one scope", scope)
		}
	}
	if len(s.Roots) > 0 && !x509.NewCertPool().AppendCertsFromPEM(s.Roots) {
		return errors.New("roots: no certificate in PEM")
	}
	return nil
}

func checkEndpoints(authorize, token string, loopback bool) error {
	if err := checkAddress(authorize, true, loopback); err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	if err := checkAddress(token, false, loopback); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return nil
}

// sameHost reports whether two addresses that have been checked are of one server.
func sameHost(a, b string) bool {
	x, err1 := url.Parse(a)
	y, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && x.Scheme == y.Scheme && strings.EqualFold(x.Hostname(), y.Hostname()) && portOf(x) == portOf(y)
}

func portOf(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// checkAddress checks an address: https, or http on this machine where that is allowed.
func checkAddress(s string, query, loopback bool) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return errors.New("not an address") // the cause repeats it
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback && provider.Loopback(u.Hostname()):
	default:
		return errors.New("not an https address")
	}
	if u.User != nil || u.Fragment != "" || strings.Contains(s, "#") {
		return errors.New("an address with a user or a fragment")
	}
	if !query && (u.RawQuery != "" || u.ForceQuery) {
		return errors.New("an address with a query")
	}
	return nil
}
