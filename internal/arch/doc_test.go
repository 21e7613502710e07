// Package arch_test holds the rules of the source tree: which way imports may
// point, and a few habits of the house. It is a test and nothing else, so it
// runs without a linter and its messages say why.
package arch_test
