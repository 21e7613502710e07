package onboarding

import (
	"errors"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// checkSource refuses a request that names a source, or a sample data set, which a person cannot connect here: the
// answer to it would tell the application that it is connected. Where the person chooses a source, they are told that
// they cannot choose that one, and can choose another.
func (p *Pages) checkSource(flow *requestFlow) error {
	q := flow.query
	if flow.request.Kind != library.AuthorizeRequest && flow.request.Kind != library.OnboardRequest ||
		q.service == 0 && q.sample == "" {
		return nil
	}
	if q.sample == "" || !q.push {
		if asks, err := p.connections.AsksForSource(flow.request, q.connectionQuery()); asks || err != nil {
			return err
		}
	}
	// Only a contract that writes can send, and only one that reads collects.
	access, sources := flow.request.Client.Contract.Access, q.connectionQuery().SampleQuery(flow.request)
	if access != library.Read {
		sources.Scope = library.SourcesScope{}
	}
	mayConnect, withoutSet := !q.push || access == library.Write, sources
	withoutSet.Set = ""
	switch {
	case mayConnect && p.catalogue.Offers(q.service, q.push, sources):
		return nil
	case mayConnect && p.catalogue.Offers(q.service, q.push, withoutSet):
		return ui.PageUnknownSampleSet.Wrap(errors.New("address names a sampleDataSet that the source does not have, " +
			"or no source: permission-access/sample/datasets lists those of a source")).For(flow.request)
	}
	return ui.PageUnknownSource.Wrap(errors.New("address names a source that cannot be connected")).For(flow.request)
}
