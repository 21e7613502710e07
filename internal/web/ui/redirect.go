package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// SeeOther answers with a redirect. The target must be a page of this site, or an address that the library made.
func SeeOther(w http.ResponseWriter, r *http.Request, target string) error {
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}

// IsLocalPath reports whether a redirect target from a request is the path of a page of this site, and no browser can
// take it for another host.
func IsLocalPath(target string) bool {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.ContainsAny(target, "\\\t\r\n") {
		return false
	}
	u, err := url.Parse(target)
	return err == nil && u.Scheme == "" && u.Host == ""
}

// maxPageNumber bounds the numbers of pages in addresses.
const maxPageNumber = 1_000_000

// PageNumber reads the number of a page of a list from an address. Anything but a number is the first page.
func PageNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil && n > 1 && n < maxPageNumber {
		return n
	}
	return 1
}
