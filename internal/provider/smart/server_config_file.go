package smart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/seal"
)

// serverEntry is a server in the file.
type serverEntry struct {
	ID               string   `json:"id"`
	Source           int      `json:"source"`
	Name             string   `json:"name"`
	City             string   `json:"city"`
	Base             string   `json:"base"`
	Version          string   `json:"version"`
	Authorize        string   `json:"authorize"`
	Token            string   `json:"token"`
	Revoke           string   `json:"revoke"`
	ClientID         string   `json:"clientId"`
	ClientSecretFile string   `json:"clientSecretFile"`
	Scopes           []string `json:"scopes"`
	Roots            string   `json:"roots"`
}

// maxFileBytes is the longest file that is read.
const maxFileBytes = 1 << 20

// LoadServers reads a file with a JSON list of servers. Relative names in it are relative
// to the file's folder. [New] checks the servers.
func LoadServers(file string) ([]Server, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("load FHIR servers: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var entries []serverEntry
	if err := d.Decode(&entries); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends before the JSON list of servers does")
		}
		return nil, fmt.Errorf("load FHIR servers from %s: %w", file, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("load FHIR servers from %s: data after the list", file)
	}
	servers := make([]Server, 0, len(entries))
	for i, e := range entries {
		server, err := e.server(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("load FHIR servers from %s: entry %d (%q): %w", file, i+1, e.ID, err)
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func (e serverEntry) server(folder string) (Server, error) {
	server := Server{
		ID: e.ID, Source: e.Source, Name: e.Name, City: e.City, BaseURL: e.Base,
		AuthorizationEndpoint: e.Authorize, TokenEndpoint: e.Token,
		RevocationEndpoint: e.Revoke, ClientID: e.ClientID, Scopes: e.Scopes,
	}
	switch e.Version {
	case "stu3":
		server.Version = fhir.STU3
	case "r4":
		server.Version = fhir.R4
	default:
		return Server{}, fmt.Errorf("version is %q, not \"stu3\" or \"r4\"", e.Version)
	}
	if e.ClientSecretFile != "" {
		secret, err := readFile(resolvePath(folder, e.ClientSecretFile))
		if err != nil {
			return Server{}, fmt.Errorf("clientSecretFile: %w", err)
		}
		if server.ClientSecret = seal.SecretOf(strings.TrimSpace(string(secret))); server.ClientSecret.IsZero() {
			return Server{}, errors.New("clientSecretFile: the file is empty")
		}
	}
	if e.Roots != "" {
		roots, err := readFile(resolvePath(folder, e.Roots))
		if err != nil {
			return Server{}, fmt.Errorf("roots: %w", err)
		}
		server.Roots = roots
	}
	return server, nil
}

// resolvePath returns the path of a file that the list names.
func resolvePath(folder, name string) string {
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
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("%s is longer than %d MiB", name, maxFileBytes>>20)
	}
	return text, err
}
