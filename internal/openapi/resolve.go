package openapi

import (
	"errors"
	"fmt"
	"strings"
)

// resolve replaces the references to responses, headers and examples by what they lead to, and checks those to schemas.
func (d *Document) resolve() error {
	r := resolver{document: d}
	c := d.Components
	for _, e := range c.Schemas {
		r.schema(e.Value)
	}
	for _, e := range c.Headers {
		r.schema(e.Value.Schema)
	}
	for _, e := range c.Responses {
		r.response(e.Value)
	}
	for _, path := range d.Paths {
		methods := map[*Operation]string{
			path.Value.Get: "GET", path.Value.Head: "HEAD", path.Value.Post: "POST", path.Value.Delete: "DELETE",
		}
		for _, o := range path.Value.Operations() {
			o.Method, o.Path = methods[o], path.Name
			r.operation(o)
		}
	}
	return errors.Join(r.errs...)
}

type resolver struct {
	document *Document
	errs     []error
}

func (r *resolver) lost(ref string) {
	r.errs = append(r.errs, fmt.Errorf("the reference %s leads nowhere", ref))
}

func (r *resolver) operation(o *Operation) {
	r.schema(o.Claims)
	for _, p := range o.Parameters {
		r.schema(p.Schema)
	}
	if o.RequestBody != nil {
		r.content(o.RequestBody.Content)
	}
	for i, e := range o.Responses {
		response := find(r, e.Value.Ref, "responses", r.document.Components.Responses, e.Value)
		if e.Value.Ref != "" && e.Value.Description != "" { // a reference may have a description of its own
			own := *response
			own.Description = e.Value.Description
			response = &own
		}
		o.Responses[i].Value = response
		r.response(response)
	}
}

func (r *resolver) response(response *Response) {
	for i, e := range response.Headers {
		response.Headers[i].Value = find(r, e.Value.Ref, "headers", r.document.Components.Headers, e.Value)
		r.schema(response.Headers[i].Value.Schema)
	}
	r.content(response.Content)
}

func (r *resolver) content(content Map[MediaType]) {
	for _, e := range content {
		r.schema(e.Value.Schema)
		for i, x := range e.Value.Examples {
			e.Value.Examples[i].Value = find(r, x.Value.Ref, "examples", r.document.Components.Examples, x.Value)
		}
	}
}

func (r *resolver) schema(s *Schema) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		if _, ok := r.document.Components.Schemas.Get(s.Name()); !ok {
			r.lost(s.Ref)
		}
	}
	for _, child := range s.children() {
		r.schema(child)
	}
}

// find returns the component that a reference leads to, and v itself if it is none.
func find[V any](r *resolver, ref, kind string, components Map[*V], v *V) *V {
	if ref == "" {
		return v
	}
	found, ok := components.Get(strings.TrimPrefix(ref, "#/components/"+kind+"/"))
	if !ok {
		r.lost(ref)
		return v
	}
	return found
}
