package wire

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// ParsePrivateKey reads an RSA private key of exactly 2048 bits from PEM in the form PKCS#1 ("RSA PRIVATE KEY") or
// PKCS#8 ("PRIVATE KEY"). It undoes the changes that PEM suffers in environment variables and configuration files, and
// skips certificates and public keys before the private key. The error names what is wrong and contains nothing of the
// key.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	key, err := parsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return key, nil
}

func parsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	blocks, err := readPEM(text)
	if err != nil {
		return nil, err
	}
	block := blocks[0]
	for _, b := range blocks {
		if b.private() {
			block = b
			break
		}
	}
	if block.encrypted {
		return nil, errors.New("it is encrypted with a passphrase: decrypt it first, for example with openssl pkcs8")
	}
	var key any
	switch block.kind {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.der)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.der)
	case "EC PRIVATE KEY":
		return nil, errNotRSA
	case "OPENSSH PRIVATE KEY":
		return nil, errors.New("it has the format of OpenSSH: convert it with ssh-keygen -p -m PEM")
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, errors.New("the PEM holds a public key, not a private key")
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		return nil, errors.New("the PEM holds a certificate, not a private key")
	default:
		return nil, fmt.Errorf("the PEM holds %q, not a private key", block.kind)
	}
	if err != nil {
		return nil, fmt.Errorf("the content of %q is not valid: its text may be cut or changed", block.kind)
	}
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errNotRSA
	}
	return k, checkSize(k.N)
}

// ParsePublicKey reads an RSA public key of exactly 2048 bits from PEM in the form SPKI ("PUBLIC KEY") or PKCS#1 ("RSA
// PUBLIC KEY"). It undoes the same changes as [ParsePrivateKey] and skips certificates before the key.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	key, err := parsePublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return key, nil
}

func parsePublicKey(text []byte) (*rsa.PublicKey, error) {
	blocks, err := readPEM(text)
	if err != nil {
		return nil, err
	}
	block := blocks[0]
	for _, b := range blocks {
		if b.private() { // also if a public key stands beside it: this text must not be handed out
			return nil, errors.New("the PEM holds a private key: give its public key, and keep the private key secret")
		}
	}
	for _, b := range blocks {
		if b.kind == "PUBLIC KEY" || b.kind == "RSA PUBLIC KEY" {
			block = b
			break
		}
	}
	var key any
	switch block.kind {
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.der)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.der)
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		return nil, errors.New("the PEM holds a certificate: extract its public key with openssl x509 -pubkey -noout")
	default:
		return nil, fmt.Errorf("the PEM holds %q, not a public key", block.kind)
	}
	if err != nil {
		return nil, fmt.Errorf("the content of %q is not valid: its text may be cut or changed", block.kind)
	}
	k, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errNotRSA
	}
	return k, checkSize(k.N)
}

var errNotRSA = errors.New("it is not an RSA key: the protocol signs with RSA (PS512)")

func checkSize(modulus *big.Int) error {
	if n := modulus.BitLen(); n != KeyBits {
		return fmt.Errorf("it has %d bits, and the protocol requires exactly %d", n, KeyBits)
	}
	return nil
}

// MarshalPrivateKey returns the key as a PKCS#1 PEM block, which every client reads.
func MarshalPrivateKey(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// MarshalPublicKey returns the key as a PKCS#1 PEM block, the form that the iOS SDK documents.
func MarshalPublicKey(key *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key)})
}

// KeySet is the response of jwks/oauth: the public keys of the server that signs the responses.
type KeySet struct {
	// Keys are the keys.
	Keys []JSONWebKey `json:"keys"`
}

// JSONWebKey is a public key (RFC 7517) with the further member "pem", the only one that the Node SDK reads.
type JSONWebKey struct {
	// Type is always "RSA".
	Type string `json:"kty"`
	// Modulus is the modulus, in base64url.
	Modulus string `json:"n"`
	// Exponent is the public exponent, in base64url.
	Exponent string `json:"e"`
	// KeyID identifies the key in the header of a token.
	KeyID string `json:"kid"`
	// Algorithm is always [Algorithm].
	Algorithm string `json:"alg"`
	// Use is always "sig".
	Use string `json:"use"`
	// PEM is the key as [MarshalPublicKey] writes it.
	PEM string `json:"pem"`
}

// NewJSONWebKey returns the description of the key with the id kid.
func NewJSONWebKey(kid string, key *rsa.PublicKey) JSONWebKey {
	return JSONWebKey{
		Type:      "RSA",
		Modulus:   base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		Exponent:  base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		KeyID:     kid,
		Algorithm: Algorithm,
		Use:       "sig",
		PEM:       string(MarshalPublicKey(key)),
	}
}
