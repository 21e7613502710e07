// Package demo is the demo clinic: a small web application written with the Go SDK,
// to show the main job and the code that does it, and the same job without a
// browser. It speaks to the server only as any application does; registering it is
// all that it asks of package library.
package demo
