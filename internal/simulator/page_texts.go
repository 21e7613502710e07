package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// pageTexts are the texts of the pages in one language.
type pageTexts struct {
	Lang, Other string // language codes
	texts       map[string]string
}

// languages are the texts of all languages.
var languages = map[string]map[string]string{"en": readTexts("en"), "nl": readTexts("nl")}

func readTexts(language string) map[string]string {
	raw, err := files.ReadFile("texts/" + language + ".json")
	texts := map[string]string{}
	if err == nil {
		err = json.Unmarshal(raw, &texts)
	}
	if err != nil { // unreachable: the files are embedded, and a test reads them
		panic(fmt.Sprintf("the simulator's texts in %s: %v", language, err))
	}
	return texts
}

// T returns the text of a key.
func (t pageTexts) T(key string) string { return t.texts[key] }

// textsFor returns the texts in the language of the parameter lng, or in the first known
// language of Accept-Language.
func textsFor(r *http.Request) pageTexts {
	chosen := r.FormValue("lng")
	if languages[chosen] == nil {
		chosen = "en"
		for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
			tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
			if code, _, _ := strings.Cut(strings.ToLower(tag), "-"); languages[code] != nil {
				chosen = code
				break
			}
		}
	}
	other := map[string]string{"en": "nl", "nl": "en"}[chosen]
	return pageTexts{Lang: chosen, Other: other, texts: languages[chosen]}
}

var dutchMonths = [...]string{"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
	"oktober", "november", "december"}

// formatTime formats a time in the language.
func (t pageTexts) formatTime(at time.Time) string {
	at = at.Local()
	if t.Lang == "nl" {
		return fmt.Sprintf("%d %s %d, %s", at.Day(), dutchMonths[at.Month()-1], at.Year(), at.Format("15:04:05"))
	}
	return at.Format("2 January 2006, 15:04:05")
}
