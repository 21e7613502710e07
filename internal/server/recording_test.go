package server_test

import (
	"archive/tar"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/testenv"
)

// recording has the requests that the public Node client sent to a stub of the server, the stub's responses, and the
// codes, tokens and sessions that the stub issued.
type recording struct {
	Exchanges []*exchange
	Keys      recordedKeys
	Issued    issued
}

// exchange is a recorded request with its response.
type exchange struct {
	N        int    `json:"n"`
	Scenario string `json:"scenario"`
	Function string `json:"function"`
	Step     int    `json:"step"`
	Clock    int64  `json:"clock"`
	Request  struct {
		Method  string       `json:"method"`
		Path    string       `json:"path"`
		Query   string       `json:"query"`
		Headers headerList   `json:"headers"`
		Body    recordedBody `json:"body"`
	} `json:"request"`
	Answer struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    recordedBody      `json:"body"`
	} `json:"answer"`
	Decoded struct {
		Authorization struct {
			Payload wire.RequestClaims `json:"payload"`
		} `json:"authorization"`
		AnswerToken *struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"answerToken"`
		AnswerMetadata json.RawMessage `json:"answerMetadata"`
	} `json:"decoded"`
}

// String returns the number, the scenario, the method and the path.
func (e *exchange) String() string {
	return fmt.Sprintf("%03d %s %s %s", e.N, e.Scenario, e.Request.Method, e.Request.Path)
}

// At returns the time at which the request arrived.
func (e *exchange) At() time.Time { return time.UnixMilli(e.Clock) }

// call returns the path without the prefix of the protocol's calls.
func (e *exchange) call() string { return strings.TrimPrefix(e.Request.Path, "/v1.7/") }

// session returns the key of the session and the name of the file in the path of a call that reads a session. Both are
// empty for other calls.
func (e *exchange) session() (session, file string) {
	rest, ok := strings.CutPrefix(e.call(), "permission-access/query/")
	if !ok {
		return "", ""
	}
	session, file, _ = strings.Cut(rest, "/")
	return session, file
}

// claims returns the claims of the request's JWT.
func (e *exchange) claims() wire.RequestClaims { return e.Decoded.Authorization.Payload }

// headerList has headers in the order in which they were sent.
type headerList [][2]string

// get returns the value of the first header with a name, which must be in lower case.
func (h headerList) get(name string) string {
	for _, pair := range h {
		if strings.ToLower(pair[0]) == name {
			return pair[1]
		}
	}
	return ""
}

// UnmarshalJSON implements [json.Unmarshaler]. It keeps the order of the members.
func (h *headerList) UnmarshalJSON(data []byte) error {
	in := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := in.Token(); err != nil {
		return err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		var value string
		if err := in.Decode(&value); err != nil {
			return err
		}
		*h = append(*h, [2]string{name.(string), value})
	}
	return nil
}

// recordedBody is a body. Of a large body, only the length and the hash were recorded.
type recordedBody struct {
	UTF8   *string `json:"utf8"`
	Base64 *string `json:"base64"`
	Length int     `json:"length"`
	SHA256 string  `json:"sha256"`
}

// bytes returns the body. The large bodies that the client pushed are key streams of AES-CTR, which can be computed.
func (b recordedBody) bytes() ([]byte, error) {
	switch {
	case b.UTF8 != nil:
		return []byte(*b.UTF8), nil
	case b.Base64 != nil:
		return base64.StdEncoding.DecodeString(*b.Base64)
	case b.Length == 0:
		return nil, nil
	}
	for _, label := range []string{"binary", "large"} {
		key := sha256.Sum256([]byte(label))
		block, err := aes.NewCipher(key[:])
		if err != nil {
			return nil, err
		}
		body := make([]byte, b.Length)
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(body, body)
		if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) == b.SHA256 {
			return body, nil
		}
	}
	return nil, fmt.Errorf("no key stream has the hash %s", b.SHA256)
}

// recordedKeys is the content of keys.json.
type recordedKeys struct {
	ApplicationID wire.ApplicationID `json:"applicationId"`
	Callbacks     []string           `json:"callbacks"`
	Contracts     map[string]struct {
		ContractID wire.ContractID `json:"contractId"`
		AccessType string          `json:"accessType"`
		PublicKey  string          `json:"publicKey"`
	} `json:"contracts"`
}

// issued is the content of issued.json: the values that the stub issued. N is the number of the exchange that issued
// the value.
type issued struct {
	Preauthorizations []issuedRequest `json:"preauthorizations"`
	References        []issuedRequest `json:"references"`
	Codes             []struct {
		N           int    `json:"n"`
		OnboardCode string `json:"onboardCode"`
		Callback    struct {
			Success          string `json:"success"`
			Code             string `json:"code"`
			AccountReference string `json:"accountReference"`
		} `json:"callback"`
	} `json:"authorizationCodes"`
	Tokens   []issuedToken   `json:"tokens"`
	Sessions []issuedSession `json:"sessions"`
	Storages []struct {
		N  int    `json:"n"`
		ID string `json:"id"`
	} `json:"storages"`
	Opaque []struct {
		N     int            `json:"n"`
		ID    string         `json:"id"`
		Type  string         `json:"type"`
		Value wire.AccountID `json:"value"`
	} `json:"opaqueReferences"`
}

// issuedRequest is an authorisation request, which the person answers.
type issuedRequest struct {
	N           int             `json:"n"`
	Code        string          `json:"code"`
	ContractID  wire.ContractID `json:"contractId"`
	Challenge   string          `json:"challenge"`
	RedirectURI string          `json:"redirectUri"`
	State       string          `json:"state"`
	AccessToken string          `json:"accessToken"`
	Session     wire.Session    `json:"session"`
}

type issuedToken struct {
	N          int             `json:"n"`
	ContractID wire.ContractID `json:"contractId"`
	From       struct {
		Code         string `json:"code"`
		RefreshToken string `json:"refreshToken"`
	} `json:"from"`
	wire.TokenClaims
}

type issuedSession struct {
	N           int             `json:"n"`
	ContractID  wire.ContractID `json:"contractId"`
	AccessToken string          `json:"accessToken"`
	wire.Session
}

// loadRecording reads the recording of the reference material.
func loadRecording(t *testing.T) *recording {
	t.Helper()
	dir := testenv.Shared(t, "contract", "recorded")
	r := &recording{}
	for name, into := range map[string]any{"keys.json": &r.Keys, "issued.json": &r.Issued} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	archive, err := os.Open(filepath.Join(dir, "exchanges.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	plain, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(plain); ; {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(head.Name) != ".json" {
			continue
		}
		e := &exchange{}
		if err := json.NewDecoder(in).Decode(e); err != nil {
			t.Fatalf("%s: %v", head.Name, err)
		}
		r.Exchanges = append(r.Exchanges, e)
	}
}
