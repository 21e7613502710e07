package carreltest

import (
	"slices"
	"strings"
	"sync"
)

// Secrets are texts that no log and no error may hold. A world plants the passwords, the codes, the tokens and
// the signed requests that its verbs make.
type Secrets struct {
	mu   sync.Mutex
	list []string
}

// Plant adds secrets.
func (s *Secrets) Plant(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, secrets...)
}

// Forget removes a secret, where an answer may repeat it.
func (s *Secrets) Forget(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(other string) bool { return other == secret })
}

// In returns the first secret that a text holds, or "".
func (s *Secrets) In(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.list {
		if secret != "" && strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}
