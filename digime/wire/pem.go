package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
)

// A pemBlock is one block of a PEM text.
type pemBlock struct {
	kind      string // such as "PRIVATE KEY"
	encrypted bool
	der       []byte // nil if the block is encrypted
}

func (b pemBlock) private() bool { return b.encrypted || strings.HasSuffix(b.kind, "PRIVATE KEY") }

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	pemDash  = "-----"
)

// readPEM returns the blocks of a PEM text, at least one. It is more lenient than package encoding/pem about what
// happens to PEM in environment variables, configuration files and editors: a byte order mark, UTF-16, CRLF,
// indentation, quotes, and line breaks that have become spaces or \n. The error says what the text is in place of PEM.
func readPEM(text []byte) ([]pemBlock, error) {
	rest := decodeUTF16(text)
	var blocks []pemBlock
	for {
		_, after, ok := strings.Cut(rest, pemBegin)
		if !ok {
			break
		}
		kind, after, ok := strings.Cut(after, pemDash)
		if !ok {
			return nil, errors.New("the BEGIN line is cut")
		}
		body, after, ok := strings.Cut(after, pemEnd+kind+pemDash)
		if !ok {
			return nil, errors.New("the END line is missing or does not fit the BEGIN line: the text may be cut")
		}
		block := pemBlock{kind: kind, encrypted: kind == "ENCRYPTED PRIVATE KEY" || strings.Contains(body, "DEK-Info:")}
		if !block.encrypted {
			der, err := base64.StdEncoding.DecodeString(cleanBase64(body))
			if err != nil {
				return nil, errors.New("the text between BEGIN and END is not base64: it may be cut or changed")
			}
			block.der = der
		}
		blocks = append(blocks, block)
		rest = after
	}
	if len(blocks) == 0 {
		return nil, whyNotPEM(rest)
	}
	return blocks, nil
}

// cleanBase64 removes white space, quotes, and the escapes that stand for line breaks.
func cleanBase64(body string) string {
	body = strings.NewReplacer(`\r`, "", `\n`, "", `\t`, "").Replace(body)
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '\v', '\f', '\u00a0', '\ufeff', '"', '\'', '`', '\\', ',':
			return -1
		}
		return r
	}, body)
}

// decodeUTF16 decodes a text that begins with the byte order mark of UTF-16, as PowerShell writes files, and returns
// any other text as it is.
func decodeUTF16(text []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	default:
		return string(text)
	}
	units := make([]uint16, 0, len(text)/2)
	for text = text[2:]; len(text) >= 2; text = text[2:] {
		units = append(units, order.Uint16(text))
	}
	return string(utf16.Decode(units))
}

// whyNotPEM says what a text without a BEGIN line is.
func whyNotPEM(text string) error {
	text = strings.Trim(text, " \t\r\n\ufeff\"'`")
	switch {
	case text == "":
		return errors.New("it is empty")
	case strings.HasPrefix(text, "\x30\x82"): // an ASN.1 sequence of more than 255 bytes
		return errors.New("it is DER, not PEM: convert it with openssl pkey -inform DER")
	case text[0] == '{':
		return errors.New("it is JSON, not PEM")
	case strings.HasPrefix(text, "ssh-"):
		return errors.New("it is a public key of OpenSSH, not PEM: convert it with ssh-keygen -e -m PKCS8")
	case strings.HasPrefix(text, "LS0tLS1CRUdJTi"): // "-----BEGIN " in base64
		return errors.New("it is PEM that was encoded in base64 once more: decode it first")
	case strings.Contains(text, "BEGIN ") && strings.Contains(text, " KEY"):
		return errors.New("its BEGIN line does not have five hyphens on each side")
	case isPath(text):
		return errors.New("it looks like the path of a file: give the content of the file")
	case strings.HasPrefix(text, "MII"): // how the base64 of such a key begins
		return errors.New("the BEGIN and END lines are missing")
	}
	return errors.New(`it is not PEM: a line "-----BEGIN … KEY-----" is missing`)
}

// isPath reports whether a text looks like the path of a file.
func isPath(text string) bool {
	if len(text) > 1024 || strings.ContainsAny(text, "\r\n") {
		return false
	}
	for _, suffix := range []string{".pem", ".key", ".crt", ".cer", ".der", ".txt", ".pub"} {
		if strings.HasSuffix(strings.ToLower(text), suffix) {
			return true
		}
	}
	// Base64 has slashes too, and is longer than the paths that people have.
	return strings.ContainsAny(text, `/\`) && len(text) < 200 && !strings.HasPrefix(text, "MII")
}
