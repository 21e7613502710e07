package provider

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
)

// Fault is why a request got no answer. Its text is one of a few sentences and
// repeats nothing of the request or of what came back.
type Fault struct {
	// Sent says that something of the request may have reached the server.
	Sent bool
	// Timeout says that the time was up.
	Timeout bool
	Reason  string
}

// Error implements error.
func (f *Fault) Error() string { return f.Reason }

// refusal says in a few words why there was no connection.
func refusal(at stage, err error) string {
	if at != stageHandshake {
		var name *net.DNSError
		switch {
		case errors.As(err, &name):
			return "the host name cannot be resolved"
		case timeout(err):
			return "the server cannot be reached in time"
		}
		return "the server cannot be reached"
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
		return "the server's certificate is for another host"
	case errors.As(err, &unknown):
		return "the server's certificate is of an authority that is not trusted"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired, or is not valid yet"
	case errors.As(err, &any):
		return "the server's certificate is not valid"
	case ourCertificateRefused(err):
		return "the server does not take our certificate (" + alertText(err) + ")"
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case alertText(err) != "":
		return "the server broke off the TLS handshake (" + alertText(err) + ")"
	case timeout(err):
		return "the server did not finish the TLS handshake in time"
	}
	return "the TLS handshake with the server failed"
}

func timeout(err error) bool {
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
		badCertificate         = 42
		unsupportedCertificate = 43
		certificateRevoked     = 44
		certificateExpired     = 45
		certificateUnknown     = 46
		unknownCA              = 48
		accessDenied           = 49
		certificateRequired    = 116
	)
	for _, a := range []tls.AlertError{
		badCertificate, unsupportedCertificate, certificateRevoked, certificateExpired,
		certificateUnknown, unknownCA, accessDenied, certificateRequired,
	} {
		texts = append(texts, a.Error())
	}
	return texts
}()

func ourCertificateRefused(err error) bool {
	return slices.Contains(certificateAlerts, alertText(err))
}
