// Package reference has the page for developers that shows the description of the protocol, docs/openapi.json, and the
// description itself. The page needs nothing from elsewhere and no script. The description is in English; what stands
// around it is in the language of the site.
package reference
