package medmij

import (
	"context"
	"log/slog"
	"time"
)

// The steps that a DVP logs (Logging interface). The names of those of the token
// endpoint's answers are unconfirmed; they are made like those of the resource
// endpoint.
const (
	stepSendAuthorization    = "send_authorization_request"
	stepReceiveAuthorization = "receive_authorization_response"
	stepSendToken            = "send_token_request"
	stepReceiveToken         = "receive_token_response"
	stepTokenRequestError    = "receive_token_request_error"
	stepTokenErrorResponse   = "receive_token_error_response"
	stepSendResource         = "send_resource_request"
	stepReceiveResource      = "receive_resource_response"
	stepResourceRequestError = "receive_resource_request_error"
	stepResourceError        = "receive_resource_error_response"
)

// The error codes of the chain log that are not OAuth's own.
const (
	codeOther       = "other"
	codeUnavailable = "temporarily_unavailable"
)

// chain writes the chain log: one record a step, with the attributes of the Logging
// interface and nothing else. It is given no token, code, state or content to write.
type chainLog struct {
	log      *slog.Logger
	location string
	now      func() time.Time
}

// event names a step, and the run that it is of.
type chainEvent struct {
	step string
	// session is the X-Correlation-ID, trace the MedMij-Request-ID.
	session, trace string
}

// chainRequest is what was asked.
type chainRequest struct {
	method, client, server, uri, provider, service, grant string
}

// write writes one record. status and code are left out when they are empty.
func (c chainLog) write(ctx context.Context, e chainEvent, r chainRequest, status int, code, description string) {
	attrs := []slog.Attr{
		slog.String("type", e.step),
		slog.String("location", c.location),
		slog.String("datetime", c.now().UTC().Format("2006-01-02T15:04:05.000Z07:00")),
		slog.String("session_id", e.session),
		slog.String("trace_id", e.trace),
	}
	if r != (chainRequest{}) {
		attrs = append(attrs, nonEmptyGroup("request",
			"id", e.trace, "method", r.method, "client_id", r.client, "server_id", r.server, "uri", r.uri,
			"provider_id", r.provider, "service_id", r.service, "grant_type", r.grant))
	}
	level := slog.LevelInfo
	if status != 0 {
		attrs = append(attrs, slog.Group("response", slog.String("id", e.trace), slog.Int("status", status)))
	}
	if code != "" {
		level = slog.LevelWarn
		attrs = append(attrs, nonEmptyGroup("error", "code", code, "description", description))
	}
	c.log.LogAttrs(ctx, level, "medmij", attrs...)
}

// nonEmptyGroup is a group of those of the pairs that have a value.
func nonEmptyGroup(name string, pairs ...string) slog.Attr {
	var attrs []any
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			attrs = append(attrs, slog.String(pairs[i], pairs[i+1]))
		}
	}
	return slog.Group(name, attrs...)
}
