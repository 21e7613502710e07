package ui

import (
	"net/http"
	"net/url"
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
