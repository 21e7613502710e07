package catalogue

import "github.com/carrelhq/carrel/digime/wire"

// Services is the answer of discovery/services, with which clients of before version 13 of the Node SDK and the mobile
// SDKs list the sources: they call a source a service, and a category a group.
type Services struct {
	Countries []wire.Country `json:"countries"`
	Groups    []ServiceGroup `json:"serviceGroups"`
	Services  []ServiceEntry `json:"services"`
}

// ServiceGroup is a category.
type ServiceGroup struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// ServiceEntry is a source. Every member is required by some client.
type ServiceEntry struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	// ServiceID is the id of the service that the source belongs to, as scopes name it.
	ServiceID       int                  `json:"serviceId"`
	Reference       string               `json:"reference,omitempty"`
	PublishedStatus wire.PublishedStatus `json:"publishedStatus"`
	PublishedDate   wire.Millis          `json:"publishedDate"`
	Groups          []ServiceReference   `json:"serviceGroups"`
	Countries       []ServiceReference   `json:"countries"`
	Resources       []ServiceResource    `json:"resources"`
	Platform        ServicePlatform      `json:"platform"`
}

// ServiceReference refers to a group or a country.
type ServiceReference struct {
	ID int `json:"id"`
}

// ServiceResource is a picture.
type ServiceResource struct {
	URL      string `json:"url"`
	MIMEType string `json:"mimetype"`
	Type     int    `json:"type"`
}

// ServicePlatform says where a source can be connected. The iOS SDK looks at the one called windows.
type ServicePlatform struct {
	Windows struct {
		Availability  string `json:"availability"`
		CurrentStatus string `json:"currentStatus"`
	} `json:"windows"`
}

// ListServices returns the sources that can be connected, sorted by name; with sampleOnly also those that have nothing
// but sample data. Version stands for what the answer was made of: it stays the same as long as that does.
func (c *Catalogue) ListServices(sampleOnly bool) (list Services, version any) {
	x := c.currentIndex()
	list = Services{Countries: make([]wire.Country, 0, len(c.file.countries)), Groups: []ServiceGroup{},
		Services: []ServiceEntry{}}
	for _, k := range c.file.countries { // without logos, which some clients take for something else
		list.Countries = append(list.Countries, wire.Country{ID: k.ID, Name: k.Name, Code: k.Code})
	}
	for _, g := range c.file.categories {
		list.Groups = append(list.Groups, ServiceGroup{g.ID, g.Name})
	}
	for i := range x.entries {
		s := &x.entries[i].Source
		sample := s.Status == wire.SampleDataOnly && s.HasSampleData()
		if s.Status == wire.Approved && s.Service.Status == wire.Approved || sampleOnly && sample {
			list.Services = append(list.Services, s.toService())
		}
	}
	return list, x
}

// ServicesVersion returns what ListServices returns as its version.
func (c *Catalogue) ServicesVersion() any { return c.currentIndex() }

func (s *Source) toService() ServiceEntry {
	e := ServiceEntry{ID: s.ID, Name: s.Title, ServiceID: s.Service.ID, Reference: s.Reference,
		PublishedStatus: s.Status, Groups: []ServiceReference{{s.Service.Category.ID}},
		Countries: make([]ServiceReference, 0, len(s.Countries)), Resources: []ServiceResource{}}
	if !s.Published.IsZero() {
		e.PublishedDate = wire.MillisOf(s.Published)
	}
	for _, k := range s.Countries {
		e.Countries = append(e.Countries, ServiceReference{k.ID})
	}
	if s.Logo != "" {
		logo := optionalLogo(s.Logo)
		e.Resources = append(e.Resources, ServiceResource{URL: logo.URL, MIMEType: logo.MIMEType})
	}
	e.Platform.Windows.Availability, e.Platform.Windows.CurrentStatus = "production", "available"
	return e
}
