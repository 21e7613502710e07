package ui

// Parts that are tested by themselves.
var (
	FileKindKey = fileKindKey
	FormTarget  = formTarget
)

// NewTexts returns texts with the given messages only.
func NewTexts(messages map[string]string) *Texts {
	t := &Texts{Code: "en", messages: map[string][]Span{}}
	for key, text := range messages {
		t.messages[key] = parseMessage(text)
	}
	return t
}

// HasText reports whether there is a text for a key.
func (t *Texts) HasText(key string) bool { return len(t.messages[key]) > 0 }

// Number writes a number.
func (t *Texts) Number(n int) string { return t.number(n) }

// ErrorPageKeys are the keys of all error pages.
func ErrorPageKeys() []string {
	var keys []string
	for _, p := range []ErrorPage{
		PageLinkExpired, PageLinkUsed, PageLinkUnknown, PageBadRequest, PageContractEnded, PageWrongPerson,
		PageUnknownAccount, PageUnknownSource, PageBadForm, PageOtherLogin, PageStaleForm, PageBadFile,
		PageSandboxLimit, PageSandboxUsed, PageCookiesBlocked, PageNotFound, PageBusy, PageServerError,
	} {
		keys = append(keys, p.key)
	}
	return keys
}

// LoadPages parses every page in every language, and returns how many there are.
func (u *UI) LoadPages() (n int) {
	for _, pages := range u.templates {
		for _, page := range pages {
			page()
			n++
		}
	}
	return n
}
