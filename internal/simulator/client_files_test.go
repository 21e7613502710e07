package simulator

import (
	"bytes"
	"os"
	"testing"
)

// With a folder, the certificates stay the same at the next start. Another client id gets
// another client certificate.
func TestFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	run := func(id string) (roots, cert []byte) {
		s, err := Start(t.Context(), Config{Folder: folder, ClientID: id})
		if err != nil {
			t.Fatal(err)
		}
		cert, _ = s.ClientCertificate()
		for _, file := range []string{s.Files().Roots, s.Files().ClientCertificate, s.Files().ClientKey,
			s.Files().Directory} {
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", file, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return s.Roots(), cert
	}
	roots, cert := run("one.example")
	again, sameCert := run("one.example")
	if !bytes.Equal(roots, again) || !bytes.Equal(cert, sameCert) {
		t.Error("the second start has other certificates")
	}
	again, otherCert := run("two.example")
	if !bytes.Equal(roots, again) || bytes.Equal(cert, otherCert) {
		t.Error("another client id has changed the roots, or has not changed the client certificate")
	}
	if err := os.WriteFile(folder+"/"+rootsFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Start(t.Context(), Config{Folder: folder}); err == nil {
		t.Error("started with roots that are not a certificate", s.Close())
	}
}
