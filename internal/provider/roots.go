package provider

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// CheckRoots returns an error for a text in PEM that is not to replace the root certificates in use: one that is cut
// off, as a file is that is being written, or without a root that is valid now. It uses the system's clock, as TLS
// does.
func CheckRoots(text []byte) error {
	var newest time.Time
	for block, rest := pem.Decode(text); ; block, rest = pem.Decode(rest) {
		if block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN")) {
				return errors.New("a certificate in it is cut off")
			}
			break
		}
		if root, err := x509.ParseCertificate(block.Bytes); err == nil && root.NotAfter.After(newest) {
			newest = root.NotAfter
		}
	}
	switch {
	case newest.IsZero():
		return errors.New("no certificate in PEM")
	case time.Now().After(newest):
		return fmt.Errorf("all its certificates have expired, the last one at %s", newest.UTC().Format(time.RFC3339))
	}
	return nil
}
