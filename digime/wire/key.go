package wire

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
)

// ParsePrivateKey reads a contract's RSA private key from PEM, PKCS#1 ("RSA
// PRIVATE KEY") or PKCS#8 ("PRIVATE KEY"). It must have exactly 2048 bits.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		// An environment variable or a JSON file pasted once too often.
		if bytes.Contains(text, []byte(`\n`)) && bytes.Contains(text, []byte("-----BEGIN ")) {
			return nil, fmt.Errorf("private key has \\n where it should have line breaks")
		}
		return nil, fmt.Errorf("private key is not PEM: want a block \"-----BEGIN RSA PRIVATE KEY-----\" or \"-----BEGIN PRIVATE KEY-----\"")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("private key is locked with a passphrase: unlock it first, for example with openssl pkcs8")
	}
	var key *rsa.PrivateKey
	switch block.Type {
	case "RSA PRIVATE KEY":
		k, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("private key is not valid PKCS#1 (its text may be cut or changed)")
		}
		key = k
	case "PRIVATE KEY":
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("private key is not valid PKCS#8 (its text may be cut or changed)")
		}
		rk, ok := k.(*rsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("private key is not an RSA key: the protocol signs with RSA (PS512)")
		}
		key = rk
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, fmt.Errorf("this PEM block is a %s, not a private key", block.Type)
	default:
		return nil, fmt.Errorf("PEM block %q is not an RSA private key", block.Type)
	}
	if n := key.N.BitLen(); n != KeyBits {
		return nil, fmt.Errorf("private key has %d bits, the protocol needs exactly %d", n, KeyBits)
	}
	return key, nil
}

// ParsePublicKey reads an RSA public key from PEM, SPKI ("PUBLIC KEY") or PKCS#1
// ("RSA PUBLIC KEY"). It must have exactly 2048 bits.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("public key is not PEM")
	}
	var key *rsa.PublicKey
	switch block.Type {
	case "RSA PUBLIC KEY":
		k, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("public key is not valid PKCS#1: %w", err)
		}
		key = k
	case "PUBLIC KEY":
		k, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("public key is not valid SPKI: %w", err)
		}
		rk, ok := k.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("public key is not an RSA key: the protocol signs with RSA (PS512)")
		}
		key = rk
	default:
		return nil, fmt.Errorf("PEM block %q is not an RSA public key", block.Type)
	}
	if n := key.N.BitLen(); n != KeyBits {
		return nil, fmt.Errorf("public key has %d bits, the protocol needs exactly %d", n, KeyBits)
	}
	return key, nil
}

// MarshalPrivateKey is key as a PKCS#1 PEM block, the form every client reads.
func MarshalPrivateKey(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// MarshalPublicKey is key as a PKCS#1 PEM block, the form that iOS documents.
func MarshalPublicKey(key *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key)})
}

// KeySet is the answer of jwks/oauth: the keys that sign the server's answers.
type KeySet struct {
	Keys []JSONWebKey `json:"keys"`
}

// JSONWebKey is one public key (RFC 7517) with the "pem" member, which is all
// that the Node client reads.
type JSONWebKey struct {
	Type      string `json:"kty"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	PEM       string `json:"pem"`
}

// NewJSONWebKey describes key under the id kid.
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
