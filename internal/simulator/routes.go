package simulator

import "net/http"

// backHandler returns the handler of the backchannel.
func (s *Simulator) backHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{provider}/{service}/token", tokenEndpoint{s}.postToken)
	mux.HandleFunc("/{provider}/{service}/fhir", s.serveFHIR)
	mux.HandleFunc("/{provider}/{service}/fhir/{rest...}", s.serveFHIR)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.recordViolation(r, "address", "is not on the list of providers")
		http.Error(w, "there is no such address", http.StatusNotFound)
	})
	return limitBody(mux)
}

// frontHandler returns the handler of the pages.
func (s *Simulator) frontHandler() http.Handler {
	mux := http.NewServeMux()
	home, authorization := homePage{s}, authorizationEndpoint{s}
	mux.HandleFunc("GET /{$}", home.getHome)
	mux.HandleFunc("GET /style.css", s.getStyle)
	mux.HandleFunc("POST /switches", home.postSwitch)
	mux.HandleFunc("GET /{provider}/{service}/authorize", authorization.getAuthorize)
	mux.HandleFunc("GET /runs/{run}", authorization.getConsentPage)
	mux.HandleFunc("POST /runs/{run}", authorization.postDecision)
	return limitBody(http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", cspPolicy("'self'"))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})))
}

// cspPolicy returns a Content-Security-Policy. forms is the source list of form-action:
// Chromium applies it also to the target of a redirect after a form.
func cspPolicy(forms string) string {
	return "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action " + forms
}

// limitBody limits request bodies to maxRequestBody.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		next.ServeHTTP(w, r)
	})
}
