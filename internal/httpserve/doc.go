// Package httpserve has what every request to the server needs, be it a call of the protocol or a page: deadlines that
// move while client and server make progress, a count of what was sent, the address of the client, a limit of requests
// for each address, and a log line.
package httpserve
