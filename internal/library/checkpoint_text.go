package library

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// A person gives back what they have saved months before. Meanwhile an editor may have added a byte order mark or other
// line ends, or a mail program text around it, marks of a quotation, and line breaks.

// maxCheckpoints bounds how many signatures of one text are verified.
const maxCheckpoints = 8

var (
	quotation = regexp.MustCompile(`(?m)^[ \t]*>[> \t]*`)
	// lineBreak is that of a mail program that wraps long lines; "=" marks one in quoted-printable.
	lineBreak = regexp.MustCompile(`=?\r?\n[ \t]*`)
	jws       = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)
	// attachment is the content of a file in a mail.
	attachment = regexp.MustCompile(`(?:[A-Za-z0-9+/]{60,76}\r?\n){2,}[A-Za-z0-9+/]*={0,2}`)
)

// parseSavedFile returns the file of a checkpoint that stands in a text, also amid other text. Ok is false if its
// members cannot be read.
func parseSavedFile(text string) (file SavedFile, ok bool) {
	start, end := strings.Index(text, "{"), strings.LastIndex(text, "}")
	if start < 0 || end < start {
		return SavedFile{}, false
	}
	err := json.Unmarshal([]byte(text[start:end+1]), &file)
	return file, err == nil && file.Signed != ""
}

// signedCheckpoints returns what may be signed checkpoints in a text, as JWS.
func signedCheckpoints(text string) []string {
	found := jws.FindAllString(text, maxCheckpoints)
	for _, s := range jws.FindAllString(lineBreak.ReplaceAllString(text, ""), maxCheckpoints) {
		if !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found
}

// checkpointTexts returns a text as it was saved, without what editors and mail programs add, and after it the files
// that are attached if it is a mail.
func checkpointTexts(text string) []string {
	text = quotation.ReplaceAllString(decodeUTF(text), "")
	texts := []string{text}
	for _, block := range attachment.FindAllString(text, maxCheckpoints) {
		decoded, err := base64.StdEncoding.DecodeString(lineBreak.ReplaceAllString(block, ""))
		if err == nil {
			texts = append(texts, decodeUTF(string(decoded)))
		}
	}
	return texts
}

// decodeUTF decodes a text by its byte order mark, and drops that.
func decodeUTF(text string) string {
	switch {
	case strings.HasPrefix(text, "\xfe\xff"):
		return decodeUTF16(text[2:], func(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) })
	case strings.HasPrefix(text, "\xff\xfe"):
		return decodeUTF16(text[2:], func(a, b byte) uint16 { return uint16(b)<<8 | uint16(a) })
	}
	return strings.TrimPrefix(text, "\ufeff")
}

func decodeUTF16(text string, unit func(a, b byte) uint16) string {
	var units []uint16
	for ; len(text) >= 2; text = text[2:] {
		units = append(units, unit(text[0], text[1]))
	}
	return string(utf16.Decode(units))
}
