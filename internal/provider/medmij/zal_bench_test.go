package medmij

import (
	"fmt"
	"testing"
)

// BenchmarkReadZAL reads a list of 20,000 providers, about as many as the Netherlands have.
func BenchmarkReadZAL(b *testing.B) {
	services := make([]testService, 20_000)
	for i := range services {
		services[i] = sampleService()
		services[i].name = fmt.Sprintf("praktijk%d", i)
	}
	text := []byte(zal2XML(6, services...))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := strictReader.read(nameZAL, text); err != nil {
			b.Fatal(err)
		}
	}
}
