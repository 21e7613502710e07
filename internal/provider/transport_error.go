package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
)

// TransportError is why a request got no answer. Its text is one of a few sentences and
// repeats nothing of the request or of what came back.
type TransportError struct {
	// Sent says that something of the request may have reached the server.
	Sent bool
	// Timeout says that the time was up.
	Timeout bool
	Reason  string
}

// What keeps a request from being answered. docs/providers.md says of each what became
// of the request, and what to do.
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

// causeTexts are the sentences of all of them.
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

// Error implements error.
func (f *TransportError) Error() string { return f.Reason }

// refusal says in a few words why there was no connection.
func connectionCause(at stage, err error) string {
	if at != stageHandshake {
		var name *net.DNSError
		switch {
		case errors.As(err, &name):
			return causeTexts[unknownHost]
		case isTimeout(err):
			return causeTexts[dialTimedOut]
		}
		return causeTexts[dialFailed]
	}
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		any     *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &host):
		return causeTexts[wrongHost]
	case errors.As(err, &unknown):
		return causeTexts[unknownAuthority]
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return causeTexts[expiredCertificate]
	case errors.As(err, &any):
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
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// alertText is the alert by which the other side broke off, "" if it sent none. The
// type of a received alert is private to crypto/tls; its text is not.
func alertText(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return ""
}

// certificateAlerts are those by which a server turns down a client's certificate
// (RFC 8446, section 6.2). Each of them ends the handshake.
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

func isClientCertificateAlert(err error) bool {
	return slices.Contains(certificateAlerts, alertText(err))
}
