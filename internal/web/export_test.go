package web

// Patterns are those of every route, for tests that request each.
func Patterns(c Config) []string {
	var patterns []string
	for _, rt := range routes(newUI(c), c) {
		patterns = append(patterns, rt.pattern)
	}
	return patterns
}
