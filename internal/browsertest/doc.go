// Package browsertest opens tabs of a real browser, Chromium, for the tests of pages.
//
// The tests of a package share one Chromium. Each tab has cookies of its own, like the browser of another person, so
// tests can run in parallel. A package whose tests open tabs hands its TestMain to [testenv.Main], which closes the
// browser after them.
//
// With the flag -shots, [Tab.Check] and [Tab.Screenshot] write pictures of the pages into a folder.
package browsertest
