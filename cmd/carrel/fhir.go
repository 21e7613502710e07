package main

import (
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
	Files   []string `arg:"" name:"file" help:"Files with one resource or Bundle each, in JSON; - is what comes in."`
	Version string   `help:"Version of FHIR: stu3 or r4." default:"stu3"`
	Send    bool     `help:"Apply the rules for sending, too: no BSN, nothing that a provider does not take."`
	JSON    bool     `help:"Print an OperationOutcome for each file."`
}

// Help is what --help adds.
func (fhirCheck) Help() string {
	return `Example:

  carrel fhir check --send observation.json bundle.json

A line for each file that is well formed, or one for each of its faults. Nothing of
what the files hold is repeated but names of elements and codes. It ends with 1 if
any file is broken.`
}

// errBroken is what check ends with; the faults have been printed.
var errBroken = errors.New("not every file is well formed")

// Run checks the files.
func (c *fhirCheck) Run() error {
	version, ok := fhir.ParseVersion(c.Version)
	if !ok {
		return fmt.Errorf("no version of FHIR is called %q: stu3 or r4", c.Version)
	}
	broken := false
	for _, name := range c.Files {
		body, err := readBody(name)
		if err != nil {
			return err
		}
		report, err := c.check(version, body)
		var faults *fhir.ValidationError
		if err != nil && !errors.As(err, &faults) {
			return fmt.Errorf("check %s: %w", name, err)
		}
		broken = broken || faults != nil
		c.print(name, report, faults)
	}
	if broken {
		return errBroken
	}
	return nil
}

// check holds a body to the structure, and to the rules for sending if they are
// asked for.
func (c *fhirCheck) check(version fhir.Version, body []byte) (*fhir.Report, error) {
	if !c.Send {
		return fhir.Validate(version, body)
	}
	out, err := fhir.Prepare(version, body)
	if err != nil {
		return nil, err
	}
	return out.Report, nil
}

func (c *fhirCheck) print(name string, report *fhir.Report, faults *fhir.ValidationError) {
	switch {
	case c.JSON && faults != nil:
		fmt.Printf("%s\n", faults.Outcome())
	case c.JSON:
		fmt.Printf("%s\n", report.Outcome())
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

// summary says in a few words what a file holds.
func summary(r *fhir.Report) string {
	words := []string{r.ResourceType}
	if r.BundleType != "" {
		words[0] += " " + r.BundleType + " of " + entries(len(r.Resources)-1)
	}
	for _, p := range r.Profiles {
		words = append(words, "profile "+p)
	}
	if !r.StructureChecked {
		words = append(words, "structure not checked")
	}
	return strings.Join(words, ", ")
}

func entries(n int) string {
	if n == 1 {
		return "1 resource"
	}
	return fmt.Sprintf("%d resources", n)
}

// readBody reads a file, or what comes in, up to what a check would refuse anyway.
func readBody(name string) (body []byte, err error) {
	in := os.Stdin
	if name != "-" {
		if in, err = os.Open(name); err != nil {
			return nil, err
		}
		defer func() { _ = in.Close() }()
	}
	body, err = io.ReadAll(io.LimitReader(in, fhir.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return body, nil
}
