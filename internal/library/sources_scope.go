package library

// SourcesScope narrows the sources that a person can choose from: to those that have some of the kinds of data, and to
// those of a kind of organisation. An empty field allows all.
type SourcesScope struct {
	DataTypes        []string `json:"dataType,omitempty"`
	OrganizationType string   `json:"organizationType,omitempty"`
}
