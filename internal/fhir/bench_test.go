package fhir

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// benchBodies returns the valid bodies of the reference material, or those of testdata
// if that material is not available.
func benchBodies(b *testing.B) (all [][]byte, size int64, resources int) {
	b.Helper()
	folder := "testdata/valid"
	if shared := filepath.Join(testenv.Root(b), "..", "shared", "fhir", "stu3", "valid"); exists(shared) {
		folder = shared
	}
	for _, body := range bodies(b, folder) {
		r, err := Validate(STU3, body)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, body)
		size += int64(len(body))
		resources += len(r.Resources)
	}
	return all, size, resources
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func BenchmarkValidate(b *testing.B) {
	all, size, resources := benchBodies(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, body := range all {
			if _, err := Validate(STU3, body); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(resources)*float64(b.N)/b.Elapsed().Seconds(), "resources/s")
}

func BenchmarkPrepare(b *testing.B) {
	all, _, _ := benchBodies(b)
	size := int64(0)
	sendable := all[:0]
	for _, body := range all {
		if _, err := Prepare(STU3, body); err == nil {
			sendable = append(sendable, body)
			size += int64(len(body))
		}
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, body := range sendable {
			if _, err := Prepare(STU3, body); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkXHTML measures the check of the narratives alone.
func BenchmarkXHTML(b *testing.B) {
	all, _, _ := benchBodies(b)
	var narratives [][]byte
	size := int64(0)
	for _, body := range all {
		doc, f := parse(body)
		if f != nil {
			b.Fatal(f)
		}
		for i := range doc.nodes {
			if string(doc.name(uint32(i))) == "div" {
				narratives = append(narratives, bytes.Clone(doc.text(uint32(i))))
				size += int64(len(narratives[len(narratives)-1]))
			}
		}
		doc.close()
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range narratives {
			if problem := checkXHTML(s); problem != "" {
				b.Fatal(problem)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	all, size, _ := benchBodies(b)
	b.SetBytes(size)
	for b.Loop() {
		for _, body := range all {
			doc, f := parse(body)
			if f != nil {
				b.Fatal(f)
			}
			doc.close()
		}
	}
}

// BenchmarkTables measures what the first validation of a process costs.
func BenchmarkTables(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if t := decodeDefinitions(stu3Text, stu3Invariants()); len(t.types) < 400 {
			b.Fatal("the table is incomplete")
		}
	}
}

// BenchmarkAllTypes measures the decoding of every type and value set.
func BenchmarkAllTypes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		t := decodeDefinitions(stu3Text, stu3Invariants())
		for _, d := range t.types {
			d.loaded()
		}
		for _, l := range t.valueSets {
			l.loaded()
		}
	}
}
