// Package demo is the demo clinic, a small web application written with the Go SDK. Its page shows the code that it
// runs; sdk_calls.go has that code. [Headless] does the same without a browser.
//
// The clinic calls a server as any application does. Only to register itself it uses package library.
package demo
