package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/carrelhq/carrel/internal/fhir"
)

type fhirCmd struct {
	Check fhirCheck `cmd:"" help:"Check FHIR resources and Bundles, as a push to a provider does."`
}

type fhirCheck struct {
	Files   []string `arg:"" name:"file" help:"Files with one resource or Bundle each, in JSON; - is standard input."`
	Version string   `help:"Version of FHIR: stu3 or r4." default:"stu3"`
	Send    bool     `help:"Apply the rules for sending too: no BSN, nothing that a provider does not accept."`
	JSON    bool     `help:"Print an OperationOutcome for each file."`
}

// Help is what --help adds.
func (fhirCheck) Help() string {
	return `Example:

  carrel fhir check --send observation.json bundle.json

It prints a line for each file that is well formed, or a line for each fault. Names of
elements and codes are printed, values of the files are not. It exits with 1 if any file
is not well formed.`
}

// errBroken is the error of check after it has printed the faults.
var errBroken = errors.New("not every file is well formed")

// byteOrderMark is what some editors on Windows put before a file in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

const byteOrderMarkNote = "The file begins with a byte order mark, which this check leaves out: " +
	"remove it before a push."

// Run checks the files.
func (c *fhirCheck) Run() error {
	fhirVersion, ok := fhir.ParseVersion(c.Version)
	if !ok {
		return fmt.Errorf("unknown version of FHIR %q: use stu3 or r4", c.Version)
	}
	broken := false
	for _, name := range c.Files {
		body, err := readBody(name)
		if err != nil {
			return err
		}
		var notes []string
		if rest, ok := bytes.CutPrefix(body, byteOrderMark); ok {
			body, notes = rest, append(notes, byteOrderMarkNote)
		}
		report, err := c.check(fhirVersion, body)
		var faults *fhir.ValidationError
		if err != nil && !errors.As(err, &faults) {
			return fmt.Errorf("check %s: %w", name, err)
		}
		broken = broken || faults != nil
		c.print(name, notes, report, faults)
	}
	if broken {
		return errBroken
	}
	return nil
}

// check checks the structure of a body and, with --send, the rules for sending.
func (c *fhirCheck) check(fhirVersion fhir.Version, body []byte) (*fhir.Report, error) {
	if !c.Send {
		return fhir.Validate(fhirVersion, body)
	}
	out, err := fhir.Prepare(fhirVersion, body)
	if err != nil {
		return nil, err
	}
	return out.Report, nil
}

// print prints what the check of a file has found, after the notes about it.
func (c *fhirCheck) print(name string, notes []string, report *fhir.Report, faults *fhir.ValidationError) {
	switch {
	case c.JSON && faults != nil:
		fmt.Printf("%s\n", faults.OperationOutcome(notes...))
		return
	case c.JSON:
		fmt.Printf("%s\n", report.OperationOutcome(notes...))
		return
	}
	for _, note := range notes {
		fmt.Printf("%s: note: %s\n", name, note)
	}
	switch {
	case faults != nil:
		for _, f := range faults.Issues {
			fmt.Printf("%s: %s\n", name, f)
		}
		if faults.Truncated {
			fmt.Printf("%s: there are more faults\n", name)
		}
	default:
		fmt.Printf("%s: ok (%s)\n", name, summary(report))
	}
}

// summary describes the content of a file in a few words.
func summary(r *fhir.Report) string {
	words := []string{r.ResourceType}
	if r.BundleType != "" {
		words[0] += " " + r.BundleType + " of " + count(len(r.Resources)-1, "resource")
	}
	for _, p := range r.Profiles {
		words = append(words, "profile "+p)
	}
	if !r.StructureChecked {
		words = append(words, "structure not checked")
	}
	return strings.Join(words, ", ")
}

// readBody reads a file or standard input, and stops after what a check refuses anyway.
func readBody(name string) (body []byte, err error) {
	in := os.Stdin
	if name != "-" {
		if in, err = os.Open(name); err != nil {
			return nil, err
		}
		defer func() { _ = in.Close() }()
	}
	body, err = io.ReadAll(io.LimitReader(in, int64(fhir.MaxBody+len(byteOrderMark)+1)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return body, nil
}
