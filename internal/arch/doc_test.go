// Package arch_test checks the rules of the source tree: what each package may
// import, the length of files, package comments. It has only tests, so it runs
// without a linter, and its messages give the reason of each rule.
package arch_test
