package simulator

import "net/http"

// backHandler has the routes of the backchannel.
func (s *Simulator) backHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{provider}/{service}/token", s.postToken)
	mux.HandleFunc("/{provider}/{service}/fhir", s.serveFHIR)
	mux.HandleFunc("/{provider}/{service}/fhir/{rest...}", s.serveFHIR)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.recordViolation(r, "address", "is not on the list of providers")
		http.Error(w, "there is no such address", http.StatusNotFound)
	})
	return limitBody(mux)
}

// frontHandler has the routes that a browser sees.
func (s *Simulator) frontHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.getHome)
	mux.HandleFunc("GET /style.css", s.getStyle)
	mux.HandleFunc("POST /switches", s.postSwitch)
	mux.HandleFunc("GET /{provider}/{service}/authorize", s.getAuthorize)
	mux.HandleFunc("GET /runs/{run}", s.getConsentPage)
	mux.HandleFunc("POST /runs/{run}", s.postDecision)
	return limitBody(http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", cspPolicy("'self'"))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})))
}

// policy lets a page show itself, and its forms lead where it says. Chromium holds
// against it also where the answer to a form redirects to.
func cspPolicy(forms string) string {
	return "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action " + forms
}

// bounded reads no more of a body than maxBody.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		next.ServeHTTP(w, r)
	})
}
