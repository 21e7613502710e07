package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// definitions are the parts of a version's definitions that the generator uses.
type definitions struct {
	version     string
	structures  []*structure // types before resources, each sorted by id
	valueSets   map[string]*valueSet
	codeSystems map[string]*codeSystem
	invariants  map[string]map[string]bool // from the key of an invariant to the set of its expressions
}

// structure is the part of a StructureDefinition that is used.
type structure struct {
	ID             string `json:"id"`
	FHIRVersion    string `json:"fhirVersion"`
	Kind           string `json:"kind"`
	Abstract       bool   `json:"abstract"`
	Derivation     string `json:"derivation"`
	BaseDefinition string `json:"baseDefinition"`
	Snapshot       struct {
		Element []*element `json:"element"`
	} `json:"snapshot"`
}

type element struct {
	Path             string        `json:"path"`
	Min              int           `json:"min"`
	Max              string        `json:"max"`
	ContentReference string        `json:"contentReference"`
	Type             []elementType `json:"type"`
	Base             *struct {
		Path string `json:"path"`
	} `json:"base"`
	Binding *struct {
		Extension []struct {
			URL            string     `json:"url"`
			ValueReference *reference `json:"valueReference"`
		} `json:"extension"`
		Strength          string     `json:"strength"`
		ValueSetURI       string     `json:"valueSetUri"`
		ValueSetReference *reference `json:"valueSetReference"`
		ValueSet          string     `json:"valueSet"` // since R4
	} `json:"binding"`
	Constraint []struct {
		Key        string `json:"key"`
		Severity   string `json:"severity"`
		Expression string `json:"expression"`
	} `json:"constraint"`
}

type reference struct {
	Reference string `json:"reference"`
}

type elementType struct {
	Code          string          `json:"code"`
	Profile       json.RawMessage `json:"profile"`       // one URL in STU3, a list since R4
	TargetProfile json.RawMessage `json:"targetProfile"` // likewise
}

type valueSet struct {
	URL     string `json:"url"`
	Compose struct {
		Include []include `json:"include"`
		Exclude []include `json:"exclude"`
	} `json:"compose"`
}

type include struct {
	System  string `json:"system"`
	Concept []struct {
		Code string `json:"code"`
	} `json:"concept"`
	Filter []struct {
		Property string `json:"property"`
		Op       string `json:"op"`
		Value    string `json:"value"`
	} `json:"filter"`
	ValueSet []string `json:"valueSet"`
}

type codeSystem struct {
	URL     string    `json:"url"`
	Content string    `json:"content"`
	Concept []concept `json:"concept"`
}

type concept struct {
	Code     string    `json:"code"`
	Concept  []concept `json:"concept"`
	Property []struct {
		Code      string `json:"code"`
		ValueCode string `json:"valueCode"`
	} `json:"property"`
}

// load reads the definitions in a folder.
func load(folder string) (*definitions, error) {
	d := &definitions{
		valueSets:   map[string]*valueSet{},
		codeSystems: map[string]*codeSystem{},
		invariants:  map[string]map[string]bool{},
	}
	for _, name := range []string{"profiles-types", "profiles-resources", "profiles-others"} {
		if err := readBundle(filepath.Join(folder, name+".json.gz"), d.addStructure); err != nil {
			return nil, err
		}
	}
	// Not every version has all of these.
	for _, name := range []string{"valuesets", "v3-codesystems", "v2-tables"} {
		err := readBundle(filepath.Join(folder, name+".json.gz"), d.addTerminology)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	slices.SortFunc(d.structures, func(a, b *structure) int {
		if a.Kind != b.Kind {
			return strings.Compare(a.Kind, b.Kind) // complex-type before resource
		}
		return strings.Compare(a.ID, b.ID)
	})
	return d, nil
}

// readBundle calls add with each resource of a compressed Bundle.
func readBundle(file string, add func(resourceType string, raw json.RawMessage) error) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read definitions: %w", err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var bundle struct {
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if err := json.NewDecoder(z).Decode(&bundle); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, e := range bundle.Entry {
		var head struct {
			ResourceType string `json:"resourceType"`
		}
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := add(head.ResourceType, e.Resource); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (d *definitions) addStructure(resourceType string, raw json.RawMessage) error {
	if resourceType != "StructureDefinition" {
		return nil
	}
	s := &structure{}
	if err := json.Unmarshal(raw, s); err != nil {
		return err
	}
	if s.Kind != "complex-type" && s.Kind != "resource" {
		return nil // a primitive, which package fhir has in its code, or a logical model, which is not a type
	}
	if s.Derivation == "constraint" && s.ID != simpleQuantity {
		return nil // a profile, which is not a type
	}
	if s.FHIRVersion > d.version {
		d.version = s.FHIRVersion
	}
	d.structures = append(d.structures, s)
	for _, e := range s.Snapshot.Element {
		for _, c := range e.Constraint {
			if d.invariants[c.Key] == nil {
				d.invariants[c.Key] = map[string]bool{}
			}
			d.invariants[c.Key][c.Expression] = true
		}
	}
	return nil
}

func (d *definitions) addTerminology(resourceType string, raw json.RawMessage) error {
	switch resourceType {
	case "ValueSet":
		v := &valueSet{}
		if err := json.Unmarshal(raw, v); err != nil {
			return err
		}
		d.valueSets[v.URL] = v
	case "CodeSystem":
		c := &codeSystem{}
		if err := json.Unmarshal(raw, c); err != nil {
			return err
		}
		d.codeSystems[c.URL] = c
	}
	return nil
}
