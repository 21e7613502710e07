package simulator

import (
	"net/http"
	"slices"
	"strings"
)

// listEndpoint serves the lists.
type listEndpoint struct{ *Simulator }

// listHandler returns the handler of the server of the lists, which is also the target of
// redirects.
func (s *Simulator) listHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /lists/{file}", listEndpoint{s}.serveList)
	mux.HandleFunc(outsidePath, s.serveOutside)
	return mux
}

// outsidePath is the target of redirects that a client must not follow.
const outsidePath = "/outside"

// outsideURL returns the target of redirects. Its host is not on the whitelist.
func (s *Simulator) outsideURL() string {
	return strings.Replace(s.listsURL, "localhost", "127.0.0.1", 1) + outsidePath
}

// serveOutside records that a client followed a redirect.
func (s *Simulator) serveOutside(w http.ResponseWriter, r *http.Request) {
	s.recordViolation(r, "outside", "followed a redirect to a host that is not on the whitelist")
	if r.Header.Get("Authorization") != "" {
		s.recordViolation(r, "outside", "sent the access token to the target of a redirect")
	}
	w.WriteHeader(http.StatusTeapot)
}

// serveList responds with a list, or fails as [Lists.SetFailure] has set.
func (s listEndpoint) serveList(w http.ResponseWriter, r *http.Request) {
	file, ok := strings.CutSuffix(r.PathValue("file"), ".xml")
	name := ListName(strings.TrimPrefix(file, "MedMij_"))
	if !ok || !slices.Contains(ListNames, name) {
		http.Error(w, "no such list", http.StatusNotFound)
		return
	}
	body, failure, err := s.Lists.document(name, s.Providers())
	if err != nil {
		s.Log.Error("could not write a list", "list", name, "error", err)
		failure = ListServerError
	}
	s.Log.Debug("list", "list", name, "failure", failure)
	list := response{status: http.StatusOK, contentType: "application/xml", body: body}
	switch failure {
	case ListUnreachable:
		abortConnection(w)
	case ListNotFound:
		http.Error(w, "not found", http.StatusNotFound)
	case ListServerError:
		http.Error(w, "internal error", http.StatusInternalServerError)
	case ListNotXML:
		htmlResponse(http.StatusOK).write(w)
	case ListTruncated:
		list.body = body[:len(body)*2/3]
		list.write(w)
	case ListEndless:
		writeEndless(w, "application/xml", body[:len(body)/2])
	case ListRedirect:
		http.Redirect(w, r, s.outsideURL(), http.StatusFound)
	case ListSlow:
		if waitOrAbort(w, r, defaultSlow) {
			list.write(w)
		}
	default:
		list.write(w)
	}
}
