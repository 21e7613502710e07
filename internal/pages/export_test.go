package pages

// Patterns are those of every route, for tests that look at each.
func Patterns() []string {
	var patterns []string
	for _, rt := range (&site{}).routes() {
		patterns = append(patterns, rt.pattern)
	}
	return patterns
}

// LocalPath, FormTarget, AgentOf and Quote are tested by themselves.
var (
	LocalPath  = localPath
	FormTarget = formTarget
	AgentOf    = agentOf
	Quote      = quote
	KindOf     = kindOf
)
