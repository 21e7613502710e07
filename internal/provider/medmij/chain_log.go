package medmij

import (
	"context"
	"log/slog"
	"time"
)

// The steps that a DVP logs (Logging interface). The names for responses of the token
// endpoint are unconfirmed; they follow those of the resource endpoint.
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

// Error codes of the chain log that OAuth does not define.
const (
	codeOther       = "other"
	codeUnavailable = "temporarily_unavailable"
)

// chainLog writes the chain log: a record for each step, with the attributes of the
// Logging interface. Its methods get no token, code, state or content.
type chainLog struct {
	log      *slog.Logger
	location string
	now      func() time.Time
}

// chainEvent is a step, and the ids that connect it with the others.
type chainEvent struct {
	step string
	// session is the X-Correlation-ID, trace the MedMij-Request-ID.
	session, trace string
}

// chainRequest is a request as the log records it.
type chainRequest struct {
	method, client, server, uri, provider, service, grant string
}

// write writes a record. It omits an empty request, status or code.
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

// nonEmptyGroup returns a group of the pairs whose value is not empty.
func nonEmptyGroup(name string, pairs ...string) slog.Attr {
	var attrs []any
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			attrs = append(attrs, slog.String(pairs[i], pairs[i+1]))
		}
	}
	return slog.Group(name, attrs...)
}
