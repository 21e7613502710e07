package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
)

// TransportError says why a request got no response. Its text is one of causeTexts and
// contains nothing of the request or of what the server sent.
type TransportError struct {
	// Sent reports whether bytes of the request may have reached the server.
	Sent bool
	// Timeout reports whether a timeout or the end of the context was the cause.
	Timeout bool
	Reason  string
}

// The causes. docs/providers.md has a row for each: the outcome, and what an operator
// can do.
const (
	badURL = iota
	notHTTPS
	unknownHost
	dialTimedOut
	dialFailed
	wrongHost
	unknownAuthority
	expiredCertificate
	badCertificate
	clientCertificateRefused
	notTLS
	handshakeAborted
	handshakeTimedOut
	handshakeFailed
	timeoutBeforeSend
	closedBeforeSend
	responseTimedOut
	malformedResponse
	closedBeforeResponse
)

// causeTexts are the texts of the causes. Applications show them.
var causeTexts = [...]string{
	badURL:                   "the address cannot be used",
	notHTTPS:                 "the address is not https",
	unknownHost:              "the host name cannot be resolved",
	dialTimedOut:             "the server cannot be reached in time",
	dialFailed:               "the server cannot be reached",
	wrongHost:                "the server's certificate is for another host",
	unknownAuthority:         "the server's certificate is of an authority that is not trusted",
	expiredCertificate:       "the server's certificate has expired, or is not valid yet",
	badCertificate:           "the server's certificate is not valid",
	clientCertificateRefused: "the server does not take our certificate",
	notTLS:                   "the server does not speak TLS",
	handshakeAborted:         "the server broke off the TLS handshake",
	handshakeTimedOut:        "the server did not finish the TLS handshake in time",
	handshakeFailed:          "the TLS handshake with the server failed",
	timeoutBeforeSend:        "there was no time to send it",
	closedBeforeSend:         "the connection was closed before the request was sent",
	responseTimedOut:         "the server did not answer in time",
	malformedResponse:        "the answer is not HTTP, or was cut off",
	closedBeforeResponse:     "the connection was cut before the server answered",
}

// Error implements [error].
func (e *TransportError) Error() string { return e.Reason }

// connectReason says why there is no connection.
func connectReason(stage connectStage, err error) string {
	if stage == stageHandshake {
		return handshakeReason(err)
	}
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return causeTexts[unknownHost]
	case isTimeout(err):
		return causeTexts[dialTimedOut]
	}
	return causeTexts[dialFailed]
}

// handshakeReason says why a TLS handshake failed.
func handshakeReason(err error) string {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &host):
		return causeTexts[wrongHost]
	case errors.As(err, &unknown):
		return causeTexts[unknownAuthority]
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return causeTexts[expiredCertificate]
	case errors.As(err, &verify):
		return causeTexts[badCertificate]
	case isClientCertificateAlert(err):
		return causeTexts[clientCertificateRefused] + " (" + alertText(err) + ")"
	case errors.As(err, &record):
		return causeTexts[notTLS]
	case alertText(err) != "":
		return causeTexts[handshakeAborted] + " (" + alertText(err) + ")"
	case isTimeout(err):
		return causeTexts[handshakeTimedOut]
	}
	return causeTexts[handshakeFailed]
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

// alertText returns the text of the TLS alert that the server sent, or "". The type of
// a received alert is private to crypto/tls; its text is not.
func alertText(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return ""
}

// certificateAlerts are the texts of the alerts with which a server refuses a client's
// certificate (RFC 8446, section 6.2). Each of them ends the handshake.
var certificateAlerts = func() (texts []string) {
	const (
		certificateBad         = 42
		unsupportedCertificate = 43
		certificateRevoked     = 44
		certificateExpired     = 45
		certificateUnknown     = 46
		unknownCA              = 48
		accessDenied           = 49
		certificateRequired    = 116
	)
	for _, a := range []tls.AlertError{
		certificateBad, unsupportedCertificate, certificateRevoked, certificateExpired,
		certificateUnknown, unknownCA, accessDenied, certificateRequired,
	} {
		texts = append(texts, a.Error())
	}
	return texts
}()

// isClientCertificateAlert reports whether the server refused the client's certificate.
func isClientCertificateAlert(err error) bool {
	return slices.Contains(certificateAlerts, alertText(err))
}
