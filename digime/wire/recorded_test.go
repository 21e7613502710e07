package wire

import (
	"archive/tar"
	"compress/gzip"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/internal/recorded"
)

// exchange is one recorded HTTP exchange of the public Node client.
type exchange struct {
	N        int    `json:"n"`
	Scenario string `json:"scenario"`
	Function string `json:"function"`
	Request  struct {
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
	} `json:"request"`
	Answer struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    struct {
			UTF8 string `json:"utf8"`
		} `json:"body"`
	} `json:"answer"`
	Decoded struct {
		Authorization  *decodedToken   `json:"authorization"`
		FileDescriptor *decodedToken   `json:"fileDescriptor"`
		AnswerToken    *decodedToken   `json:"answerToken"`
		AnswerMetadata json.RawMessage `json:"answerMetadata"`
	} `json:"decoded"`
}

type decodedToken struct {
	Payload json.RawMessage `json:"payload"`
}

// recording is the material beside the repository: the exchanges, and the keys
// that the tokens in them are signed with.
type recording struct {
	exchanges []exchange
	clients   map[ClientID]*rsa.PublicKey
	server    *rsa.PublicKey
}

func loadRecording(t *testing.T) recording {
	t.Helper()
	dir := recorded.Dir(t, "contract", "recorded")
	var keys struct {
		ApplicationID ApplicationID `json:"applicationId"`
		Contracts     map[string]struct {
			ContractID ContractID `json:"contractId"`
			PublicKey  string     `json:"publicKey"`
		} `json:"contracts"`
		Server json.RawMessage `json:"server"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	r := recording{clients: map[ClientID]*rsa.PublicKey{}}
	for name, c := range keys.Contracts {
		key, err := ParsePublicKey([]byte(c.PublicKey))
		if err != nil {
			t.Fatalf("contract %s: %v", name, err)
		}
		r.clients[ClientID{keys.ApplicationID, c.ContractID}] = key
	}
	file, err := os.Open(filepath.Join(dir, "exchanges.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		_, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			t.Fatal(err)
		}
		var e exchange
		if err := json.NewDecoder(archive).Decode(&e); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Request.Path, "/jwks/oauth") && r.server == nil {
			var set KeySet
			if err := json.Unmarshal([]byte(e.Answer.Body.UTF8), &set); err != nil {
				t.Fatal(err)
			}
			if r.server, err = ParsePublicKey([]byte(set.Keys[0].PEM)); err != nil {
				t.Fatal(err)
			}
		}
		r.exchanges = append(r.exchanges, e)
	}
}

// refused are the requests that no honest client makes, or that name a client
// that is not there, and what we find wrong with each.
var refused = map[string]string{
	"raw-alg-none":        ErrTokenAlgorithm.Error(),
	"raw-alg-hs512":       ErrTokenAlgorithm.Error(),
	"raw-alg-ps256":       ErrTokenAlgorithm.Error(),
	"raw-alg-rs512":       ErrTokenAlgorithm.Error(),
	"raw-alg-mislabelled": ErrTokenAlgorithm.Error(),
	"raw-not-a-token":     ErrTokenMalformed.Error(),
	"raw-no-bearer":       ErrTokenMalformed.Error(),
	"raw-payload-changed": ErrTokenSignature.Error(),
	"raw-signature-cut":   "", // stray bits or a wrong signature, as the cut falls
	"raw-stranger":        ErrTokenSignature.Error(),
	"raw-stranger-jwk":    ErrTokenHeader.Error(),
	"raw-stranger-jku":    ErrTokenHeader.Error(),
	"error-wrong-key":     ErrTokenSignature.Error(),
}

func TestRecordedRequests(t *testing.T) {
	r := loadRecording(t)
	verified := 0
	for _, e := range r.exchanges {
		bearer, ok := strings.CutPrefix(e.Request.Headers["authorization"], "Bearer ")
		if !ok && e.Function != "raw-no-bearer" || strings.HasPrefix(e.Request.Path, "/cloud/") {
			continue
		}
		err := r.verify(t, e, bearer)
		want, bad := refused[e.Function]
		if e.Scenario == "error-wrong-key" {
			want, bad = refused[e.Scenario], true
		}
		switch {
		case bad && err == nil, bad && want != "" && err.Error() != want:
			t.Errorf("exchange %d, %s: error %v, want %s", e.N, e.Function, err, want)
		case !bad && err != nil && !strings.HasPrefix(e.Scenario, "error-unknown-"):
			t.Errorf("exchange %d, %s %s: %v", e.N, e.Scenario, e.Function, err)
		case err == nil:
			verified++
		}
	}
	if verified < 100 {
		t.Errorf("only %d requests were verified", verified)
	}
}

// verify does what a server does with a bearer token, time and nonce apart.
func (r recording) verify(t *testing.T, e exchange, bearer string) error {
	t.Helper()
	token, err := ParseRequestToken(bearer)
	if err != nil {
		return err
	}
	var claims RequestClaims
	if err := token.Peek(&claims); err != nil {
		return err
	}
	client, err := ParseClientID(claims.ClientID)
	if err != nil {
		return err
	}
	key, ok := r.clients[client]
	if !ok {
		return fmt.Errorf("unknown client %q", claims.ClientID)
	}
	if err := token.Verify(key); err != nil {
		return err
	}
	if e.Function == "raw-no-nonce" {
		return nil
	}
	if !ValidNonce(claims.Nonce) {
		t.Errorf("exchange %d: nonce %q is refused", e.N, claims.Nonce)
	}
	sameJSON(t, e.N, claims, e.Decoded.Authorization.Payload)
	if text := e.Request.Headers["filedescriptor"]; text != "" {
		checkDescriptor(t, e, text, key)
	}
	return nil
}

func checkDescriptor(t *testing.T, e exchange, text string, key *rsa.PublicKey) {
	t.Helper()
	token, err := ParseRequestToken(text)
	if err != nil {
		t.Errorf("exchange %d: descriptor: %v", e.N, err)
		return
	}
	if err := token.Verify(key); err != nil {
		t.Errorf("exchange %d: descriptor: %v", e.N, err)
	}
	var claims DescriptorClaims
	if err := token.Peek(&claims); err != nil {
		t.Errorf("exchange %d: descriptor: %v", e.N, err)
	}
	descriptor, err := ParseDescriptor(claims.Metadata)
	if err != nil {
		t.Errorf("exchange %d: descriptor: %v", e.N, err)
		return
	}
	sameJSON(t, e.N, map[string]any{"metadata": descriptor}, e.Decoded.FileDescriptor.Payload)
}

func TestRecordedAnswers(t *testing.T) {
	r := loadRecording(t)
	tokens, headers := 0, 0
	for _, e := range r.exchanges {
		if want := e.Decoded.AnswerToken; want != nil {
			var answer SignedAnswer
			if err := json.Unmarshal([]byte(e.Answer.Body.UTF8), &answer); err != nil {
				t.Fatalf("exchange %d: %v", e.N, err)
			}
			token, err := ParseToken(answer.Token)
			if err != nil {
				t.Fatalf("exchange %d: %v", e.N, err)
			}
			if err := token.Verify(r.server); err != nil {
				t.Errorf("exchange %d: %v", e.N, err)
			}
			if !strings.HasSuffix(token.Header.KeySetURL, "/v1.7/jwks/oauth") {
				t.Errorf("exchange %d: header %+v", e.N, token.Header)
			}
			tokens++
		}
		if header := e.Answer.Headers["x-metadata"]; header != "" {
			metadata, err := ParseFileMetadata(header)
			if err != nil {
				t.Errorf("exchange %d: %v", e.N, err)
				continue
			}
			back, err := metadata.EncodeHeader()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseFileMetadata(back)
			if err != nil || !reflect.DeepEqual(again, metadata) {
				t.Errorf("exchange %d: %+v is read again as %+v, error %v", e.N, metadata, again, err)
			}
			headers++
		}
	}
	if tokens < 30 || headers < 15 {
		t.Errorf("only %d tokens and %d metadata headers were checked", tokens, headers)
	}
}

// sameJSON checks that a value is written as the recorded client wrote it: the
// same members, whatever their order.
func sameJSON(t *testing.T, n int, value any, want json.RawMessage) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := errors.Join(json.Unmarshal(text, &a), json.Unmarshal(want, &b)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("exchange %d: we write %s, recorded is %s", n, text, want)
	}
}
