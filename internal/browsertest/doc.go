// Package browsertest opens tabs of a real browser, Chromium, for the tests of pages.
//
// The tests of a package share one Chromium. Each tab has cookies of its own, so tests can run in parallel. The
// TestMain of a package whose tests open tabs must call [testenv.Main], which closes the browser.
//
// With the flag -shots, [Tab.Check] and [Tab.Screenshot] write pictures of the pages into a folder.
package browsertest
