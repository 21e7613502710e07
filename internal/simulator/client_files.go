package simulator

import (
	"fmt"
	"path/filepath"

	"github.com/carrelhq/carrel/internal/outfile"
)

// The files in Config.Folder.
const (
	rootsFile      = "roots.pem"
	authorityFile  = "authority.key"
	clientCertFile = "client.pem"
	clientKeyFile  = "client.key"
	directoryFile  = "directory.json"
)

// Files are the paths of the files for a client's configuration.
type Files struct{ Roots, ClientCertificate, ClientKey, Directory string }

// Files returns the paths in Config.Folder. They are empty without a folder.
func (s *Simulator) Files() Files {
	if s.Folder == "" {
		return Files{}
	}
	in := func(name string) string { return filepath.Join(s.Folder, name) }
	return Files{Roots: in(rootsFile), ClientCertificate: in(clientCertFile), ClientKey: in(clientKeyFile),
		Directory: in(directoryFile)}
}

// writeFile writes a file that only its owner can read.
func writeFile(path string, content []byte) error {
	if err := outfile.WriteSecret(path, content); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeDirectory writes the directory to its file, if there is a folder.
func (s *Simulator) writeDirectory() error {
	if s.Folder == "" {
		return nil
	}
	return writeFile(s.Files().Directory, s.Directory())
}
